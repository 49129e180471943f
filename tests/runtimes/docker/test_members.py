"""The processes of a container, as an engine elsewhere lists them, under any names."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from engine.runtimes.base import Container
from engine.runtimes.docker.commands.members import Look, Members

CONTAINER = Container("alpha", "id", "2026-01-31T10:15:00Z")
NONE = 2**22 + 1
"""No process has this number."""


class Elsewhere:
    """An engine's client, of another machine."""

    def __init__(self, title: str) -> None:
        self._title = title

    def inspect_container(self, _container: str) -> dict[str, Any]:
        return {"State": {"Pid": NONE}, "HostConfig": {"PidMode": ""}}

    def top(self, _container: str, _columns: str) -> dict[str, Any]:
        return {"Processes": [[str(NONE), "1", str(NONE), "60", self._title]]}


def look(title: str) -> Look:
    async def calls(ask: Callable[[Any], Any]) -> Any:
        return ask(Elsewhere(title))

    return asyncio.run(Members(calls).look(CONTAINER))  # type: ignore[arg-type]


@pytest.mark.parametrize("title", ["", " ", "\t ", "\x1b]0;title", "("])
def test_a_main_process_may_call_itself_anything(title: str) -> None:
    seen = look(title)
    assert seen.first == [NONE]
    assert seen.init is not None
    assert not seen.init.mere


def test_an_init_process_is_known_by_its_name() -> None:
    seen = look("/sbin/docker-init -- sleep infinity")
    assert seen.init is not None
    assert seen.init.mere
