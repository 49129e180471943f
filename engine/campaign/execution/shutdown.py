"""The end of a campaign: everything is taken down, and what that has ended is seen to its record."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final

from engine.controller import Controller

__all__ = ["conclude", "tear_down"]

_LAST_S: Final = 30.0
"""How long an attempt may take to conclude once its backend is gone."""


async def tear_down(
    controller: Controller, *, grace_s: float | None, force: asyncio.Event
) -> list[BaseException | None]:
    """Take everything down, and hurry as soon as that is asked for; return what went wrong.

    Args:
        grace_s: for what runs, in seconds; None for each backend's own.
        force: set once there is no time left.
    """
    if force.is_set():
        return [*await asyncio.gather(controller.teardown(grace_s=0), return_exceptions=True)]
    downs = [asyncio.create_task(controller.teardown(grace_s=grace_s))]
    forced = asyncio.create_task(force.wait())
    await asyncio.wait({*downs, forced}, return_when=asyncio.FIRST_COMPLETED)
    forced.cancel()
    if force.is_set():
        downs.append(asyncio.create_task(controller.teardown(grace_s=0)))
    return await asyncio.gather(*downs, return_exceptions=True)


async def conclude(attempts: Collection[asyncio.Task[None]]) -> list[BaseException | None]:
    """See the attempts that the teardown has ended to their records; return what went wrong."""
    pending = {attempt for attempt in attempts if not attempt.done()}
    if pending:
        _, stuck = await asyncio.wait(pending, timeout=_LAST_S)
        for attempt in stuck:
            attempt.cancel()
    return await asyncio.gather(*pending, return_exceptions=True)
