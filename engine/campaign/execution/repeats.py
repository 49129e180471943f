"""Repeats that go on until a metric is known well enough."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final

from attrs import define, field

from engine.campaign.runs.plan import PlannedRun
from engine.campaign.runs.progress import Progress
from engine.campaign.runs.until import enough

__all__ = ["Repeats"]

_LOG: Final = logging.getLogger(__name__)

_Group = tuple[str, str, int]


@define(eq=False)
class Repeats:
    """The repeats of each experiment on each backend in each cycle, as far as they are adaptive."""

    _groups: dict[_Group, list[Progress]] = field(factory=dict, init=False)
    _warned: set[_Group] = field(factory=set, init=False)

    def expect(self, progress: Iterable[Progress]) -> None:
        """Know of runs."""
        for one in progress:
            if one.run.experiment.until is not None and not one.run.warmup:
                self._groups.setdefault(_group(one.run), []).append(one)

    def needless(self, run: PlannedRun) -> str:
        """Why a run is not needed any more; empty if it is."""
        until = run.experiment.until
        if until is None or run.warmup:
            return ""
        group = _group(run)
        completed = [one for one in self._groups[group] if one.state == "completed"]
        recorded = [one.measurements.metrics for one in completed]
        values = [metrics[until.metric] for metrics in recorded if until.metric in metrics]
        if len(completed) >= until.at_least and not values and group not in self._warned:
            self._warned.add(group)
            _LOG.warning(
                "%s: until waits for %s, which none of %d repeats recorded; see its metrics",
                *(run.experiment.name, until.metric, len(completed)),
            )
        return enough(until, values)


def _group(run: PlannedRun) -> _Group:
    return run.backend, run.experiment.name, run.cycle
