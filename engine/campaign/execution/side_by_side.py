"""The company of an attempt: backends that ran experiments meanwhile, and those that were up on its GPUs."""

from __future__ import annotations

from attrs import define, evolve, field

from engine.campaign.planning.shared_gpus import SharedGpus
from engine.campaign.runs.attempt_record import AttemptRecord
from engine.campaign.runs.planned_run import PlannedRun
from engine.controller import Controller

__all__ = ["SideBySide"]


@define(eq=False)
class SideBySide:
    """Tracks which attempts of a campaign run at the same time."""

    _controller: Controller
    _gpus: SharedGpus
    _running: dict[str, str] = field(factory=dict, init=False)
    _met: dict[str, set[str]] = field(factory=dict, init=False)
    _up: dict[str, set[str]] = field(factory=dict, init=False)

    def begun(self, run: PlannedRun) -> None:
        """Take in that an attempt of a run begins."""
        for other in self._running:
            self._met[other].add(run.backend)
        self._met[run.id] = {*self._running.values()}
        self._running[run.id] = run.backend
        self._up[run.id] = self._sharing(run)

    def ended(self, run: PlannedRun, record: AttemptRecord) -> AttemptRecord:
        """Take in that it has ended; its record, with what ran beside it."""
        del self._running[run.id]
        return evolve(
            record,
            beside=tuple(sorted(self._met.pop(run.id) - {run.backend})),
            gpus_shared_with=tuple(sorted(self._up.pop(run.id) | self._sharing(run))),
        )

    def _sharing(self, run: PlannedRun) -> set[str]:
        """The other backends that are up and may use the GPUs that a run occupies."""
        backends = self._controller.backends
        sharing = self._gpus.sharing(run.services)
        return {one for one in sharing if one in backends and backends[one].state != "stopped"}
