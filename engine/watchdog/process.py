"""The companion's side: waiting for the controller's end. What costs memory is loaded after it."""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress
from typing import Final

__all__ = ["GOODBYE", "READY", "main"]

READY: Final = b"+"
GOODBYE: Final = b"."

_STDIN, _STDOUT, _STDERR = range(3)


def main(runtime: str, owner: str, log: str) -> int:
    """Watch until the controller is gone or says goodbye; the exit code of the process.

    Args:
        runtime: docker, compose or process.
        owner: the controller's labels, as JSON.
        log: a file, or empty.
    """
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # these are for the controller; we follow it
    controller = _handle(os.getppid())  # while it waits for us, and so certainly lives
    os.write(_STDOUT, READY)
    _let_go_of_output()
    if _goodbye(controller):
        return 0
    from engine.watchdog.cleanup import clear_after

    return 0 if clear_after(runtime, owner, log) else 1


def _handle(pid: int) -> int | None:
    """Open a descriptor that reports a process's end, on systems that have one."""
    with suppress(OSError, AttributeError):
        return os.pidfd_open(pid)
    return None


def _goodbye(controller: int | None) -> bool:
    """Sleep until the controller is gone or says goodbye, and tell which."""
    watched = select.poll()
    watched.register(_STDIN, select.POLLIN | select.POLLHUP)
    if controller is not None:
        # A child that the controller forked keeps the pipe open beyond its end; this it cannot keep.
        watched.register(controller, select.POLLIN)
    events = dict(watched.poll())
    return bool(events.get(_STDIN, 0) & select.POLLIN) and os.read(_STDIN, 1) == GOODBYE


def _let_go_of_output() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _STDOUT)
    os.dup2(nowhere, _STDERR)
    os.close(nowhere)
