"""Order the runs of a backend so that few containers are made, and count these. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import frozen

from engine.campaign.model import Isolation
from engine.campaign.runs.planned_run import PlannedRun
from engine.model.service_change import ServiceChange

__all__ = ["Renewals", "renewal_lines", "renewals", "together"]


def together(runs: Iterable[PlannedRun], before: PlannedRun | None = None) -> list[PlannedRun]:
    """The runs of one backend, those with the same service one after the other.

    Otherwise they keep their order, and a service comes where the first of its runs stood.

    Args:
        before: the backend's run before these; those that can use its container come first.
    """
    by_service: dict[ServiceChange | None, list[PlannedRun]] = {}
    if before is not None:
        by_service[before.experiment.service] = []
    for run in runs:
        by_service.setdefault(run.experiment.service, []).append(run)
    return [run for group in by_service.values() for run in group]


@frozen
class Renewals:
    """How often a plan has the container of a backend renewed though nothing is wrong.

    Attributes:
        recreated: how often a new container is made in place of another one.
        restarted: how often it is restarted in place.
    """

    recreated: int = 0
    restarted: int = 0

    def __str__(self) -> str:
        """It in words; empty where there is none."""
        counted = {"recreated": self.recreated, "restarted": self.restarted}
        return ", ".join(f"{what} {_times(count)}" for what, count in counted.items() if count)


def renewals(runs: Sequence[PlannedRun]) -> dict[str, Renewals]:
    """The renewals that runs need in their order, by backend: for their services, and for their isolation."""
    counted: dict[str, Renewals] = {}
    before: dict[str, PlannedRun] = {}
    for run in runs:
        last = before.get(run.backend)
        so_far = counted.get(run.backend, Renewals())
        if last is not None:
            so_far = _after(so_far, last, run)
        counted[run.backend], before[run.backend] = so_far, run
    return counted


def _after(so_far: Renewals, last: PlannedRun, run: PlannedRun) -> Renewals:
    isolation = run.experiment.isolation
    if last.experiment.service != run.experiment.service or isolation is Isolation.RECREATE:
        return Renewals(so_far.recreated + 1, so_far.restarted)
    if isolation is Isolation.RESTART:
        return Renewals(so_far.recreated, so_far.restarted + 1)
    return so_far


def renewal_lines(runs: Sequence[PlannedRun]) -> list[str]:
    """The renewals that runs need, for people; nothing where they need none."""
    told = [f"{name} {count}" for name, count in renewals(runs).items() if str(count)]
    return [f"renewed for its runs, free of charge: {'; '.join(told)}"] if told else []


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
