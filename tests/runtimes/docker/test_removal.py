"""What becomes of a removal when the engine's answers are lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker.errors
import pytest
import requests

from engine.errors import RemovalFailed
from engine.model.spec import Project, ServiceSpec
from engine.runtimes.docker.runtime import DockerRuntime
from engine.util.virtual_clock import run

LOST = requests.exceptions.ReadTimeout("read timed out")
REFUSED = docker.errors.APIError("driver failed")


class Client:
    """An engine that has nothing of ours, once it says so."""

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
