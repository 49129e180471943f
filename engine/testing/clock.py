"""A virtual clock: an event loop on which time passes only when there is nothing else to do.

A wait of an hour costs nothing, and the same program takes the same course every time.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final, TypeVar

__all__ = ["BEGINNING", "VirtualClockLoop", "run"]

BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""The date at which virtual time begins, unless another one is given."""

T = TypeVar("T")


class _NoWait(selectors.SelectSelector):
    """Instead of waiting, moves the loop's clock on."""

    loop: VirtualClockLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError(
                    "nothing is left that could wake this program: it waits for ever"
                )
            self.loop.now_s += max(0.0, timeout)
        return ready


class VirtualClockLoop(asyncio.SelectorEventLoop):
    """An event loop with a clock of its own, for programs that use neither threads nor sockets.

    Args:
        began_at: the date at which it begins.

    Attributes:
        now_s: the time in seconds since the loop was made.
    """

    def __init__(self, began_at: datetime = BEGINNING) -> None:
        self.now_s = 0.0
        self.began_at = began_at
        selector = _NoWait()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        """The virtual time, in seconds."""
        return self.now_s

    def wall_clock(self, tz: tzinfo) -> datetime:
        """The virtual date and time; see :func:`engine.clock.utc_now`."""
        return (self.began_at + timedelta(seconds=self.now_s)).astimezone(tz)


def run(program: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in virtual time.

    Raises:
        RuntimeError: it waits for something that can never happen.
    """
    with asyncio.Runner(loop_factory=VirtualClockLoop) as runner:
        return runner.run(program)
