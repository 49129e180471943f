"""Waiting for the experiments that another one comes after, across the queues of a campaign."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable

from attrs import define, field

from engine.campaign.runs.order import labels
from engine.campaign.runs.plan import PlannedRun
from engine.campaign.runs.progress import Progress
from engine.campaign.runs.until import is_needless

__all__ = ["Dependencies"]

_Key = tuple[str, int]
"""The name of an experiment or an entry, and the cycle."""


@define(eq=False)
class Dependencies:
    """Track which experiments have all their runs settled, and which did not complete.

    Warm-up runs do not matter, nor do runs that this session leaves out.
    """

    _open: Counter[_Key] = field(factory=Counter, init=False)
    _failed: dict[_Key, str] = field(factory=dict, init=False)
    _done: dict[_Key, asyncio.Event] = field(factory=dict, init=False)
    _taken: set[str] = field(factory=set, init=False)

    def expect(self, runs: Iterable[PlannedRun]) -> None:
        """Know of runs that others may come after."""
        self._open.update(key for run in runs if not run.warmup for key in _keys(run))

    async def met(self, run: PlannedRun) -> str:
        """Wait until all that a run comes after is settled; say why it cannot run, or nothing if it can."""
        for name in run.experiment.after:
            key = (name, run.cycle)
            while self._open[key] > 0:
                await self._done.setdefault(key, asyncio.Event()).wait()
            if key in self._failed:
                return f"it comes after {name}, and {self._failed[key]}"
        return ""

    def settled(self, progress: Progress) -> None:
        """Take in that a run has come to its outcome; harmless when repeated."""
        run = progress.run
        if run.warmup or run.id in self._taken:
            return
        self._taken.add(run.id)
        for key in _keys(run):
            if progress.state != "completed" and not is_needless(progress.state, progress.reason):
                self._failed.setdefault(key, f"{run.id} {_was(progress.state)}")
            self._open[key] -= 1
            if self._open[key] == 0 and key in self._done:
                self._done[key].set()


def _keys(run: PlannedRun) -> list[_Key]:
    return [(label, run.cycle) for label in labels(run)]


def _was(state: str) -> str:
    return {"failed": "failed", "lost": "was lost", "skipped": "was skipped"}.get(state, state)
