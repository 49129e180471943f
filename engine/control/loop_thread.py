"""An event loop in a separate thread, for programs that have none."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from engine.errors import UsedAfterClose, UsedInListener, UseError

__all__ = ["LoopThread", "Worker"]

_LOG: Final = logging.getLogger(__name__)

T = TypeVar("T")


class Worker(Protocol):
    """Runs coroutines for a caller that blocks."""

    def wait(self, call: str, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end.

        Args:
            call: what the caller asked for, for messages.

        Raises:
            UsedAfterClose: the worker is closed, or was closed before the coroutine's end.
        """

    def wait_last(self, call: str, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end, and let no other call in from now on; may be repeated.

        Raises:
            UsedAfterClose: as for :meth:`wait`.
        """

    def close(self) -> None:
        """Run nothing more; harmless when repeated."""

    def close_after(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run one coroutine more, then close; returns at once."""


class LoopThread:
    """The usual worker; may be used from several threads at once."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._refusing = self._closed = False
        self._thread = threading.Thread(target=self._run, name="dockwarden", daemon=True)
        self._thread.start()

    def wait(self, call: str, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop; a caller that is interrupted while waiting cancels it."""
        return self._wait(call, work, last=False)

    def wait_last(self, call: str, work: Coroutine[Any, Any, T]) -> T:
        """Likewise. Every earlier call has begun by then: both are put on the loop under one lock."""
        return self._wait(call, work, last=True)

    def _wait(self, call: str, work: Coroutine[Any, Any, T], *, last: bool) -> T:
        # Made before anything is submitted: Ctrl+C may come at any point from here on, and cancels by it.
        outcome: Future[T] = Future()
        try:
            self._submit(call, partial(self._begin, work, outcome), last=last)
            return outcome.result()
        except UseError:
            work.close()
            raise
        except CancelledError:
            if not self._closed:
                raise
            raise UsedAfterClose(
                f"the manager was closed while {call} waited; what it waited for has been given up",
                call=call,
            ) from None
        except BaseException:
            outcome.cancel()
            raise

    def _submit(self, call: str, begin: Callable[[], None], *, last: bool) -> None:
        if threading.current_thread() is self._thread:
            raise UsedInListener(
                f"{call} was called in the manager's own thread, which would wait for itself; a listener"
                " must not call the manager: hand over to another thread, or read transitions() in one",
                call=call,
            )
        with (
            self._lock
        ):  # nothing may be put on a loop that is about to stop: it would wait for ever
            self._refusing = self._refusing or last
            if self._closed or (self._refusing and not last):
                raise UsedAfterClose(
                    f"{call} was called while its manager was closed; make a new manager", call=call
                )
            self._loop.call_soon_threadsafe(begin)

    def _begin(self, work: Coroutine[Any, Any, T], outcome: Future[T]) -> None:
        if outcome.cancelled():
            work.close()
            return
        task = self._loop.create_task(work)
        task.add_done_callback(partial(_hand_over, outcome))
        outcome.add_done_callback(partial(self._give_up, task))

    def _give_up(self, task: asyncio.Task[T], outcome: Future[T]) -> None:
        with suppress(RuntimeError):  # the loop is closed, and so the task has ended
            if outcome.cancelled():
                self._loop.call_soon_threadsafe(task.cancel)

    def close(self) -> None:
        """Cancel what still runs, see it end, and end the thread; does nothing in a forked process.

        The loop's descriptors are shared with a forked process: to close them there would unregister them here.
        """
        if os.getpid() != self._pid:
            return
        with self._lock:
            if not self._closed:
                self._closed = True
                self._loop.call_soon_threadsafe(self._loop.stop)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def close_after(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run one coroutine more, then close; returns at once, and does nothing in a forked process."""
        if os.getpid() != self._pid:
            return

        async def last() -> None:
            try:
                await work()
            except Exception:  # noqa: BLE001 - there is no caller to raise it to
                _LOG.exception("the teardown of a forgotten manager failed")
            finally:
                self.close()

        with self._lock:
            if not self._closed:
                self._loop.call_soon_threadsafe(self._begin, last(), Future[None]())

    def _run(self) -> None:
        """Serve the loop until it is closed; what a callback raises must not end the calls of others."""
        while True:
            try:
                self._loop.run_forever()
            except BaseException:  # noqa: BLE001 - SystemExit and its like, which asyncio lets through
                _LOG.exception("something in the manager's thread tried to end it")
                continue
            break
        try:
            while left := asyncio.all_tasks(self._loop):
                for task in left:
                    task.cancel()
                self._loop.run_until_complete(asyncio.wait(left))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()


def _hand_over(outcome: Future[T], task: asyncio.Task[T]) -> None:
    """Tell the caller that waits how a task has ended."""
    with suppress(InvalidStateError):  # the caller was interrupted, and asks no more
        if task.cancelled():
            outcome.cancel()
        elif (error := task.exception()) is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(task.result())
