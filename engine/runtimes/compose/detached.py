"""Run a command in a separate session, for no longer than its caller lives.

It is run by its path, ``python -IS detached.py LIFELINE COMMAND...``, and so imports nothing of dockwarden.
Without a terminal Compose asks no question that the user would not see, and Ctrl+C reaches dockwarden alone. The lifeline is a pipe that the controller holds open: when
it is closed, since the call was cancelled or the controller was killed, all of that session is ended.
Otherwise an image build, and what Compose creates after it, would go on.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from typing import Final

__all__ = ["main"]

_GRACE_S: Final = 3.0
_PAUSE_S: Final = 0.05


def main(lifeline: str, *command: str) -> int:
    """Run a command; returns its exit code.

    Args:
        lifeline: the path of the pipe.
        command: the argument vector.
    """
    os.setsid()
    signal.signal(
        signal.SIGHUP, signal.SIG_IGN
    )  # a session without a terminal gets none that is meant
    signal.signal(
        signal.SIGCHLD, signal.SIG_DFL
    )  # the program may ignore it, and then no exit code is known
    try:
        watched = os.open(lifeline, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 1  # the caller is gone
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    child = os.posix_spawnp(command[0], command, os.environ, setsigdef=[signal.SIGHUP])
    ended = os.pidfd_open(child)
    either = select.poll()
    either.register(ended, select.POLLIN)
    either.register(watched, select.POLLIN | select.POLLHUP)
    if ended not in dict(either.poll()):
        _end_session()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) & 0xFF


def _end_session() -> None:
    """End all that the command has started, in any process group."""
    deadline_s = time.monotonic() + _GRACE_S
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in _others():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        while number == signal.SIGTERM and any(_others()) and time.monotonic() < deadline_s:
            time.sleep(_PAUSE_S)


def _others() -> Iterator[int]:
    """The running processes of this session, without this one."""
    session = os.getpid()
    for name in os.listdir("/proc"):  # noqa: PTH208 - a path would cost an import
        if name.isdecimal() and int(name) != session:
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as stat:  # noqa: PTH123
                fields = stat.read().rpartition(b")")[2].split()
                if fields[0] not in {b"Z", b"X"} and int(fields[3]) == session:
                    yield int(name)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
