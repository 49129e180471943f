"""From a campaign to the runs it consists of, in order. Pure, and the same each time."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Final

from engine.campaign.model import Campaign, Experiment, Order, Pauses
from engine.campaign.runs.containers import together
from engine.campaign.runs.order import after_others, balanced, with_warmups
from engine.campaign.runs.planned_run import PlannedRun

__all__ = [
    "PlannedRun",
    "beside_id",
    "clashes",
    "everything",
    "folder_of",
    "is_attempt",
    "pause_s",
    "plan",
    "queues",
    "request_id",
    "services_of",
]

_KINDS: Final = ("setup", "teardown")


def services_of(runs: Iterable[PlannedRun]) -> tuple[str, ...]:
    """The services that runs ask for, each once: the backends, and what is measured."""
    return tuple(dict.fromkeys(name for run in runs for name in run.services))


def plan(campaign: Campaign) -> tuple[PlannedRun, ...]:
    """The runs of a campaign, in the order it asks for."""
    rng = random.Random(campaign.seed)  # noqa: S311 - an order that can be repeated
    runs: list[PlannedRun] = []
    for cycle in range(1, campaign.cycles + 1):
        grouped = list(_grouped(campaign, cycle))
        last = {run.backend: run for run in runs}
        ordered: Sequence[PlannedRun]
        match campaign.order:
            case Order.SHUFFLED:
                rng.shuffle(grouped)
                ordered = grouped
            case Order.INTERLEAVED:
                ordered = list(_interleaved(grouped, last))
            case Order.BALANCED:
                lanes = queues(campaign, grouped)
                ordered = [run for lane in lanes for run in balanced(lane, cycle)]
            case Order.GROUPED:
                each = _by_backend(grouped).items()
                ordered = [run for name, lane in each for run in together(lane, last.get(name))]
        runs += after_others(list(with_warmups(ordered, campaign.cycles)))
    return tuple(runs)


def everything(campaign: Campaign) -> list[PlannedRun]:
    """The counted runs of a campaign's first cycle, regardless of their dependencies."""
    return list(_grouped(campaign, 1))


def queues(campaign: Campaign, runs: Sequence[PlannedRun]) -> tuple[tuple[PlannedRun, ...], ...]:
    """The runs that follow one another: those of each backend, or all, if none run side by side."""
    if not campaign.parallel:
        return (tuple(runs),) if runs else ()
    return tuple(_by_backend(runs).values())


def pause_s(pauses: Pauses, before: PlannedRun, after: PlannedRun) -> float:
    """How long nothing runs between two runs that follow one another, in seconds."""
    between = pauses.between_experiments_s
    if before.cycle == after.cycle and before.experiment is after.experiment:
        return between
    if pauses.between_configs_s is not None:
        between = pauses.between_configs_s
    if before.cycle != after.cycle and pauses.between_cycles_s is not None:
        between = pauses.between_cycles_s
    return between


def clashes(campaign: Campaign) -> Iterator[tuple[int, str, int]]:
    """The experiments that give an id which an earlier one gives too.

    Yields:
        the experiment's index, the id, and the index of the earlier one.
    """
    first: dict[str, int] = {}
    for index, experiment in enumerate(campaign.experiments):
        ids = {
            run.id
            for backend in experiment.backends
            for cycle in range(1, campaign.cycles + 1)
            for run in with_warmups(
                list(_repeats(campaign, experiment, backend, cycle)), campaign.cycles
            )
        }
        taken = sorted(run_id for run_id in ids if run_id in first)
        if taken:
            yield index, taken[0], first[taken[0]]
        first.update(dict.fromkeys(ids, index))


def _grouped(campaign: Campaign, cycle: int) -> Iterator[PlannedRun]:
    backends = dict.fromkeys(b for experiment in campaign.experiments for b in experiment.backends)
    for backend in backends:
        for experiment in campaign.experiments:
            if backend in experiment.backends:
                yield from _repeats(campaign, experiment, backend, cycle)


def _repeats(
    campaign: Campaign, experiment: Experiment, backend: str, cycle: int
) -> Iterator[PlannedRun]:
    for repeat in range(1, experiment.repeat + 1):
        run_id = f"{backend}-{experiment.name}"
        if campaign.cycles > 1:
            run_id += f"-c{cycle}"
        if experiment.repeat > 1:
            run_id += f"-r{repeat}"
        yield PlannedRun(run_id, experiment, backend, cycle, repeat)


def _interleaved(
    grouped: Sequence[PlannedRun], last: Mapping[str, PlannedRun]
) -> Iterator[PlannedRun]:
    """One of each backend in turn; a backend whose runs are used up is passed over.

    Args:
        last: the run before these, by backend.
    """
    lanes = [_rounds(runs, last.get(name)) for name, runs in _by_backend(grouped).items()]
    for turn in zip_longest(*lanes):
        yield from (run for run in turn if run is not None)


def _rounds(runs: Sequence[PlannedRun], last: PlannedRun | None) -> list[PlannedRun]:
    """Every run once before any is repeated; those with the same service together within each round."""
    ordered: list[PlannedRun] = []
    for repeat in sorted({run.repeat for run in runs}):
        ordered += together((run for run in runs if run.repeat == repeat), last)
        last = ordered[-1]
    return ordered


def _by_backend(runs: Sequence[PlannedRun]) -> Mapping[str, tuple[PlannedRun, ...]]:
    backends = dict.fromkeys(run.backend for run in runs)
    return {name: tuple(run for run in runs if run.backend == name) for name in backends}


def request_id(run: PlannedRun, number: int) -> str:
    """Return the name of an attempt among all commands of the campaign."""
    return f"{run.id}.{number}"


def beside_id(attempt: str, kind: str) -> str:
    """Return the name of a ``setup`` or ``teardown`` of an attempt, or of a start of a backend."""
    return f"{attempt}.{kind}"


def is_attempt(request: str) -> bool:
    """Whether a command with this id was an attempt; the id of one ends with its number."""
    return request.rpartition(".")[2] not in _KINDS


def folder_of(run: PlannedRun, number: int) -> str:
    """Return the folder of an attempt's output, relative to its backend's folder."""
    return f"{run.id}/attempt-{number}"
