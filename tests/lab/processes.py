"""Processes that can be distinguished from others that get the same pid later."""

import contextlib
import json
import os
import select
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

__all__ = ["TOKEN_VARIABLE", "Process", "descendants", "marked", "sharing_mounts", "spawn_detached"]

TOKEN_VARIABLE = "DOCKWARDEN_LAB_TOKEN"
"""Every process of a lab carries its token in this variable, and hands it on to its children."""

_PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """A process named by more than its pid, so that a reused pid is never signalled.

    Attributes:
        pid: The number the kernel gave it.
        start_ticks: When it started, in clock ticks since boot: field 22 of `/proc/<pid>/stat`.
        boot_id: Which boot that was; ticks begin again at zero after each.
    """

    pid: int
    start_ticks: int
    boot_id: str

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """The process that has this pid now, or None when there is none."""
        found = _state_and_start(pid)
        return None if found is None else cls(pid, found[1], _boot_id())

    @classmethod
    def read(cls, record: Path) -> Self | None:
        """The process that a record names, whether it still runs or not; None without a record."""
        try:
            fields = json.loads(record.read_text())
            return cls(int(fields["pid"]), int(fields["start_ticks"]), str(fields["boot_id"]))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def write(self, record: Path) -> None:
        """Record this process, whole or not at all."""
        unfinished = record.with_suffix(".tmp")
        unfinished.write_text(json.dumps(asdict(self)) + "\n")
        unfinished.replace(record)

    def alive(self) -> bool:
        """Whether this very process still runs; one that only awaits its parent's wait does not."""
        found = _state_and_start(self.pid)
        if found is None or self.boot_id != _boot_id():
            return False
        state, start_ticks = found
        return start_ticks == self.start_ticks and state not in {"Z", "X"}

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal to this process and to no other.

        The pid is pinned by a file descriptor before its start time is compared, so it cannot be
        given to another process in between.

        Returns:
            Whether the process was there to be signalled.
        """
        with self._pinned() as pidfd:
            if pidfd is None:
                return False
            try:
                signal.pidfd_send_signal(pidfd, number)
            except ProcessLookupError:  # it has ended since, and has been waited for
                return False
            return True

    def wait_gone(self, timeout_s: float) -> bool:
        """Wait until the process has ended, at most `timeout_s` seconds; whether it has."""
        with self._pinned() as pidfd:
            if pidfd is None:
                return True
            ended = select.poll()
            ended.register(pidfd, select.POLLIN)
            ended.poll(timeout_s * 1000)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)  # ours to reap, if this interpreter spawned it
        return not self.alive()

    @contextlib.contextmanager
    def _pinned(self) -> Iterator[int | None]:
        """A descriptor of this process, or None when it has ended."""
        try:
            pidfd = os.pidfd_open(self.pid)
        except ProcessLookupError:
            yield None
            return
        try:
            yield pidfd if self.alive() else None
        finally:
            os.close(pidfd)


def spawn_detached(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Process:
    """Start a process apart from ours, its output appended to a file, and leave it running.

    `posix_spawn` rather than `subprocess`, because nothing here is to wait for the process: a
    `Popen` that is dropped while its child runs warns, and under pytest that is an error.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    pid = os.posix_spawn(
        command[0],
        list(command),
        environment,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    process = Process.of(pid)
    assert process is not None, "our own child keeps its pid until we wait for it"
    return process


def marked(token: str) -> list[Process]:
    """The processes whose environment carries this lab's token."""
    entry = os.fsencode(f"{TOKEN_VARIABLE}={token}")
    found = []
    for pid in _pids():
        try:
            environment = (_PROC / str(pid) / "environ").read_bytes()
        except OSError:
            continue
        if entry in environment.split(b"\0"):
            process = Process.of(pid)
            if process is not None:
                found.append(process)
    return found


def sharing_mounts(process: Process) -> list[Process]:
    """The processes in a process's mount namespace, itself included."""
    namespace = _mounts_of(process.pid)
    pids = [pid for pid in _pids() if namespace and _mounts_of(pid) == namespace]
    return [found for found in map(Process.of, pids) if found is not None]


def _mounts_of(pid: int) -> str | None:
    try:
        return str((_PROC / str(pid) / "ns/mnt").readlink())
    except OSError:
        return None


def descendants(ancestors: Sequence[Process]) -> list[Process]:
    """The living children of these processes, their children, and so on.

    What runs in a container does not carry the lab's token, but descends from a shim that does.
    """
    children: dict[int, list[int]] = {}
    for pid in _pids():
        fields = _stat_fields(pid)
        if fields is not None:
            children.setdefault(int(fields[1]), []).append(pid)
    waiting = [process.pid for process in ancestors]
    found = []
    while waiting:
        for pid in children.get(waiting.pop(), []):
            waiting.append(pid)
            process = Process.of(pid)
            if process is not None:
                found.append(process)
    return found


def _pids() -> list[int]:
    return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdecimal()]


def _state_and_start(pid: int) -> tuple[str, int] | None:
    fields = _stat_fields(pid)
    return None if fields is None else (fields[0], int(fields[19]))


def _stat_fields(pid: int) -> list[str] | None:
    """The fields of `/proc/<pid>/stat` from the third on.

    The second is the command's name in parentheses, which may itself hold spaces and parentheses:
    only the last one closes it.
    """
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def _boot_id() -> str:
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
