"""The state of backends from before the controller died, for those that are adopted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path, PurePath

from attrs import evolve, field, frozen

from engine.backend.execution import Limits
from engine.backend.handover import Heritage, UnderWay
from engine.campaign.model import Campaign
from engine.campaign.runs.plan import is_attempt
from engine.campaign.runs.progress import Progress
from engine.journal import JournaledTransition, JournalReader
from engine.ownership.owner import Owner
from engine.runtimes.base import ExecRequest
from engine.spool import Spool
from engine.util.clock import uptime_s

__all__ = ["heritages"]


def heritages(
    campaign: Campaign,
    journal: JournalReader,
    progress: Iterable[Progress],
    folder: Path,
    *,
    now: datetime,
) -> dict[str, Heritage]:
    """Return the state of each backend in the journal, by name.

    Args:
        progress: how far runs have come; what of them was under way belongs to its backend.
        folder: of the results.
        now: in UTC.
    """
    clocks = _Clocks({one.number: one.owner for one in journal.sessions()}, now)
    under_way = {
        one.run.backend: _under_way(campaign, one, folder, clocks)
        for one in progress
        if one.under_way
    }
    found: dict[str, Heritage] = {}
    for name in journal.backends():
        known = _known(journal.transitions(name))
        last = under_way.get(name)
        found[name] = Heritage(
            generation=max(known.generation, 1),
            since_restart=known.commands - (last is not None and known.commands > 0),
            restart_cause=known.restart_cause,
            restarts_ago_s=tuple(clocks.ago_s(one) for one in known.restarts),
            forgiven=known.forgiven(campaign, name),
            under_way=last,
        )
    return found


@frozen
class _Clocks:
    """How long ago things happened, by the monotonic clock, if its readings were recorded.

    Attributes:
        owners: who wrote in each session, by its number.
        now: in UTC.
    """

    owners: Mapping[int, Owner]
    now: datetime

    def since_boot(self, session: int, up_s: float | None) -> float | None:
        """A recorded uptime, if it is one of the boot in which this machine is now; else None."""
        here, owner = Owner.current(), self.owners[session]
        this_boot = here.boot_id == owner.boot_id != "" and here.host == owner.host
        return up_s if this_boot and up_s is not None and up_s <= uptime_s() else None

    def ago_s(self, row: JournaledTransition) -> float:
        """How long ago a transition was taken, in seconds; by the date and time if nothing else is known."""
        up_s = self.since_boot(row.session, row.transition.uptime_s)
        if up_s is not None:
            return uptime_s() - up_s
        return max(0.0, (self.now - row.transition.at).total_seconds())


def _under_way(campaign: Campaign, progress: Progress, folder: Path, clocks: _Clocks) -> UnderWay:
    attempt, experiment = progress.under_way, progress.run.experiment
    assert attempt is not None
    request = ExecRequest(
        id=attempt.request,
        command=experiment.command,
        folder=Spool(folder, attempt.backend).folder / attempt.request,
        environment=experiment.environment,
        working_dir=experiment.working_dir,
        user=experiment.user,
        results=PurePath(attempt.folder),
        max_output_bytes=experiment.max_output_bytes,
        measure=experiment.measure,
    )
    return UnderWay(
        request=request,
        limits=Limits(
            experiment.timeout_s, experiment.silence_s, campaign.grace_s, experiment.leftovers
        ),
        container_id=attempt.container_id or "",
        begun_at=attempt.begun_at,
        begun_uptime_s=clocks.since_boot(attempt.session, attempt.begun_uptime_s),
    )


@frozen
class _Known:
    """The state of a backend's container, from its transitions.

    Attributes:
        commands: how many attempts have been handed to it since its last start.
        restarts: when it was restarted because of a fault.
        before: of the container before, which may have been adopted; None once that is decided.
    """

    container_id: str | None = None
    generation: int = 0
    commands: int = 0
    restart_cause: str | None = None
    restarts: tuple[JournaledTransition, ...] = ()
    restarts_left: int | None = None
    before: _Known | None = field(default=None, repr=False)

    def after(self, row: JournaledTransition) -> _Known:
        """Return the state once the backend has taken a further edge."""
        known, step = self, row.transition
        if step.action == "launch":
            known = _Known(before=self)
        elif known.before is not None and step.container_id is not None:
            adopted = known.before.container_id == step.container_id
            known = known.found() if adopted else evolve(known, before=None)
        if step.event == "dispatch" and is_attempt(step.reason):
            known = evolve(known, commands=known.commands + 1)
        if step.action == "relaunch":
            known = evolve(known, commands=0, restart_cause=step.reason)
        if step.event == "reset":
            before = known.before and evolve(known.before, restarts=())
            known = evolve(known, restarts=(), before=before)
        if step.event == "recover" and step.action == "relaunch":
            known = evolve(known, restarts=(*known.restarts, row))
        return evolve(
            known,
            container_id=step.container_id or known.container_id,
            generation=step.generation,
            restarts_left=step.restarts_left,
        )

    def found(self) -> _Known:
        """Return the state once the earlier container has been adopted; restarts until then count."""
        assert self.before is not None
        return evolve(self.before, restarts=(*self.before.restarts, *self.restarts))

    def forgiven(self, campaign: Campaign, name: str) -> int:
        """How many of its restarts a long healthy time has made good."""
        policy = campaign.policies.get(name)
        if policy is None or self.restarts_left is None:
            return 0
        spent = policy.restart.max_restarts - self.restarts_left
        return min(max(0, len(self.restarts) - spent), len(self.restarts))


def _known(transitions: Iterable[JournaledTransition]) -> _Known:
    known = _Known()
    for row in transitions:
        known = known.after(row)
    return known.before if known.before is not None else known
