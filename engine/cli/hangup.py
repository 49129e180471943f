"""A terminal that goes away: a lost connection, a closed window. What runs on must not fail on its output."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from typing import Final

__all__ = ["signals_to_handle", "silence", "terminals"]

_OUTPUTS: Final = (1, 2)


def signals_to_handle() -> tuple[signal.Signals, ...]:
    """The signals that end a campaign.

    SIGHUP is one, unless it was ignored when the process started: ``nohup`` asks to run on without a terminal.
    """
    asked = (signal.SIGINT, signal.SIGTERM)
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return asked if ignored else (*asked, signal.SIGHUP)


def terminals() -> tuple[int, ...]:
    """The file descriptors among standard output and standard error that are terminals now."""
    return tuple(descriptor for descriptor in _OUTPUTS if os.isatty(descriptor))


def silence(descriptors: Sequence[int]) -> None:
    """Send what is written to terminals that have gone away to nowhere, where it gives no error.

    Args:
        descriptors: as :func:`terminals` gave them before.
    """
    gone = [descriptor for descriptor in descriptors if not os.isatty(descriptor)]
    if not gone:
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in gone:
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
