"""Leftovers of commands in containers: found from outside, ended from within, verified from outside.

A reading of the container just before a command shows which processes were there without it. A process that
came since, and belongs neither to the service nor to another exec, is the command's (see
:mod:`engine.runtimes.process_ownership`). Signals are sent by an exec as the container's root, since we need
not be root ourselves; it gets a list of processes, and decides nothing.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final

import docker.errors
from attrs import frozen
from docker.api import APIClient

from engine.model.results import LeftProcess
from engine.runtimes.base import Container, ContainerProcesses, ExecRequest
from engine.runtimes.docker.commands.members import Look, Members
from engine.runtimes.docker.daemon.client import Calls
from engine.runtimes.exit_status import noted
from engine.runtimes.in_container import END, MARK, SIGNAL
from engine.runtimes.process_ownership import Before, Belongs, left_by
from engine.util import procfs
from engine.util.clock import now_s, utc_now

__all__ = ["Leftovers", "Run"]

Run = Callable[[Container, Sequence[str], str | None], Awaitable[int]]
"""Runs a command in a container as a user, to its end; returns its exit code."""

_SHELL: Final = ("/bin/sh", "-c")
_ROOT: Final = "0"
_NONE: Final = "-"
_KEPT: Final = 1024
"""Of so many commands it is remembered what was there before them: more than are asked about."""

_KILLED_WITHIN_S: Final = 10.0
"""A process that outlives KILL for so long is stuck in the kernel, or starts others faster than they are found."""
_STARTED_WITHIN_S: Final = 5.0
"""For how long an exec may be under way to its start before it counts as any process at all."""
_AHEAD_S: Final = 1.0
"""By how much an exec may be late to end what a command left, and still find what started with the command.

