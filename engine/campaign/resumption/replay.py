"""Replay the journal of runs and backends, as courses through their tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby, takewhile

from engine.campaign.resumption.turns import Turn, by_turn, turns_of
from engine.campaign.runs.progress import EVENTS
from engine.errors import JournalCorrupt
from engine.journal import Attempt, JournalReader, Outcome, retrace
from engine.model.results import Ending
from states import EXPERIMENT, Edge, Lifecycle, StateError
from states.diagram import Course

__all__ = ["backend_course", "run_course"]


def backend_course(
    journal: JournalReader,
    lifecycle: Lifecycle,
    *,
    backend: str | None = None,
    until: datetime | None = None,
) -> Course:
    """Return the states of backends, and the edges that they have taken.

    Args:
        lifecycle: the table that they ran on.
        backend: only this one.
        until: only what happened until then.

    Raises:
        ReplayRefused: they have taken an edge that the table does not have.
    """
    names = journal.backends() if backend is None else (backend,)
    here = dict.fromkeys(names, lifecycle.initial)
    taken: Counter[Edge] = Counter()
    rows = takewhile(
        lambda row: until is None or row.transition.at <= until, journal.transitions(backend)
    )
    for row, edge in retrace(rows, lifecycle, file=journal.path):
        here[row.transition.backend] = edge.target
        taken[edge] += 1
    return Course(here, taken)


def run_course(
    journal: JournalReader, *, backend: str | None = None, until: datetime | None = None
) -> Course:
    """Return the states of runs in the experiment's table, and the edges that they have taken.

    Args:
        backend: only the runs on this one.
        until: only what happened until then.

    Raises:
        JournalCorrupt: an outcome does not follow from its run's attempts.
    """
    turns = turns_of(journal, until)
    begun = sorted(
        (one for one in journal.attempts() if until is None or one.begun_at <= until),
        key=lambda one: (one.run, one.number),
    )
    attempts = {run: list(mine) for run, mine in groupby(begun, key=lambda one: one.run)}
    here: dict[str, str] = {}
    taken: Counter[Edge] = Counter()
    for run in journal.runs():
        if backend in (None, run.backend):
            here[run.id] = EXPERIMENT.initial
            known = turns.get(run.id, (Turn(),))
            mine = attempts.get(run.id, [])
            for turn, tried in by_turn(known, mine, lambda one: one.number):
                edges = _path(journal, run.id, tried, turn.outcome, until)
                here[run.id] = edges[-1].target if edges else here[run.id]
                taken.update(edges)
    return Course(here, taken)


def _path(
    journal: JournalReader,
    run: str,
    attempts: Sequence[Attempt],
    outcome: Outcome | None,
    until: datetime | None,
) -> list[Edge]:
    """The edges that a run has taken. Whether another attempt was due after the last, its outcome tells."""
    for last_again in (outcome is None, True):
        try:
            path = list(_edges(attempts, outcome, until, last_again=last_again))
        except StateError:
            continue
        if outcome is None or (path and path[-1].target == outcome.state):
            return path
    said = "going on" if outcome is None else outcome.state
    raise JournalCorrupt(
        f"{run} is said to be {said}, and its attempts do not lead there", file=journal.path
    )


def _edges(
    attempts: Sequence[Attempt],
    outcome: Outcome | None,
    until: datetime | None,
    *,
    last_again: bool,
) -> Iterator[Edge]:
    state, tried = EXPERIMENT.initial, False
    for attempt in attempts:
        edge = EXPERIMENT.decide(state, "dispatch")
        yield edge
        if attempt.ending is not None and (until is None or _ended(attempt) <= until):
            ending = Ending(attempt.ending)
            facts = {
                "succeeded": ending is Ending.EXITED and attempt.exit_code == 0,
                "attempt_left": attempt is not attempts[-1] or last_again,
                "tried": tried,
            }
            edge = EXPERIMENT.decide(edge.target, EVENTS[ending], facts)
            tried = tried or ending is not Ending.INTERRUPTED
            yield edge
        state = edge.target
    if outcome is not None and state not in EXPERIMENT.final:
        yield EXPERIMENT.decide(state, "abandon")


def _ended(attempt: Attempt) -> datetime:
    assert attempt.ended_at is not None
    return attempt.ended_at
