"""What the shell around a command has noted in the command's folder: when it began, and how it ended.

The files lie where an experiment may write: what is no plain file, or says nothing sensible, is nothing.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from attrs import frozen

from engine.plain_file import open_plain
from engine.record import Span

__all__ = ["ENDED", "STARTED", "Noted", "noted"]

STARTED: Final = "started"
"""The file whose time is that of a command's start, for as long as it runs."""

ENDED: Final = "exit_code"
"""The file whose time is that of a command's end, and which holds its exit code."""

_LONGEST_CODE: Final = 16


@frozen
class Noted:
    """The end of a command.

    Attributes:
        ran: when it ran; None where its beginning was not noted.
    """

    exit_code: int
    ended_at: datetime
    ran: Span | None


def noted(folder: Path) -> Noted | None:
    """How the command ended whose folder this is; None where its shell has not noted it, or not yet."""
    ended = _read(folder / ENDED)
    if ended is None:
        return None
    written, ended_at = ended
    code = written.strip()
    if not code.isdigit() or int(code) not in range(256):
        return None
    started = _read(folder / STARTED)
    return Noted(int(code), ended_at, Span(started[1], ended_at) if started else None)


def _read(file: Path) -> tuple[bytes, datetime] | None:
    """What a plain file begins with, and when it was written."""
    try:
        with open_plain(file) as opened:
            written = os.fstat(opened.fileno()).st_mtime
            return opened.read(_LONGEST_CODE), datetime.fromtimestamp(written, UTC)
    except OSError:
        return None
