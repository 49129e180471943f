"""Waiting for one of two things, and letting go of tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["cancelled", "first"]

_One = TypeVar("_One")
_Other = TypeVar("_Other")


async def first(
    one: Coroutine[Any, Any, _One], other: Coroutine[Any, Any, _Other]
) -> tuple[asyncio.Task[_One] | None, asyncio.Task[_Other] | None]:
    """Wait until either ends; the one that has not is cancelled, and None stands for it."""
    tasks = asyncio.create_task(one), asyncio.create_task(other)
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            await cancelled(task)
    return tasks[0] if tasks[0] in done else None, tasks[1] if tasks[1] in done else None


async def cancelled(task: asyncio.Task[Any] | None) -> None:
    """Cancel a task and wait until it has let go; harmless for one that has ended."""
    if task is not None:
        task.cancel()
        await asyncio.wait([task])
