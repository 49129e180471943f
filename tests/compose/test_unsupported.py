"""What our own runtime cannot honour: an error, but only for what is needed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.compose import needed
from engine.compose.project import REFUSED_SECTIONS
from engine.errors import ComposeError
from engine.model.spec import Project

Load = Callable[..., Project]

TOP = """
models: {m: {model: x}}
volumes: {v: }
"""


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ("models: [m]", "models"),
        ("provider: {type: x}", "provider"),
        ("scale: 2", "scale"),
        ("deploy: {replicas: 2}", "deploy.replicas"),
        ("deploy: {mode: global-job}", "deploy.mode"),
        ("build: {context: ., secrets: [s]}", "build.secrets"),
        ("build: {context: ., ssh: [default]}", "build.ssh"),
        ("build: {context: ., isolation: process}", "build.isolation"),
        ("build: {context: ., additional_contexts: {a: b}}", "build.additional_contexts"),
        ("build: {dockerfile_inline: FROM x}", "build.dockerfile_inline"),
        ("build: https://example.org/repository.git", "build.context"),
        ("volumes: [{type: image, source: x, target: /x}]", "volumes[0].type"),
        (
            "volumes: [{type: volume, source: v, target: /x, volume: {subpath: s}}]",
            "volumes[0].volume.subpath",
        ),
        ("post_start: [{command: x}]", "post_start"),
        ("pull_policy: daily", "pull_policy"),
        ("use_api_socket: true", "use_api_socket"),
        ("blkio_config: {weight: 10}", "blkio_config"),
        ("networks: {default: {interface_name: eth7}}", "networks.default.interface_name"),
    ],
)
def test_a_key_that_cannot_be_honoured_stops_only_what_needs_it(
    load: Load, keys: str, key: str
) -> None:
    project = load(f"services:\n  a:\n    image: x\n    {keys}\n  b: {{image: x}}\n{TOP}")

    assert needed(project, ["b"]) == ("b",)
    with pytest.raises(ComposeError) as caught:
        needed(project, ["a"])
    assert (caught.value.file, caught.value.service, caught.value.key) == (
        "docker-compose.yml",
        "a",
        f"services.a.{key}",
    )
    assert "--runtime compose, after pip install 'dockwarden[compose]'" in str(caught.value)


@pytest.mark.parametrize(
    "keys",
    ["scale: 1", "deploy: {replicas: 1, mode: replicated}", "use_api_socket: false", "secrets: []"],
)
def test_what_asks_for_nothing_special_is_honoured(load: Load, keys: str) -> None:
    assert needed(load(f"services:\n  a:\n    image: x\n    {keys}\n"), ["a"]) == ("a",)


def test_all_findings_are_named_at_once(load: Load) -> None:
    project = load(f"services: {{a: {{image: x, models: [m], scale: 3}}}}\n{TOP}")
    with pytest.raises(ComposeError, match=r"\(also: services\.a\.scale\)"):
        needed(project, ["a"])


def test_a_dependency_that_cannot_be_honoured_stops_its_dependant(load: Load) -> None:
    project = load("services: {a: {image: x, depends_on: [b]}, b: {image: x, scale: 2}}")
    with pytest.raises(ComposeError) as caught:
        needed(project, ["a"])
    assert caught.value.service == "b"


@pytest.mark.parametrize("section", REFUSED_SECTIONS)
def test_a_section_that_brings_in_more_is_named_before_what_it_would_bring(
    load: Load, section: str
) -> None:
    value = {"include": "[other.yml]", "jobs": "{b: {image: x}}"}[section]
    with pytest.raises(ComposeError) as caught:
        load(f"{section}: {value}\nservices: {{a: {{image: x, depends_on: [b]}}}}")
    assert (caught.value.service, caught.value.key) == (None, section)
    assert REFUSED_SECTIONS[section] in str(caught.value)


def test_a_missing_env_file_stops_only_what_needs_it(load: Load) -> None:
    project = load("services: {a: {image: x, env_file: absent.env}, b: {image: x}}")

    assert needed(project, ["b"]) == ("b",)
    with pytest.raises(
        ComposeError, match=r"there is no env_file .*absent\.env; create it"
    ) as caught:
        needed(project, ["a"])
    assert caught.value.key == "services.a.env_file[0]"


def test_the_compose_runtime_refuses_nothing(load: Load) -> None:
    project = load("services: {a: {image: x, scale: 2}}")
    assert needed(project, ["a"], refuse=False) == ("a",)
