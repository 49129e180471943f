"""The engine's clocks: those of the event loop, which tests and simulations replace by virtual ones."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Final

from attrs import define, field

__all__ = ["SetClock", "now_s", "uptime_s", "utc_now"]

_STEP_S: Final = 1.0
"""A difference of less is none: clocks are not read in the same instant."""


def now_s() -> float:
    """The time in seconds since some moment; within a coroutine only."""
    return asyncio.get_running_loop().time()


def utc_now() -> datetime:
    """The date and time: those of the event loop, if it has a calendar, else the machine's."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return datetime.now(UTC)
    told: datetime = getattr(loop, "wall_clock", datetime.now)(UTC)
    return told


def uptime_s() -> float:
    """The machine's monotonic clock, in seconds, which cannot be set.

    All processes of one boot read the same clock, so a difference of two readings holds from one controller to
    the next. It stands still while the machine is suspended, as the event loop's clock does.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return time.monotonic()
    told: float = getattr(loop, "uptime_s", time.monotonic)()
    return told


def _offset_s() -> float:
    return utc_now().timestamp() - uptime_s()


@define
class SetClock:
    """Tells whether the date and time have been set, which makes the age of a file meaningless.

    Attributes:
        offset_s: by how much they were ahead of :func:`uptime_s` at the last look, in seconds.
    """

    offset_s: float = field(factory=_offset_s)

    def since_last_look(self) -> bool:
        """Whether they have been set since the last look, or the machine was suspended."""
        before, self.offset_s = self.offset_s, _offset_s()
        return abs(self.offset_s - before) > _STEP_S
