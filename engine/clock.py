"""The engine's clocks: those of the event loop, which tests and simulations replace by virtual ones."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

__all__ = ["now_s", "utc_now"]


def now_s() -> float:
    """The time in seconds since some moment; within a coroutine only."""
    return asyncio.get_running_loop().time()


def utc_now() -> datetime:
    """The date and time: those of the event loop, where it has a calendar of its own, else the machine's."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return datetime.now(UTC)
    told: datetime = getattr(loop, "wall_clock", datetime.now)(UTC)
    return told
