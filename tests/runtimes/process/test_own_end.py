"""Who ended a command, where its end and our signal come as close together as they can."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ContainerLost
from engine.model.spec import ServiceSpec
from engine.runtimes.base import Container, ExecRequest, ExecResult
from engine.runtimes.process.backend import Backend
from engine.runtimes.process.spawn import Supervisor
from engine.runtimes.process.tree import Identity
from engine.testing.conformance.rig import Rig, until
from engine.testing.conformance.scripts import sh

MakeRig = Callable[..., Rig]
TIDY = "trap 'exit 0' TERM; echo up >{up}; while :; do sleep 0.1; done"
"""A command that says that it runs, and that all is well when it is ended."""
LASTS = "trap 'read go <{go}; exit 0' TERM; while :; do sleep 0.1; done"
"""A main process that ends when it is let go, once it was asked to end."""


class Withheld:
    """Withholds what the supervisor says it has started."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._take_in = Supervisor._take_in
        self._reports: list[tuple[Supervisor, Mapping[str, Any]]] = []

        def hear(supervisor: Supervisor, report: Mapping[str, Any]) -> None:
            self._reports.append((supervisor, report))

        monkeypatch.setattr(Supervisor, "_take_in", hear)

    def hand_on(self) -> None:
        while self._reports:
            self._take_in(*self._reports.pop(0))


async def _up(
    rig: Rig, container: Container, up: Path, line: str
) -> tuple[ExecRequest, asyncio.Task[ExecResult]]:
    """Begin a command, and wait until it says that it runs."""
    os.mkfifo(up)
    request = rig.request(container, *sh(line))
    task = asyncio.create_task(rig.runtime.execute(container, request))
    await asyncio.to_thread(up.read_text)
    return request, task


async def _turns(number: int = 20) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def test_what_is_killed_before_its_start_is_heard_of_has_not_ended_by_itself(
    make_rig: MakeRig, runner: asyncio.Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(rig: Rig) -> None:
        container = await rig.ready("one")
        withheld = Withheld(monkeypatch)
        up = tmp_path / "up"
        request, task = await _up(rig, container, up, TIDY.format(up=up))
        kill = asyncio.create_task(rig.runtime.kill(container, request, grace_s=60))
        await _turns()
        monkeypatch.undo()
        withheld.hand_on()
        assert await kill
        result = await task
        assert (result.exit_code, result.by_itself) == (0, False)
        backend = rig.runtime._backends["one"]  # type: ignore[attr-defined]
        assert backend.killed == set()  # as many commands as there are, nothing piles up

    runner.run(scenario(make_rig(ServiceSpec("one"))))


def test_what_is_removed_before_its_start_is_heard_of_has_not_ended_by_itself(
    make_rig: MakeRig, runner: asyncio.Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(rig: Rig) -> None:
        os.mkfifo(go)
        container = await rig.ready("one")
        withheld = Withheld(monkeypatch)
        up = tmp_path / "up"
        _, task = await _up(rig, container, up, TIDY.format(up=up))
        removal = asyncio.create_task(rig.runtime.remove("one", grace_s=60))
        await _turns()
        monkeypatch.undo()
        withheld.hand_on()
        with pytest.raises(ContainerLost) as lost:
            await task
        assert lost.value.ended is None
        await asyncio.to_thread(go.write_text, "\n")
        await removal

    go = tmp_path / "go"
    runner.run(scenario(make_rig(ServiceSpec("one", command=sh(LASTS.format(go=go))))))


def test_what_ends_while_its_processes_are_looked_for_has_ended_by_itself(
    make_rig: MakeRig, runner: asyncio.Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(rig: Rig) -> None:
        container = await rig.ready("one")
        up, go = tmp_path / "up", tmp_path / "go"
        os.mkfifo(go)
        request, task = await _up(rig, container, up, f"echo up >{up}; read go <{go}; exit 3")
        backend = rig.runtime._backends["one"]  # type: ignore[attr-defined]

        async def known() -> bool:
            return request.id in backend.requests

        await until(known, "the leader of the request")
        left_by = Backend.left_by

        def left_by_one_that_ends_now(backend: Backend, name: str) -> set[Identity]:
            found = left_by(backend, name)
            monkeypatch.undo()
            go.write_text("\n")
            while any(process.runs() for process in found):
                os.sched_yield()
            return found

        monkeypatch.setattr(Backend, "left_by", left_by_one_that_ends_now)
        assert await rig.runtime.kill(container, request, grace_s=60)
        result = await task
        assert (result.exit_code, result.by_itself) == (3, True)

    runner.run(scenario(make_rig(ServiceSpec("one"))))
