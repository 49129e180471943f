"""What the shell around a command has noted in the command's folder: when it began, and how it ended.

The files lie where an experiment may write: what is no plain file, or says nothing sensible, is nothing.
"""

from __future__ import annotations

import os
import signal
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from attrs import frozen

from engine.plain_file import open_plain
from engine.record import Span

__all__ = ["ENDED", "STARTED", "Noted", "noted"]

STARTED: Final = "started"
"""The file whose time is that of a command's start."""

ENDED: Final = "exit_code"
"""The file whose time is that of a command's end, and which holds its exit code."""

_LONGEST_CODE: Final = 16
_SIGNALLED: Final = b"signalled"

_BY_SIGNAL: Final = frozenset({128 + signal.SIGTERM, 128 + signal.SIGKILL})
"""The exit codes of a command that the end of its container, or of its process tree, has ended."""


@frozen
class Noted:
    """The end of a command.

    Attributes:
        ran: when it ran; None where its beginning was not noted.
        signalled: whether its shell was sent a signal before the command ended.
    """

    exit_code: int
    ended_at: datetime
    ran: Span | None
    signalled: bool = False

    @property
    def may_be_killed(self) -> bool:
        """Whether a signal from outside may be what ended it."""
        return self.signalled or self.exit_code in _BY_SIGNAL


def noted(folder: Path) -> Noted | None:
    """How the command ended whose folder this is; None where its shell has not noted it, or not yet."""
    try:
        with open_plain(folder / ENDED) as opened:
            ended_at = _written_at(os.fstat(opened.fileno()))
            code, *rest = opened.read(_LONGEST_CODE).split() or [b""]
    except OSError:
        return None
    if not code.isdigit() or int(code) not in range(256):
        return None
    signalled = rest == [_SIGNALLED]
    return Noted(int(code), ended_at, _span(folder / STARTED, ended_at), signalled)


def _span(started: Path, ended_at: datetime) -> Span | None:
    try:
        found = started.lstat()
    except OSError:
        return None
    return Span(_written_at(found), ended_at) if stat.S_ISREG(found.st_mode) else None


def _written_at(found: os.stat_result) -> datetime:
    return datetime.fromtimestamp(found.st_mtime, UTC)
