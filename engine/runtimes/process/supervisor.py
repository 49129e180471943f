"""The program that starts the processes of one backend, and adopts those that lose their parents.

It is a child subreaper: its descendants stay below it, even if they change their environment, session or
group, so they are the backend's processes. It takes orders and reports over the socket that is
its descriptor 3, and exits once its controller has gone, or it was sent TERM, and nothing runs below it. It
is run by its path, in isolation, and needs nothing but the standard library.

An order is four bytes with the length of what follows, and a JSON object: ``number``, ``command``,
``environment``, ``directory``; two descriptors come with it, for stdout and stderr. Reports are JSON objects,
a line each: ``number`` with ``pid``, or with ``errno`` or ``error`` where nothing was started; and ``ended``,
a pid, with ``code``, negative for a signal.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from typing import Any, Final

ORDERS: Final = 3
"""The descriptor of its socket."""

_PR_SET_CHILD_SUBREAPER: Final = 36
_LENGTH_BYTES: Final = 4
_IGNORED: Final = (signal.SIGPIPE, signal.SIGXFSZ)
"""By Python, and not by what is started."""
_STREAMS: Final = 2


def main() -> None:
    """Serve until the controller is gone, and there is nothing to wait for."""
    os.closerange(ORDERS + 1, 2**16)
    os.set_inheritable(ORDERS, False)
    os.chdir("/")
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        sys.exit(f"no subreaper: {os.strerror(ctypes.get_errno())}")
    Supervisor(socket.socket(fileno=ORDERS)).serve()


class Supervisor:
    """Starts processes and waits for them.

    Args:
        orders: where orders come from, and reports go to.
    """

    def __init__(self, orders: socket.socket) -> None:
        self._orders = orders
        self._leaving = False
        self._started: set[int] = set()
        self._woken, wake = os.pipe()
        for end in (self._woken, wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(
            signal.SIGCHLD, lambda *_: None
        )  # not ignored, or nothing could be waited for
        signal.signal(signal.SIGTERM, self._leave)

    def _leave(self, *_: object) -> None:
        self._leaving = True

    def serve(self) -> None:
        """Take orders and report ends."""
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        poll.register(self._orders, select.POLLIN)
        self._report(ready=True)
        while self._reap() or not self._leaving:
            ready = [descriptor for descriptor, _ in poll.poll()]
            if self._woken in ready:
                with suppress(BlockingIOError):
                    os.read(self._woken, 4096)
            if self._orders.fileno() in ready and not self._take_order():
                poll.unregister(self._orders)
                self._leaving = True

    def _reap(self) -> bool:
        """Take note of what has ended; whether anything is left to wait for."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid in self._started:
                self._started.discard(pid)
                self._report(ended=pid, code=os.waitstatus_to_exitcode(status))

    def _take_order(self) -> bool:
        """Carry an order out; return whether the controller is still there."""
        try:
            head, descriptors, _, _ = socket.recv_fds(
                self._orders, _LENGTH_BYTES, _STREAMS, socket.MSG_CMSG_CLOEXEC | socket.MSG_WAITALL
            )
            if len(head) < _LENGTH_BYTES:
                return False
            order = json.loads(self._read(int.from_bytes(head)))
        except (OSError, EOFError):
            return False
        number = order.pop("number")
        try:
            pid = start(**order, streams=descriptors)
        except OSError as error:
            self._report(number=number, errno=error.errno)
        except ValueError as error:  # a NUL byte, or "=" in the name of a variable
            self._report(number=number, error=str(error))
        else:
            self._started.add(pid)
            self._report(number=number, pid=pid)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return True

    def _read(self, size: int) -> bytes:
        read = bytearray()
        while len(read) < size:
            more = self._orders.recv(size - len(read))
            if not more:
                raise EOFError
            read += more
        return bytes(read)

    def _report(self, **what: Any) -> None:
        with suppress(OSError):  # the controller is gone
            self._orders.sendall(json.dumps(what).encode() + b"\n")


def start(
    command: list[str], environment: dict[str, str], directory: str, streams: list[int]
) -> int:
    """Start a process in a separate session, and return its pid; exec has succeeded then.

    Raises:
        OSError: it does not run.
        ValueError: its command or environment cannot be passed on.
    """
    if len(streams) < _STREAMS:  # there was no room for them
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    passed = {os.fsencode(name): os.fsencode(value) for name, value in environment.items()}
    for name, value in passed.items():
        if b"=" in name or b"\0" in name + value:
            raise ValueError(f"illegal environment variable {os.fsdecode(name)!r}")
    actions = [(os.POSIX_SPAWN_DUP2, stream, number) for number, stream in enumerate(streams, 1)]
    os.chdir(directory)
    error: OSError = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    try:
        for path in paths(command[0], environment):
            try:
                return os.posix_spawn(
                    path, command, passed, file_actions=actions, setsid=True, setsigdef=_IGNORED
                )
            except (FileNotFoundError, NotADirectoryError):
                continue
            except PermissionError as refused:  # perhaps a folder; the next one may do
                error = refused
    finally:
        os.chdir("/")
    raise error


def paths(executable: str, environment: dict[str, str]) -> list[str]:
    """List the paths at which ``exec`` would look for an executable, with the PATH of an environment."""
    if os.sep in executable:
        return [executable]
    found = [f"{folder}/{executable}" for folder in os.get_exec_path(environment)]
    return [path for path in found if os.access(path, os.F_OK)]


if __name__ == "__main__":
    main()
