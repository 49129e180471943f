"""Transitions as they happen, for callers that iterate over them in another thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from attrs import define, field

from engine.control.usability import Use
from engine.model.results import Transition

__all__ = ["TransitionStream"]


@define(eq=False)
class TransitionStream:
    """Keeps what has happened, and wakes those who wait for more.

    Any number of threads may iterate, each from the first transition on.

    Args:
        use: whether it may be waited for here.
    """

    _use: Use
    _taken: list[Transition] = field(factory=list, init=False)
    _closed: bool = field(default=False, init=False)
    _changed: threading.Condition = field(factory=threading.Condition, init=False)

    def add(self, transition: Transition) -> None:
        """Tell of one more."""
        with self._changed:
            self._taken.append(transition)
            self._changed.notify_all()

    def close(self) -> None:
        """There will be no more; iterations end once they have seen all."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Transition]:
        """Every transition from the first on; waits for the next until the stream is closed."""
        seen = 0
        while new := self._after(seen):
            yield from new
            seen += len(new)

    def _after(self, seen: int) -> list[Transition]:
        """Wait for the transitions after the first ``seen``; empty once there will be no more."""
        self._use.check_process("transitions")  # else it would wait for a thread that is not here
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._taken) > seen)
            return self._taken[seen:]
