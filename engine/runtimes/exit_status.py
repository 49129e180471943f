"""Read the notes of the shell around a command: when the command began, and how it ended.

The files lie where an experiment may write: what is no regular file, or says nothing sensible, is nothing.
"""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Final

from attrs import frozen

from engine.model.results import Span
from engine.spool.below import plain_below
from engine.spool.slot import ENDED, STARTED

__all__ = ["CANNOT_RUN", "ENDED", "STARTED", "Noted", "begun", "noted", "noted_below"]

CANNOT_RUN: Final = (126, 127)
"""The exit codes of a shell or an init process that cannot run its command, or does not find it."""

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


def begun(folder: Path) -> bool:
    """Whether a slot's command has begun, as far as its slot shows: its note is not as it was made.

    Args:
        folder: the slot, in a spool; only the folder above it is trusted.
    """
    try:
        with plain_below(folder.parent, PurePath(folder.name, STARTED)) as opened:
            return os.fstat(opened).st_size > 0
    except OSError:
        return True


def noted(folder: Path) -> Noted | None:
    """How the command ended whose slot this is; None where its shell has not noted it, or not yet.

    Args:
        folder: the slot, in a spool; only the folder above it is trusted.
    """
    return noted_below(folder.parent, PurePath(folder.name))


def noted_below(root: Path, within: PurePath) -> Noted | None:
    """How the command ended whose folder lies below a trusted one."""
    try:
        with plain_below(root, within / ENDED) as opened:
            ended_at = _written_at(os.fstat(opened))
            code, *rest = os.pread(opened, _LONGEST_CODE, 0).split() or [b""]
    except (OSError, ValueError, OverflowError):  # a time may be out of all bounds
        return None
    if not code.isdigit() or int(code) not in range(256):
        return None
    span = _span(root, within / STARTED, ended_at)
    return Noted(int(code), ended_at, span, rest == [_SIGNALLED])


def _span(root: Path, started: PurePath, ended_at: datetime) -> Span | None:
    try:
        with plain_below(root, started) as opened:
            began_at = _written_at(os.fstat(opened))
    except (OSError, ValueError, OverflowError):
        return None
    return Span(began_at, ended_at) if began_at <= ended_at else None


def _written_at(found: os.stat_result) -> datetime:
    return datetime.fromtimestamp(found.st_mtime, UTC)