It is no more than the age of the youngest process that ran before the command."""
_FIRST_PAUSE_S: Final = 0.02
_LONGEST_PAUSE_S: Final = 0.2


@frozen
class _Begun:
    """The state noted at the begin of a command.

    Attributes:
        folder: its folder as the container sees it, by which the shell around it is known.
        before: what ran before it; None where that is not known.
        cut_s: what started later did not run before it, in seconds since boot by this machine's clock.
    """

    folder: str
    before: Before | None
    cut_s: float = math.inf


class Leftovers:
    """Knows what was there before each command, and so what it has left.

    Args:
        calls: the way to the engine.
        run: see :data:`Run`.
    """

    def __init__(self, calls: Calls, run: Run) -> None:
        self._calls = calls
        self._run = run
        self._members = Members(calls)
        self._begun: OrderedDict[str, _Begun] = OrderedDict()

    async def begin(self, container: Container, request: ExecRequest, folder: str) -> None:
        """Take note of what runs in a container before a command does.

        Args:
            folder: the command's, as the container sees it.
        """
        look = await self._members.look(container)
        before = {pid: seen.born_s for pid, seen in look.present.items()}
        seen_s = _boot_s()
        youngest_s = seen_s - max(before.values(), default=seen_s)
        self._note(request, _Begun(folder, before, seen_s - min(_AHEAD_S, max(0.0, youngest_s))))

    async def take_over(self, container: Container, request: ExecRequest, folder: str) -> None:
        """Take note of what ran before a command that an earlier controller began: what is older."""
        self._note(request, _Begun(folder, None))  # also where the look fails: it did begin
        look = await self._members.look(container)
        began_s = [look.present[pid].born_s for pid in look.roots if _is_of(folder, look, pid)]
        cut_s = began_s[0] if began_s else await asyncio.to_thread(_noted_s, request)
        if cut_s is not None:
            older = [seen for seen in look.present.values() if seen.born_s < cut_s]
            self._note(request, _Begun(folder, {seen.pid: seen.born_s for seen in older}, cut_s))

    async def processes(self, container: Container) -> ContainerProcesses:
        """Return the processes of a container, with those of the service."""
        return (await self._members.look(container)).processes

    def _note(self, request: ExecRequest, begun: _Begun) -> None:
        self._begun[request.id] = begun
        while len(self._begun) > _KEPT:
            self._begun.popitem(last=False)

    async def of(self, container: Container, request: ExecRequest) -> tuple[LeftProcess, ...]:
        """Return the running processes of a command, by the pids of the engine's machine."""
        look, found = await self._find(container, request)
        return tuple(
            LeftProcess(pid, look.arguments(pid), doubtful=belongs is Belongs.PERHAPS)
            for pid, belongs in sorted(found.items())
        )

    async def _find(
        self, container: Container, request: ExecRequest
    ) -> tuple[Look, dict[int, Belongs]]:
        look = await self._members.look(container)
        begun = self._begun.get(request.id)
        if begun is None:  # nothing of it has begun
            return look, {}
        before = begun.before
        if before is None:
            before = {pid: look.present[pid].born_s for pid in look.first}
        found = left_by(look.present, before, look.init)
        if not found:
            return look, found
        strangers = await self._strangers(container, look, begun.folder)
        found = left_by(look.present, before, look.init, strangers)
        if begun.before is None:
            found = dict.fromkeys(found, Belongs.PERHAPS)
        return look, found

    async def _strangers(self, container: Container, look: Look, folder: str) -> set[int]:
        """Return the processes of other execs in the container: health checks, the user's.

        In a private pid namespace no other process has its parent outside. In a shared one, orphans do, too:
        then the engine says what its execs are, once it knows the processes of all that are just starting.
        """
        roots = set(look.roots)
        if not look.own_pids:
            until_s = now_s() + _STARTED_WITHIN_S
            execs = await self._calls(partial(_execs, container.id))
            while None in execs and now_s() < until_s:
                await asyncio.sleep(_FIRST_PAUSE_S)
                execs = await self._calls(partial(_execs, container.id))
            # One that does not come to start may be any of them: then none is touched.
            roots = roots if None in execs else {pid for pid in roots if pid in execs}
        return {pid for pid in roots if not _is_of(folder, look, pid)}

    async def end(self, container: Container, request: ExecRequest, *, grace_s: float) -> bool:
        """End what runs of a command: TERM, after ``grace_s`` seconds KILL.

        Returns:
            whether nothing is left of which it is certain that it belongs to the command.
        """
        ways = [("TERM", grace_s), ("KILL", _KILLED_WITHIN_S)]
        for name, within_s in ways if grace_s > 0 else ways[1:]:
            if await self._ended(container, request, name, now_s() + within_s):
                return True
        return False

    async def _ended(
        self, container: Container, request: ExecRequest, name: str, until_s: float
    ) -> bool:
        """Signal what runs of a command, and what comes up of it meanwhile, until none is left or it is late."""
        pause_s, signalled = _FIRST_PAUSE_S, set[str]()
        while True:
            look, found = await self._find(container, request)
            left = [pid for pid, belongs in found.items() if belongs is Belongs.SURELY]
            if not left:
                return True
            if not look.here:
                grace_s = 0.0 if name == "KILL" else until_s - now_s()
                return await self._ended_elsewhere(container, request, look, grace_s)
            shell = self._shell(request, look, left)
            new = {target for pid in left if pid != shell and (target := _target(pid))} - signalled
            if shell and not new and name == "KILL" and pause_s > _FIRST_PAUSE_S:
                new = {_target(shell)} - {"", *signalled}  # it has had the time to note the end
            if new:
                around = _target(shell) if shell else ""
                await self._run(
                    container,
                    [*_SHELL, SIGNAL, "dockwarden", name, around or _NONE, *sorted(new, key=_age)],
                    _ROOT,
                )
                signalled |= new
            elif now_s() >= until_s:
                return False
            else:
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _shell(self, request: ExecRequest, look: Look, among: Sequence[int]) -> int | None:
        """The shell around a command, if it runs."""
        begun = self._begun.get(request.id)
        if begun is None:
            return None
        return next((pid for pid in among if _is_of(begun.folder, look, pid)), None)

    async def _ended_elsewhere(
        self, container: Container, request: ExecRequest, look: Look, grace_s: float
    ) -> bool:
        """End a command's processes where their pids are not known here: by the same rule, from within.

        Its clock may be another machine's, so it gets the time for which the command has run.
        """
        begun = self._begun[request.id]
        hundredths = max(0, math.ceil((_boot_s() - begun.cut_s) * 100))
        tenths = max(0, round(grace_s * 10))
        whose = "host" if not look.own_pids else "orphans"
        if look.init is not None and not look.init.mere:
            whose = "service"
        end = [END, "dockwarden", f"{MARK}={request.id}", begun.folder]
        await self._run(container, [*_SHELL, *end, str(hundredths), str(tenths), whose], _ROOT)
        _, found = await self._find(container, request)
        return Belongs.SURELY not in found.values()


def _is_of(folder: str, look: Look, pid: int) -> bool:
    """Whether a process is the shell around the command of this folder."""
    return f" dockwarden {folder} " in f"{look.arguments(pid)} "


def _age(target: str) -> tuple[int, int]:
    """The sort key of processes, by their start."""
    pid, _, start_ticks = target.partition(":")
    return int(start_ticks), int(pid)


def _target(pid: int) -> str:
    """A process as it is named to its container; empty where it has ended."""
    stat, within = procfs.stat(pid), procfs.pid_within(pid)
    return "" if stat is None or within is None else f"{within}:{stat.start_ticks}"


def _noted_s(request: ExecRequest) -> float | None:
    """When a command began that has noted its end, in seconds since this machine's boot."""
    found = noted(request.folder)
    if found is None or found.ran is None:
        return None
    ago_s = (utc_now() - found.ran.began_at).total_seconds()
    return _boot_s() - ago_s


def _boot_s() -> float:
    """The time since this machine's boot, in seconds."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _execs(container_id: str, client: APIClient) -> set[int | None]:
    """The first processes of all execs that run in a container; None for one that is just starting."""
    found: dict[str, Any] = client.inspect_container(container_id)
    running: set[int | None] = set()
    for exec_id in found["ExecIDs"] or ():
        try:
            told = client.exec_inspect(exec_id)
        except docker.errors.NotFound:
            continue
        if told["Running"]:
            running.add(int(told["Pid"]) or None)
    return running
