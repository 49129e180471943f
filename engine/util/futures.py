"""Keep asyncio from complaining on standard error about futures that are no longer awaited."""

from __future__ import annotations

import asyncio
from typing import Any

__all__ = ["forget"]


def forget(future: asyncio.Future[Any]) -> None:
    """Retrieve the result of a future that is no longer awaited."""
    if not future.cancelled():
        future.exception()
