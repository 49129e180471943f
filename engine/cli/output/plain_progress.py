"""Progress as plain lines, for logs and pipes."""

from __future__ import annotations

from functools import singledispatchmethod
from typing import Any, TextIO

from attrs import define

from engine.campaign.events import (
    Adopted,
    AttemptEnded,
    AttemptReattached,
    AttemptStarted,
    Pausing,
    RunSettled,
)
from engine.campaign.execution.runner import CampaignRunner
from engine.campaign.runs.progress import reason_of
from engine.campaign.runs.summary import human_s
from engine.cli.output.messages import progress
from engine.model.results import Transition

__all__ = ["Lines", "taken_over"]

_PASSING = frozenset({"busy", "finish", "dispatch"})
"""States and events of each experiment's begin and end, which have separate lines."""

_SHOWN_LEFT = 3


def taken_over(event: Adopted | AttemptReattached) -> str:
    """Describe what was taken over from an earlier controller, on one line."""
    if isinstance(event, Adopted):
        return (
            f"{event.backend}: adopted container {event.container_id[:12]}, which was left running"
        )
    return f"{event.run.id} outlived its controller (attempt {event.attempt}): re-attached to it"


@define
class Lines:
    """Writes a line for each event."""

    runner: CampaignRunner
    stream: TextIO

    @singledispatchmethod
    def show(self, event: Any) -> None:
        """Show an event."""
        raise TypeError(f"no line for {event!r}")

    @show.register
    def _(self, event: Adopted | AttemptReattached) -> None:
        self._line(taken_over(event))

    @show.register
    def _(self, event: AttemptStarted) -> None:
        again = "" if event.attempt == 1 else f" (attempt {event.attempt})"
        self._line(f"{event.run.id} started{again}")

    @show.register
    def _(self, event: AttemptEnded) -> None:
        left = event.record.left
        if left:
            shown = ", ".join(map(str, left[:_SHOWN_LEFT]))
            more = f" and {len(left) - _SHOWN_LEFT} more" if len(left) > _SHOWN_LEFT else ""
            self._line(f"{event.run.id} left processes running: {shown}{more}")
        for warning in event.record.warnings[:_SHOWN_LEFT]:
            self._line(f"{event.run.id}: {warning}")
        if event.retry:
            self._line(f"{event.run.id} is tried again: {reason_of(event.record)}")

    @show.register
    def _(self, event: RunSettled) -> None:
        progress = self.runner.progress.values()
        settled = sum(one.settled for one in progress)
        took = self.runner.progress[event.run.id].spent_s
        how = f": {event.reason}" if event.reason else f" in {human_s(took)}"
        self._line(f"[{settled}/{len(progress)}] {event.run.id} {event.state}{how}")

    @show.register
    def _(self, event: Pausing) -> None:
        why = f" at most ({event.reason})" if event.reason else ""
        self._line(f"{event.run.backend}: {human_s(event.pause_s)} until {event.run.id}{why}")

    @show.register
    def _(self, event: Transition) -> None:
        if event.source == event.target or {event.event, event.target} & _PASSING:
            return
        self._line(f"{event.backend}: {event.source} -> {event.target} ({event.reason})")

    def _line(self, text: str) -> None:
        progress(text, self.stream)
