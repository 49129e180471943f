"""Which services are needed, in which order, and what stops them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.compose import needed
from engine.compose.order import profiles_of
from engine.errors import ComposeError
from engine.model.spec import Project

Load = Callable[..., Project]

CHAIN = """
services:
  base: {image: x}
  cache: {image: x, depends_on: [base]}
  pytorch: {image: x, depends_on: [base, cache]}
  vllm: {image: x, network_mode: "service:cache"}
  idle: {image: x}
"""


@pytest.mark.parametrize(
    ("backends", "expected"),
    [
        (["idle"], ("idle",)),
        (["pytorch"], ("base", "cache", "pytorch")),
        (["vllm"], ("base", "cache", "vllm")),
        ([], ()),
    ],
)
def test_a_backend_comes_after_what_it_depends_on(
    load: Load, backends: list[str], expected: tuple[str, ...]
) -> None:
    assert needed(load(CHAIN), backends) == expected


def test_several_backends_share_what_they_depend_on(load: Load) -> None:
    found = needed(load(CHAIN), ["vllm", "pytorch", "vllm"])

    assert sorted(found) == ["base", "cache", "pytorch", "vllm"]
    assert (
        found.index("base")
        < found.index("cache")
        < min(found.index("vllm"), found.index("pytorch"))
    )


def test_an_unknown_backend_is_told_the_nearest_and_all(load: Load) -> None:
    with pytest.raises(ComposeError) as caught:
        needed(load(CHAIN), ["pytroch"])

    assert caught.value.service == "pytroch"
    assert "there is no service 'pytroch'; did you mean 'pytorch'?" in str(caught.value)
    assert "the file has base, cache, idle, pytorch, vllm" in str(caught.value)


def test_a_circle_is_shown_when_the_file_is_read(refused: Callable[..., ComposeError]) -> None:
    error = refused("""
        services:
          a: {image: x, depends_on: [b]}
          b: {image: x, depends_on: [c]}
          c: {image: x, depends_on: [a]}
    """)
    assert "depend on each other in a circle: a -> b -> c -> a" in str(error)


def test_a_dependency_that_is_not_there_is_said(refused: Callable[..., ComposeError]) -> None:
    error = refused("services: {a: {image: x, depends_on: [bas]}, base: {image: x}}")

    assert error.key == "services.a.depends_on"
    assert "it depends on 'bas', which is no service of the project; did you mean 'base'?" in str(
        error
    )


def test_an_optional_dependency_need_not_be_there(load: Load) -> None:
    project = load("""
        services:
          a: {image: x, depends_on: {gone: {condition: service_started, required: false}}}
    """)
    assert needed(project, ["a"]) == ("a",)


PROFILES = """
services:
  a: {image: x, depends_on: [helper]}
  b: {image: x, profiles: [dev], depends_on: [helper]}
  c: {image: x, depends_on: {helper: {condition: service_started, required: false}}}
  helper: {image: x, profiles: [dev]}
"""


def test_a_named_backend_is_active_and_so_are_its_profiles(load: Load) -> None:
    assert needed(load(PROFILES), ["b"]) == ("helper", "b")


def test_an_inactive_dependency_is_an_error_that_says_how_to_activate_it(load: Load) -> None:
    with pytest.raises(
        ComposeError, match=r"'helper', which is inactive; activate its profile \(dev\)"
    ):
        needed(load(PROFILES), ["a"])


def test_an_inactive_optional_dependency_is_left_out(load: Load) -> None:
    assert needed(load(PROFILES), ["c"]) == ("c",)


@pytest.mark.parametrize(
    "options", [{"profiles": ["dev"]}, {"env": {"COMPOSE_PROFILES": "other, dev"}}], ids=str
)
def test_profiles_are_activated_by_the_caller(load: Load, options: dict[str, object]) -> None:
    assert needed(load(PROFILES, **options), ["a"]) == ("helper", "a")


def test_containers_named_alike_are_refused_where_both_are_needed(load: Load) -> None:
    project = load("""
        services:
          cpu: {image: x, container_name: one, profiles: [cpu]}
          gpu: {image: x, container_name: one, profiles: [gpu], depends_on: [db]}
          db: {image: x, profiles: [gpu, data]}
    """)

    assert needed(project, ["cpu"]) == ("cpu",)
    with pytest.raises(ComposeError, match=r"the container of '[cg]pu' is named 'one' as well"):
        needed(project, ["cpu", "gpu"])
    assert profiles_of(project, ["cpu"]) == ("cpu",)
    assert profiles_of(project, ["gpu"]) == ("gpu", "data")


def test_a_dependency_that_is_named_as_well_is_active(load: Load) -> None:
    assert needed(load(PROFILES), ["a", "helper"]) == ("helper", "a")
