"""The turns of runs: one, and another each time that the user had a run repeated which had its outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import TypeVar

from attrs import frozen

from engine.journal import JournalReader, Outcome

__all__ = ["Turn", "by_turn", "turns_of"]

A = TypeVar("A")


@frozen
class Turn:
    """One time through the experiment's table.

    Attributes:
        first: the number of its first attempt.
        outcome: what became of the run; None while nothing has.
    """

    first: int = 1
    outcome: Outcome | None = None


def turns_of(journal: JournalReader, until: datetime | None = None) -> dict[str, tuple[Turn, ...]]:
    """The turns of each run that has an outcome, in order; a run that has none has one turn.

    Args:
        until: only what had happened by then; None for all.
    """
    outcomes = {
        (one.run, one.turn): one
        for one in journal.all_outcomes()
        if until is None or one.at <= until
    }
    turns = {run: [Turn(1, one)] for (run, turn), one in outcomes.items() if turn == 1}
    for rerun in journal.reruns():
        if until is None or rerun.at <= until:
            turns[rerun.run].append(Turn(rerun.attempt, outcomes.get((rerun.run, rerun.turn))))
    return {run: tuple(mine) for run, mine in turns.items()}


def by_turn(
    turns: Sequence[Turn], attempts: Sequence[A], number: Callable[[A], int]
) -> Iterator[tuple[Turn, list[A]]]:
    """Each turn of a run, with those of its attempts that belong to it.

    Args:
        number: which attempt of the run one is.
    """
    for turn, following in zip_longest(turns, turns[1:]):
        yield (
            turn,
            [
                one
                for one in attempts
                if number(one) >= turn.first
                and (following is None or number(one) < following.first)
            ],
        )
