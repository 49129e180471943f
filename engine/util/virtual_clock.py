"""A virtual clock: an event loop on which time passes only when there is nothing else to do.

A wait of an hour costs nothing, and the same program takes the same course every time.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final, TypeVar

__all__ = ["BEGINNING", "VirtualClock", "VirtualClockLoop", "run"]

BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""The date at which virtual time begins, unless another one is given."""

_MOMENT_S: Final = 1e-6
"""Enough for all to happen that is due at once."""

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
    """An event loop with a virtual clock, for programs that use neither threads nor sockets.

    What would run on a thread runs at once, and takes no time.

    Args:
        began_at: the date at which it begins.

    Attributes:
        now_s: the time in seconds since the loop was made.
        set_by_s: by how much the date and time have been set since, in seconds.
    """

    def __init__(self, began_at: datetime = BEGINNING) -> None:
        self.now_s = 0.0
        self.set_by_s = 0.0
        self.began_at = began_at
        selector = _NoWait()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        """The virtual time, in seconds."""
        return self.now_s

    def run_in_executor(  # type: ignore[override]
        self,
        executor: object,
        func: Callable[..., T],
        *args: Any,
    ) -> asyncio.Future[T]:
        """Call a function here and now: a thread would have its end seen at some moment by chance."""
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it is for the caller that waits
            done.set_exception(error)
        return done

    def uptime_s(self) -> float:
        """The virtual monotonic clock, which goes on from one loop to the next; see :mod:`engine.util.clock`."""
        return (self.began_at - BEGINNING).total_seconds() + self.now_s

    def wall_clock(self, tz: tzinfo) -> datetime:
        """The virtual date and time; see :func:`engine.util.clock.utc_now`."""
        return (self.began_at + timedelta(seconds=self.now_s + self.set_by_s)).astimezone(tz)


class VirtualClock:
    """A virtual clock to be moved on by hand: between its steps a program stands still.

    Attributes:
        loop: the event loop that keeps it.
    """

    def __init__(self) -> None:
        self.loop = VirtualClockLoop()
        self._runner = asyncio.Runner(loop_factory=lambda: self.loop)

    @property
    def now_s(self) -> float:
        """The time in seconds since the clock was made."""
        return self.loop.now_s

    def run(self, program: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end; time passes as it waits.

        Raises:
            RuntimeError: it waits for something that can never happen.
        """
        return self._runner.run(program)

    def advance(self, seconds: float = _MOMENT_S) -> None:
        """Let so much time pass, in seconds, and everything happen that is due by then."""
        self.run(asyncio.sleep(seconds))

    def call(self, function: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """Call a plain function on the event loop, for what needs one to run."""

        async def called() -> T:
            return function(*arguments, **options)

        return self.run(called())

    def begin(self, program: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin a coroutine, which goes on whenever time passes."""

        async def begun() -> asyncio.Task[T]:
            return asyncio.create_task(program)

        return self.run(begun())

    def close(self) -> None:
        """Cancel everything that still waits, and close the loop."""
        self._runner.close()


def run(program: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in virtual time.

    Raises:
        RuntimeError: it waits for something that can never happen.
    """
    with asyncio.Runner(loop_factory=VirtualClockLoop) as runner:
        return runner.run(program)
