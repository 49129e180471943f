"""Removals when the engine's answers are lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker.errors
import pytest
import requests

from engine.errors import RemovalFailed
from engine.model.spec import Project, ServiceSpec
from engine.runtimes.docker.containers.resources import remove_networks
from engine.runtimes.docker.runtime import DockerRuntime
from engine.util.virtual_clock import run

LOST = requests.exceptions.ReadTimeout("read timed out")
REFUSED = docker.errors.APIError("driver failed")


class Client:
    """An engine without resources of dockwarden, once it says so."""

    def __init__(self, *before: Exception) -> None:
        self.before = [*before]
        self.listed = 0

    def containers(self, **_: Any) -> list[Any]:
        self.listed += 1
        if self.before:
            raise self.before.pop(0)
        return []


def remove(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def calls(call: Callable[[Any], Any]) -> Any:
        return call(client)

    async def story() -> None:
        project = Project("removal", Path.cwd(), (), {"alpha": ServiceSpec("alpha")})
        runtime = DockerRuntime(project)
        monkeypatch.setattr(runtime, "_calls", calls)
        await runtime.remove("alpha", grace_s=0)

    run(story())


def test_what_got_no_answer_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(LOST, LOST)
    remove(client, monkeypatch)
    assert client.listed == 4


@pytest.mark.parametrize(
    ("answers", "listed"),
    [((LOST, LOST, LOST, LOST), 3), ((REFUSED, LOST), 1), ((LOST, REFUSED), 2)],
)
def test_it_is_not_asked_for_ever_nor_against_a_refusal(
    answers: tuple[Exception, ...], listed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(*answers)
    with pytest.raises(RemovalFailed, match="could not be removed"):
        remove(client, monkeypatch)
    assert client.listed == listed


class Networks:
    """An engine that does not remove a network."""

    def __init__(self, error: docker.errors.APIError, containers: dict[str, Any]) -> None:
        self.error = error
        self.on_it = containers

    def networks(self, **_: Any) -> list[dict[str, Any]]:
        return [{"Id": "n" * 64, "Name": "p_default", "Labels": {}}]

    def remove_network(self, _network_id: str) -> None:
        raise self.error

    def inspect_network(self, _network_id: str) -> dict[str, Any]:
        return {"Containers": self.on_it}

    def inspect_container(self, container_id: str) -> dict[str, Any]:
        return {"Id": container_id, "Name": "/p-alpha-1", "Config": {"Labels": {}}}


@pytest.mark.parametrize(
    ("said", "containers", "what_to_do"),
    [
        ("network p_default has active endpoints", {}, True),
        ("network p_default has active endpoints", {"c" * 64: {}}, False),
        ("driver failed", {}, False),
    ],
)
def test_a_network_that_the_engine_cannot_let_go_of_is_named_with_what_to_do(
    said: str, containers: dict[str, Any], *, what_to_do: bool
) -> None:
    client: Any = Networks(docker.errors.APIError(said), containers)
    left = remove_networks("p", lambda _: True, lambda *_: True, client)
    assert left["network p_default"].startswith(said)
    assert ("restart the engine" in left["network p_default"]) is what_to_do
