"""The runtime while it is in use, and the watchdog that guards what it starts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from attrs import define, field

from engine.runtimes.base import Notice, Runtime

__all__ = ["Hold", "Opening"]


class Hold(Protocol):
    """A hold that is released once everything is down."""

    def release(self) -> None:
        """Let go; harmless when repeated."""


@define(eq=False)
class Opening:
    """Opens a runtime before anything is started, and closes it once everything is down.

    Args:
        runtime: the runtime.
        hold: called once the runtime is open, in a thread; None for nothing to hold.

    Attributes:
        is_open: whether the runtime is in use.
    """

    _runtime: Runtime
    _hold: Callable[[], Hold] | None
    is_open: bool = field(default=False, init=False)
    _held: Hold | None = field(default=None, init=False)
    _lock: asyncio.Lock = field(factory=asyncio.Lock, init=False)

    async def open(self, on_notice: Callable[[Notice], None]) -> None:
        """Open the runtime and take the hold; harmless when repeated.

        Raises:
            RuntimeUnavailable: the runtime cannot work here.
            SetupError: the hold cannot be taken; nothing may be started.
        """
        async with self._lock:
            if not self.is_open:
                try:
                    await self._runtime.open(on_notice)
                except BaseException:
                    await self._runtime.close()  # half open, it may have threads and connections
                    raise
                self.is_open = True
            if self._hold is not None and self._held is None:
                # The one that is cancelled here may leave a hold behind: it ends with the process.
                self._held = await asyncio.to_thread(self._hold)

    async def close(self) -> None:
        """Close the runtime, then release the hold: all is down."""
        await self._runtime.close()
        if self._held is not None:
            await asyncio.to_thread(self._held.release)
            self._held = None
        self.is_open = False
