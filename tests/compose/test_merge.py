"""Several files to one model; more in the differential tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine.compose.merge import merge, without
from engine.errors import ComposeError
from engine.model.spec import PortSpec, Project

FILES = ["docker-compose.yml", "over.yml"]


@pytest.mark.parametrize(
    ("base", "over", "expected"),
    [
        ({"image": "a"}, {"image": "b"}, {"image": "b"}),
        ({"image": "a"}, {"image": None}, {"image": "a"}),
        (
            {"environment": {"A": "1", "B": "1"}},
            {"environment": {"B": "2"}},
            {"environment": {"A": "1", "B": "2"}},
        ),
        ({"command": ["a", "b"]}, {"command": ["c"]}, {"command": ["c"]}),
        ({"entrypoint": ["a"]}, {"entrypoint": []}, {"entrypoint": []}),
        ({"dns": ["1", "2"]}, {"dns": ["2", "3"]}, {"dns": ["1", "2", "3"]}),
        (
            {"volumes": [{"target": "/a", "source": "1"}, {"target": "/b"}]},
            {"volumes": [{"target": "/a", "source": "2"}]},
            {"volumes": [{"target": "/a", "source": "2"}, {"target": "/b"}]},
        ),
        (
            {"ports": [{"target": 80, "published": "80"}]},
            {"ports": [{"target": 80, "published": "80"}, {"target": 80, "published": "81"}]},
            {"ports": [{"target": 80, "published": "80"}, {"target": 80, "published": "81"}]},
        ),
        (
            {"healthcheck": {"test": ["CMD", "a"], "retries": 3}},
            {"healthcheck": {"test": "b"}},
            {"healthcheck": {"test": "b", "retries": 3}},
        ),
        (
            {"ulimits": {"nofile": {"soft": 1, "hard": 2}}},
            {"ulimits": {"nofile": 5}},
            {"ulimits": {"nofile": 5}},
        ),
        (
            {"logging": {"driver": "a", "options": {"x": "1"}}},
            {"logging": {"options": {"y": "2"}}},
            {"logging": {"driver": "a", "options": {"x": "1", "y": "2"}}},
        ),
        (
            {"logging": {"driver": "a", "options": {"x": "1"}}},
            {"logging": {"driver": "b"}},
            {"logging": {"driver": "b"}},
        ),
    ],
)
def test_a_service_over_another(base: dict[str, Any], over: dict[str, Any], expected: Any) -> None:
    assert merge(base, over, ("services", "a")) == expected


def test_neither_side_is_changed() -> None:
    base, over = {"a": {"b": [1]}}, {"a": {"b": [2]}}
    merge(base, over)
    assert (base, over) == ({"a": {"b": [1]}}, {"a": {"b": [2]}})


def test_keys_can_be_taken_away() -> None:
    assert without({"a": {"b": 1, "c": 2}}, [("a", "b"), ("no", "where")]) == {"a": {"c": 2}}


def test_reset_and_override_replace_what_earlier_files_say(load: Callable[..., Project]) -> None:
    project = load(
        "services: {a: {image: x, ports: ['80:80'], environment: {A: 1}, volumes: [./v:/v]}}",
        {
            "over.yml": """
                services:
                  a:
                    ports: !override ["81:81"]
                    environment: !reset null
            """
        },
        compose_file=FILES,
    )

    service = project.services["a"]
    assert service.ports == (PortSpec(target=81, published="81"),)
    assert service.environment == {}
    assert [mount.target for mount in service.mounts] == ["/v"]


def test_an_error_names_the_file_that_wrote_the_key(refused: Callable[..., ComposeError]) -> None:
    over = {"over.yml": "services: {a: {shm_size: huge}}"}

    error = refused("services: {a: {image: x, mem_limit: 1g}}", files=over, compose_file=FILES)

    assert (error.file, error.key) == ("over.yml", "services.a.shm_size")


def test_each_file_is_checked_for_itself(refused: Callable[..., ComposeError]) -> None:
    over = {"over.yml": "services: {a: {bogus: 1}}"}
    assert refused("services: {a: {image: x}}", files=over, compose_file=FILES).file == "over.yml"
