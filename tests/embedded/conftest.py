"""Managers on local processes and on simulated containers, as a program embeds them."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from engine import ContainerManager
from engine.runtimes.simulated import EachLasts, SimulatedRuntime, World
from engine.testing.simulation import left_in

PATIENCE_S = 60.0
"""For so long something may take that must happen. Not an expectation: machines are shared."""

Make = Callable[..., "SimulatedThreads"]
Background = Callable[..., "Call"]


class HeldRuntime(SimulatedRuntime):
    """Simulated containers whose images never come."""

    preparing: threading.Event

    async def prepare(self, services: Sequence[str]) -> None:
        self.preparing.set()
        await asyncio.get_running_loop().create_future()


class SimulatedThreads(ContainerManager):
    """A manager on simulated containers, in real time and with a separate thread.

    Args:
        held: whether images never come.
        command_s: how long every command takes, in seconds.

    Attributes:
        world: what is there.
        preparing: set once it waits for images.
    """

    def __init__(
        self, compose_file: Path, *, held: bool = False, command_s: float = 0.01, **options: Any
    ) -> None:
        self.world = World()
        self.preparing = threading.Event()
        self._held, self._command_s = held, command_s
        super().__init__(compose_file, runtime="simulated", **options)

    async def _hands(self, runtime: Any, project: Any, policies: Any, **_: Any) -> Any:
        commands = EachLasts(self._command_s)
        if not self._held:
            return SimulatedRuntime(project, world=self.world, commands=commands)
        hands = HeldRuntime(project, world=self.world, commands=commands)
        hands.preparing = self.preparing
        return hands

    @property
    def left(self) -> list[str]:
        """What is left of it in its world."""
        return left_in(self.world)


@pytest.fixture
def compose_file(tmp_path: Path) -> Path:
    """Two services."""
    file = tmp_path / "docker-compose.yml"
    services: dict[str, Any] = {name: {"image": "none"} for name in ("alpha", "beta")}
    file.write_text(json.dumps({"name": "embedded", "services": services}))
    return file


@pytest.fixture
def make(compose_file: Path) -> Make:
    """Makes a manager on simulated containers."""
    return lambda **options: SimulatedThreads(compose_file, **options)


class Call:
    """A call in a separate thread."""

    def __init__(self, call: Callable[..., Any], *arguments: Any, **options: Any) -> None:
        self._call = partial(call, *arguments, **options)
        self._outcome: Any = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._outcome = self._call()
        except BaseException as error:  # noqa: BLE001 - the test checks it
            self._outcome = error

    def wait(self) -> Any:
        """What it has returned or raised, once it has."""
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), f"{self._call} waits for ever"
        return self._outcome


@pytest.fixture
def background() -> Iterator[Background]:
    """Begins a call in a thread; each has to come to its end before the test does."""
    calls: list[Call] = []

    def begin(call: Callable[..., Any], *arguments: Any, **options: Any) -> Call:
        calls.append(Call(call, *arguments, **options))
        return calls[-1]

    yield begin
    for call in calls:
        call.wait()
