"""Read this machine's processes from ``/proc``. Linux only."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from attrs import frozen

__all__ = ["Stat", "below", "children", "command_line", "pid_within", "pids", "stat"]

_PROC: Final = Path("/proc")
_READ_BYTES: Final = 2**16

_LONGEST_BYTES: Final = 2**16
"""So much of a command line is read: a process can make its own as long as its memory."""


@frozen
class Stat:
    """The fields of ``/proc/<pid>/stat`` that matter here.

    Attributes:
        name: what the kernel calls the process, at most 15 characters.
        start_ticks: when it started, in clock ticks since boot.
    """

    name: str
    state: str
    parent: int
    session: int
    start_ticks: int

    @property
    def ended(self) -> bool:
        """Whether it has ended, even if its parent has not waited for it yet (a zombie)."""
        return self.state in "ZX"


def pids() -> list[int]:
    """All processes that can be seen."""
    return [int(name) for name in os.listdir(_PROC) if name.isdecimal()]  # noqa: PTH208 - four times as fast


def stat(pid: int) -> Stat | None:
    """A process; None where there is none of this number."""
    try:
        text = _text(pid, "stat")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the name in parentheses and may hold spaces and parentheses.
    before, _, after = text.rpartition(")")
    fields = after.split()
    name = before.partition("(")[2]
    return Stat(name, fields[0], int(fields[1]), int(fields[3]), int(fields[19]))


def children(pid: int) -> list[int]:
    """The children of a process; all threads of it may have some."""
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - as above
            found += map(int, _text(pid, f"task/{task}/children").split())
    except OSError:  # it has ended, or a thread of it has; or the kernel does not tell
        found = [one for one in pids() if (its := stat(one)) is not None and its.parent == pid]
    return found


def below(pid: int) -> dict[int, Stat]:
    """Return the running descendants of a process."""
    found: dict[int, Stat] = {}
    newest = [pid]
    while newest:
        newest = [child for parent in newest for child in children(parent) if child not in found]
        for child in newest:
            its = stat(child)
            if its is not None:
                found[child] = its
    return {child: its for child, its in found.items() if not its.ended}


def command_line(pid: int) -> tuple[str, ...]:
    """The arguments of a process, as it shows them, or the first of very many; nothing of one that has ended."""
    try:
        text = _text(pid, "cmdline", _LONGEST_BYTES)
    except OSError:
        return ()
    return tuple(text.removesuffix("\0").split("\0")) if text else ()


def pid_within(pid: int) -> int | None:
    """The number that a process has in its own pid namespace; None where it has ended."""
    try:
        lines = _text(pid, "status").splitlines()
    except OSError:
        return None
    numbers = next((line.split() for line in lines if line.startswith("NSpid:")), [])
    return int(numbers[-1]) if len(numbers) > 1 else None


def _text(pid: int, name: str, most_bytes: int | None = None) -> str:
    """Read a file of a process; a file object would take five more system calls."""
    descriptor = os.open(f"/proc/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        read = bytearray()
        while more := os.read(descriptor, _READ_BYTES):
            read += more
            if most_bytes is not None and len(read) >= most_bytes:
                break
        return read[:most_bytes].decode(errors="replace")
    finally:
        os.close(descriptor)
