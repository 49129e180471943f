"""What asyncio would complain of on standard error, though nothing is amiss."""

from __future__ import annotations

import asyncio
from typing import Any

__all__ = ["forget"]


def forget(future: asyncio.Future[Any]) -> None:
    """Take note of how a future has ended, when nobody asks it any more."""
    if not future.cancelled():
        future.exception()
