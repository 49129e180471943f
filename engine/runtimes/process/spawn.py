"""Starting processes through a backend's supervisor, and how they ended.

See :mod:`engine.runtimes.process.supervisor` for what it is. Since it waits for the processes, and not this
one, it does not matter here what the program that embeds us does with SIGCHLD, or with its children.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import itertools
import json
import os
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

from attrs import define, field, frozen

from engine.runtimes.process import supervisor
from engine.runtimes.process.tree import Identity
from engine.util.futures import forget

__all__ = ["NOT_EXECUTABLE", "NOT_FOUND", "Child", "NotStarted", "Supervisor"]

NOT_EXECUTABLE: Final = 126
NOT_FOUND: Final = 127
"""The exit code of a shell, and of Docker, for a command that cannot be found."""

_SHORT_OF: Final = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC})
_ABSENT: Final = frozenset({errno.ENOENT, errno.ENOTDIR})

_KILLED: Final = -9
"""The assumed end of a process whose supervisor was killed."""

_GONE: Final[Mapping[str, Any]] = {"gone": True}
"""Stands for the answer of a supervisor that has ended."""

_ABOVE_STANDARD: Final = 10
_READ_BYTES: Final = 65536
_EXIT_WITHIN_S: Final = 5.0


class NotStarted(Exception):
    """A command did not start. Stays within the package, where it becomes an error of the tree.

    Attributes:
        exit_code: what a shell would return for it; None where the command is not at fault, but
            the machine is short of something.
    """

    def __init__(self, reason: str, exit_code: int | None) -> None:
        self.exit_code = exit_code
        super().__init__(reason)


@frozen(eq=False)
class Child:
    """A process that a supervisor has started, the leader of its session."""

    identity: Identity
    _ended: asyncio.Future[int]

    async def wait(self) -> int:
        """Wait for its end and return the exit code as a shell tells it."""
        return _shell_code(await asyncio.shield(self._ended))

    @property
    def exit_code(self) -> int | None:
        """The exit code as a shell tells it; None while its end has not been noticed."""
        return _shell_code(self._ended.result()) if self._ended.done() else None

    @property
    def signalled(self) -> bool:
        """Whether a signal ended it."""
        return self._ended.done() and self._ended.result() < 0


@define(eq=False)
class Supervisor:
    """The supervisor of one backend, seen from the controller.

    Attributes:
        identity: its process.
        gone: done once it has ended.
    """

    identity: Identity
    gone: asyncio.Future[None]
    _ready: asyncio.Future[None]
    _socket: socket.socket
    _numbers: Iterator[int] = field(factory=itertools.count, init=False)
    _sending: asyncio.Lock = field(factory=asyncio.Lock, init=False)
    _answers: dict[int, asyncio.Future[Child | Mapping[str, Any]]] = field(factory=dict, init=False)
    _running: dict[int, asyncio.Future[int]] = field(factory=dict, init=False)
    _unread: bytes = field(default=b"", init=False)

    @classmethod
    async def start(cls, environment: Mapping[str, str]) -> Supervisor:
        """Start one.

        Args:
            environment: its own, by which it is found when its controller has died.

        Raises:
            NotStarted: it does not run, and why.
        """
        loop = asyncio.get_running_loop()
        ours, its = socket.socketpair()
        with its:
            try:
                pid = _spawn(its, environment)
            except OSError as error:
                ours.close()
                raise _not_started(sys.executable, error.errno or 0) from error
        ours.setblocking(False)
        started = cls(Identity.of(pid), loop.create_future(), loop.create_future(), ours)
        loop.add_reader(ours, started._hear)
        try:
            await asyncio.wait({started._ready, started.gone}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await started.end()
            raise
        if not started._ready.done():
            reason = "the supervisor of its processes ended at once; see whether Linux allows prctl"
            raise NotStarted(reason, None)
        return started

    async def spawn(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        directory: Path,
        stdout: BinaryIO,
        stderr: BinaryIO,
    ) -> Child:
        """Start a command in a separate session, with no other open files, its input empty.

        The executable is looked up in the PATH of ``environment``. When this returns, exec has succeeded.
        One that is cancelled waits first until it is known what was started.

        Raises:
            NotStarted: it does not run, and why.
        """
        if not _is_directory(directory):
            reason = f"its working directory {directory} does not exist; create it, or name another"
            raise NotStarted(reason, NOT_EXECUTABLE)
        order = {
            "command": list(command),
            "environment": dict(environment),
            "directory": str(directory),
        }
        ordering = asyncio.create_task(self._order(order, stdout, stderr))
        try:
            return await asyncio.shield(ordering)
        except asyncio.CancelledError:
            await asyncio.wait({ordering})
            forget(ordering)
            raise

    async def _order(self, order: dict[str, Any], stdout: BinaryIO, stderr: BinaryIO) -> Child:
        loop = asyncio.get_running_loop()
        number = next(self._numbers)
        answer: asyncio.Future[Child | Mapping[str, Any]] = loop.create_future()
        self._answers[number] = answer
        body = json.dumps({**order, "number": number}).encode()
        try:
            async with self._sending:
                head = len(body).to_bytes(4)
                # Four bytes: there is room for them, since every order before has been sent whole.
                socket.send_fds(self._socket, [head], [stdout.fileno(), stderr.fileno()])
                await loop.sock_sendall(self._socket, body)
            found = await answer
        except OSError:
            found = _GONE
        finally:
            del self._answers[number]
        if isinstance(found, Child):
            return found
        raise _refused(order["command"][0], found)

    def _hear(self) -> None:
        """Take in what has been reported."""
        try:
            more = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            more = b""
        if not more:
            self._lost()
            return
        *lines, self._unread = (self._unread + more).split(b"\n")
        for line in lines:
            self._take_in(json.loads(line))

    def _take_in(self, report: Mapping[str, Any]) -> None:
        if "ready" in report:
            self._ready.set_result(None)
        elif "ended" in report:
            self._running.pop(report["ended"]).set_result(report["code"])
        elif "pid" in report:
            pid = report["pid"]
            ended = self._running[pid] = asyncio.get_running_loop().create_future()
            self._answers[report["number"]].set_result(Child(Identity.of(pid), ended))
        else:
            self._answers[report["number"]].set_result(report)

    def _lost(self) -> None:
        """It has ended: the ends of its processes will not be reported any more."""
        self.let_go()
        for ended in self._running.values():
            ended.set_result(_KILLED)
        self._running.clear()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_result(_GONE)
        if not self.gone.done():
            self.gone.set_result(None)

    async def end(self) -> None:
        """Let it exit, once nothing runs below it, and wait for that."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
        await asyncio.wait({self.gone}, timeout=_EXIT_WITHIN_S)
        self.let_go()
        if self.gone.done():
            # The program that embeds us, or the kernel, may have waited for it already.
            with suppress(ChildProcessError):
                await asyncio.to_thread(os.waitpid, self.identity.pid, 0)

    def let_go(self) -> None:
        """Give it no more orders, and hear no more of it: it exits once nothing runs below it."""
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()


