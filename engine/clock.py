"""The engine's clock: that of the event loop, which tests and simulations replace by a virtual one."""

from __future__ import annotations

import asyncio

__all__ = ["now_s"]


def now_s() -> float:
    """The time in seconds since some moment; within a coroutine only."""
    return asyncio.get_running_loop().time()
