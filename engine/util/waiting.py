"""Waiting for one of two things, and letting go of tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

__all__ = ["cancelled", "first"]

_One = TypeVar("_One")
_Other = TypeVar("_Other")


async def first(
    one: Awaitable[_One], other: Awaitable[_Other]
) -> tuple[asyncio.Future[_One] | None, asyncio.Future[_Other] | None]:
    """Wait until either ends; the one that has not is cancelled, and None stands for it."""
    tasks = asyncio.ensure_future(one), asyncio.ensure_future(other)
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            await cancelled(task)
    return tasks[0] if tasks[0] in done else None, tasks[1] if tasks[1] in done else None


async def cancelled(task: asyncio.Future[Any] | None) -> None:
    """Cancel a task and wait until it has let go; harmless for one that has ended."""
    if task is not None:
        task.cancel()
        await asyncio.wait([task])
