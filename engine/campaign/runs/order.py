"""Orders of runs: balanced over positions and predecessors, with warm-ups, and after what they depend on.

Pure, and the same each time.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from engine.campaign.runs.planned_run import PlannedRun

__all__ = ["after_others", "balanced", "in_circles", "labels", "latin_row", "with_warmups"]


def latin_row(size: int, row: int) -> list[int]:
    """A row of a Latin square by Williams, in which each number stands in each place equally often.

    Each number also follows each other one equally often: over ``size`` rows, or over twice as many where
    ``size`` is odd.
    """
    first = [0, *((n + 1) // 2 if n % 2 else size - n // 2 for n in range(1, size))]
    shifted = [(number + row) % size for number in first]
    return shifted[::-1] if size % 2 and (row // size) % 2 else shifted


def balanced(runs: Sequence[PlannedRun], cycle: int) -> Iterator[PlannedRun]:
    """The runs of one queue in one cycle: round by round, each round in the order of the square's next row.

    A round has one repeat of every experiment that has so many.
    """
    rounds: defaultdict[int, dict[tuple[str, str], PlannedRun]] = defaultdict(dict)
    for run in runs:
        rounds[run.repeat][run.experiment.name, run.backend] = run
    treatments = list(dict.fromkeys((run.experiment.name, run.backend) for run in runs))
    for number in sorted(rounds):
        row = latin_row(len(treatments), (cycle - 1) * len(rounds) + number - 1)
        in_turn = (rounds[number].get(treatments[index]) for index in row)
        yield from (run for run in in_turn if run is not None)


def with_warmups(runs: Sequence[PlannedRun], cycles: int) -> Iterator[PlannedRun]:
    """The runs of one cycle, the first of each experiment on each backend behind its warm-up runs."""
    warm: set[tuple[str, str]] = set()
    for run in runs:
        key = (run.experiment.name, run.backend)
        if key not in warm:
            warm.add(key)
            cycle = f"-c{run.cycle}" if cycles > 1 else ""
            for number in range(1, run.experiment.warmup + 1):
                run_id = f"{run.backend}-{run.experiment.name}{cycle}-w{number}"
                yield PlannedRun(
                    run_id, run.experiment, run.backend, run.cycle, number, warmup=True
                )
        yield run


def labels(run: PlannedRun) -> set[str]:
    """The names by which other experiments may come after a run."""
    return {run.experiment.name, run.experiment.entry}


def after_others(runs: Sequence[PlannedRun]) -> list[PlannedRun]:
    """The runs of one cycle, each behind all that it comes after, else in their order.

    Queues that keep this order can wait for one another and never for ever: the first run that is not
    settled has nothing unsettled before it. What waits in a circle is left out; see :func:`in_circles`.
    """
    if not any(run.experiment.after for run in runs):
        return list(runs)
    open_runs = Counter(label for run in runs for label in labels(run))
    missing: dict[int, int] = {}
    waiting: defaultdict[str, list[int]] = defaultdict(list)
    ready: list[int] = []
    for index, run in enumerate(runs):
        names = {name for name in run.experiment.after if open_runs[name]}
        missing[index] = len(names)
        for name in names:
            waiting[name].append(index)
        if not names:
            ready.append(index)
    ordered: list[PlannedRun] = []
    while ready:
        run = runs[heapq.heappop(ready)]
        ordered.append(run)
        for label in labels(run):
            open_runs[label] -= 1
            for index in waiting.pop(label, ()) if not open_runs[label] else ():
                missing[index] -= 1
                if not missing[index]:
                    heapq.heappush(ready, index)
    return ordered


def in_circles(runs: Sequence[PlannedRun]) -> list[PlannedRun]:
    """The runs of one cycle that would wait for one another for ever."""
    free = {run.id for run in after_others(runs)}
    return [run for run in runs if run.id not in free]