def _is_directory(path: Path) -> bool:
    return path.is_dir()


def _spawn(orders: socket.socket, environment: Mapping[str, str]) -> int:
    """Start the supervisor's program; its socket becomes descriptor 3."""
    # Copied far above first: where it is 3 already, it would not be passed on.
    passed = fcntl.fcntl(orders, fcntl.F_DUPFD_CLOEXEC, _ABOVE_STANDARD)
    try:
        nothing = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
        return os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", supervisor.__file__],
            environment,
            file_actions=[*nothing, (os.POSIX_SPAWN_DUP2, passed, supervisor.ORDERS)],
            setsid=True,
        )
    finally:
        os.close(passed)


def _refused(executable: str, report: Mapping[str, Any]) -> NotStarted:
    """Why nothing was started."""
    if report is _GONE:
        return NotStarted("the supervisor of its backend has ended; restart the backend", None)
    if "errno" not in report:
        reason = f"its command or environment cannot be passed on: {report['error']}; fix the text"
        return NotStarted(reason, NOT_EXECUTABLE)
    return _not_started(executable, report["errno"])


def _not_started(executable: str, number: int) -> NotStarted:
    said = os.strerror(number)
    if number in _SHORT_OF:
        reason = f"this machine cannot start a process now: {said}; free some and retry"
        return NotStarted(reason, None)
    if number in _ABSENT:
        reason = f"{executable}: not found; install it on this machine, or fix the name"
        return NotStarted(reason, NOT_FOUND)
    reason = f"{executable}: cannot be executed: {said}; check what it is, and its mode"
    return NotStarted(reason, NOT_EXECUTABLE)


def _shell_code(returncode: int) -> int:
    return returncode if returncode >= 0 else 128 - returncode
