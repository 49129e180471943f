"""An event loop in a thread of its own, for programs that have none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

__all__ = ["LoopThread", "Worker"]

T = TypeVar("T")


class Worker(Protocol):
    """Runs coroutines for a caller that blocks."""

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end."""

    def close(self) -> None:
        """Run nothing more; harmless when repeated."""


class LoopThread:
    """The usual worker; may be used from several threads at once."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="dockwarden", daemon=True
        )
        self._thread.start()

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop; whoever is interrupted waiting takes it along."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Stop the loop, and the thread with it."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
