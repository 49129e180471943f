"""The calls that are under way, so that a teardown can see them end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define, field

__all__ = ["InFlight"]


@define(eq=False)
class InFlight:
    """Counts the calls of one object on one event loop."""

    _calls: Counter[str] = field(factory=Counter, init=False)
    _waiters: list[asyncio.Future[None]] = field(factory=list, init=False)

    @contextmanager
    def call(self, name: str) -> Iterator[None]:
        """Count a call for as long as the block lasts.

        Args:
            name: the method's name.
        """
        self._calls[name] += 1
        try:
            yield
        finally:
            self._calls[name] -= 1
            if not self._calls.total():
                for waiter in self._waiters:
                    if not waiter.done():
                        waiter.set_result(None)

    async def ended(self, *, within_s: float) -> tuple[str, ...]:
        """Wait until no call is under way.

        Args:
            within_s: how long to wait, in seconds.

        Returns:
            the methods whose calls are still under way; none, if all have ended.
        """
        if self._calls.total():
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await asyncio.wait({waiter}, timeout=within_s)
            finally:
                self._waiters.remove(waiter)
        return tuple(sorted(+self._calls))
