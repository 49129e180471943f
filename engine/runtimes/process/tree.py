"""Process trees: who belongs to one, and how to end it without touching a stranger.

A tree is known by a *mark*, environment variables that its first process was given and that children
inherit. A child that calls ``setsid`` or loses its parent still carries it. A child that was given an
empty environment is found through its session or its parents, for as long as those are there; only
one that has shed environment, session and parents, all three, escapes.

Linux only: ``/proc`` is where the environment of another process can be read.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from attrs import frozen

from engine.util import procfs

__all__ = ["Identity", "carriers", "end", "find", "stuck"]

_PROC = Path("/proc")
_UNKILLABLE_AFTER_S = 10.0
"""A process that outlives SIGKILL for so long is stuck in the kernel; waiting on does not help."""
_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 0.2


@frozen
class Identity:
    """A process, distinguished from another one that gets the same pid later.

    Attributes:
        start_ticks: when it started, in clock ticks since boot.
    """

    pid: int
    start_ticks: int

    @classmethod
    def of(cls, pid: int) -> Identity:
        """The process that has this pid now; where none has, one that never runs."""
        stat = procfs.stat(pid)
        return cls(pid, stat.start_ticks if stat else -1)

    def __str__(self) -> str:
        return f"{self.pid}:{self.start_ticks}"

    def is_there(self) -> bool:
        """Whether the pid is still its own, be it only as a zombie."""
        return self._stat() is not None

    def runs(self) -> bool:
        """Whether it has not ended yet; a zombie has."""
        stat = self._stat()
        return stat is not None and not stat.ended

    def is_stopped(self) -> bool:
        """Whether a stop signal holds it."""
        stat = self._stat()
        return stat is not None and stat.state == "T"

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this process, if it is there, and to no other."""
        if self.runs():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, number)

    def _stat(self) -> procfs.Stat | None:
        stat = procfs.stat(self.pid)
        return stat if stat is not None and stat.start_ticks == self.start_ticks else None


def find(mark: Mapping[str, str], leaders: Iterable[Identity] = ()) -> set[Identity]:
    """The running processes of a tree.

    Args:
        mark: the environment variables that all of the tree carry.
        leaders: those of its processes that lead a session. A session counts only while its leader
            is there: after that its number may have gone to a stranger.
    """
    entries = {os.fsencode(f"{name}={value}") for name, value in mark.items()}
    sessions = {leader.pid for leader in leaders if leader.is_there()}
    running = {
        pid: stat
        for pid in procfs.pids()
        if pid != os.getpid() and (stat := procfs.stat(pid)) is not None and not stat.ended
    }
    found = {
        pid
        for pid, stat in running.items()
        if stat.session in sessions or entries <= _environment(pid)
    }
    newest = found
    while newest:
        newest = {pid for pid, stat in running.items() if stat.parent in newest} - found
        found |= newest
    return {Identity(pid, running[pid].start_ticks) for pid in found}


def carriers(*names: str) -> dict[Identity, dict[str, str]]:
    """The running processes that carry all of these variables, and the values of these."""
    found: dict[Identity, dict[str, str]] = {}
    for pid in procfs.pids():
        told = (os.fsdecode(entry).partition("=") for entry in _environment(pid))
        values = {name: value for name, _, value in told if name in names}
        process = Identity.of(pid)
        if len(values) == len(names) and process.runs():
            found[process] = values
    return found


async def end(members: Callable[[], set[Identity]], grace_s: float) -> set[Identity]:
    """End a tree: TERM to all of it, KILL to what is left after ``grace_s`` seconds.

    The tree is looked up again after every pause, since its processes may start others until the
    last of them is gone. Each process once seen in it is remembered, even if its leader ends. Processes
    are stopped before they are killed, so that none starts another that would belong to no backend.

    Returns:
        what still runs. Empty, unless the kernel does not let go of a process.
    """
    clock = asyncio.get_running_loop().time
    seen: set[Identity] = set()
    left: set[Identity] = set()
    ways = [(signal.SIGTERM, grace_s), (signal.SIGKILL, _UNKILLABLE_AFTER_S)]
    for number, patience_s in ways if grace_s > 0 else ways[1:]:
        if number is signal.SIGKILL:
            seen |= _stopped(members)
        told: set[Identity] = set()
        deadline = clock() + patience_s
        pause_s = _FIRST_PAUSE_S
        while True:
            seen |= members()
            left = {process for process in seen if process.runs()}
            for process in left - told:
                process.signal(number)
            told |= left
            if not left:
                return left
            if clock() >= deadline:
                break
            await asyncio.sleep(min(pause_s, max(deadline - clock(), 0)))
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
    return left


def _stopped(members: Callable[[], set[Identity]]) -> set[Identity]:
    """Stop all of a tree, which then starts no others; returns it."""
    seen: set[Identity] = set()
    while new := members() - seen:
        for process in new:
            process.signal(signal.SIGSTOP)
        seen |= new
    return seen


def stuck(left: Iterable[Identity]) -> str:
    """Explain which processes :func:`end` could not end, and what to do about them."""
    pids = ", ".join(str(pid) for pid in sorted(process.pid for process in left))
    return (
        f"the processes {pids} outlive SIGKILL, most likely inside a driver;"
        f" inspect them with `ps -o pid,stat,wchan {pids}`, and reset the device or the machine"
    )


def _environment(pid: int) -> set[bytes]:
    try:
        return set((_PROC / str(pid) / "environ").read_bytes().split(b"\0"))
    except OSError:  # it has ended, or belongs to another user
        return set()
