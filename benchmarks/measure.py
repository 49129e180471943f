"""Rounds, and what they show."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

from attrs import frozen

__all__ = [
    "Benchmark",
    "Figure",
    "Goal",
    "Round",
    "Scene",
    "Spread",
    "Turn",
    "at_most",
    "more",
    "rounds_of",
    "times_less",
    "under",
]

Round = Mapping[str, float]
"""The measurements of one round: quantities by name, of which less is better."""

Turn = Callable[[], Round]
"""One side's turn in a round: it measures one quantity or several."""

Scene = Callable[[], AbstractContextManager[Sequence[Turn]]]
"""Sets a benchmark up, gives the turns of a round, and clears away behind them."""


@frozen
class Spread:
    """The median of some figures, and their quartiles."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> Spread:
        """Of at least one figure."""
        if len(figures) == 1:
            return cls(figures[0], figures[0], figures[0])
        low, median, high = statistics.quantiles(figures, n=4, method="inclusive")
        return cls(median, low, high)


@frozen
class Goal:
    """A goal to be reached.

    Attributes:
        what: our quantity.
        against: the quantity to compare it with.
        asked: the goal in words.
        unit: of the figures.
        figure: of one round.
        reached: whether the median of the figures will do.
        floor: the lowest quantity that this way of working allows; empty where none is known.
    """

    what: str
    against: str
    asked: str
    unit: str
    figure: Callable[[Round], float]
    reached: Callable[[float], bool]
    floor: str = ""

    def bound(self, measured: Round) -> float | None:
        """The best figure that a round allowed; None where no floor is known."""
        if not self.floor:
            return None
        return self.figure({**measured, self.what: measured[self.floor]})


def at_most(limit: float, what: str, peer: str, *, floor: str = "") -> Goal:
    """That one quantity is at most ``limit`` times another of the same round."""
    return Goal(
        what=what,
        against=peer,
        asked=f"at most {limit:g} x",
        unit="x",
        figure=lambda measured: measured[what] / measured[peer],
        reached=lambda median: median <= limit,
        floor=floor,
    )


def times_less(
    times: float, what: str, peer: str, *, word: str = "faster", floor: str = ""
) -> Goal:
    """That one quantity is a ``times``-th of another of the same round, or less."""
    return Goal(
        what=what,
        against=peer,
        asked=f"at least {times:g} x {word}",
        unit=f"x {word}",
        figure=lambda measured: measured[peer] / measured[what],
        reached=lambda median: median >= times,
        floor=floor,
    )


def more(limit: float, what: str, peer: str) -> Goal:
    """That there is at most so much more of one quantity than of another; for what may be none at all."""
    return Goal(
        what=what,
        against=peer,
        asked=f"at most {limit:g} more",
        unit="more",
        figure=lambda measured: measured[what] - measured[peer],
        reached=lambda median: median <= limit,
    )


def under(limit: float, what: str, unit: str, *, against: str = "a fixed limit") -> Goal:
    """That a quantity itself stays under a limit; only for what no machine's speed decides."""
    return Goal(
        what=what,
        against=against,
        asked=f"under {limit:g} {unit}",
        unit=unit,
        figure=lambda measured: measured[what],
        reached=lambda median: median < limit,
    )


@frozen
class Figure:
    """How far a goal was reached, over all rounds.

    Attributes:
        bound: the median of the best that was possible, where that is known.
    """

    goal: Goal
    spread: Spread
    bound: float | None = None

    @property
    def reached(self) -> bool:
        """Whether it was."""
        return self.goal.reached(self.spread.median)


@frozen
class Benchmark:
    """Some goals that one scene shows.

    Attributes:
        name: how it is asked for.
        title: what is measured, in words.
        scene: sets it up.
        rounds: how many are measured.
        warm_up: whether one more comes first, and is thrown away.
        goals: what is to be reached.
        note: what a reader has to know: the lower bound of what cannot be reached.
    """

    name: str
    title: str
    scene: Scene
    rounds: int
    goals: tuple[Goal, ...]
    warm_up: bool = True
    note: str = ""

    def figures(self, rounds: Sequence[Round]) -> tuple[Figure, ...]:
        """How far each goal was reached."""
        return tuple(_figure(goal, rounds) for goal in self.goals)


def _figure(goal: Goal, rounds: Sequence[Round]) -> Figure:
    bounds = [bound for measured in rounds if (bound := goal.bound(measured)) is not None]
    spread = Spread.of([goal.figure(measured) for measured in rounds])
    return Figure(goal, spread, statistics.median(bounds) if bounds else None)


def rounds_of(turns: Sequence[Turn], rounds: int, *, warm_up: bool = True) -> Iterator[Round]:
    """Take all turns, round by round; each round begins with another one.

    Args:
        warm_up: whether a further round comes first, which is not reported.
    """
    for number in range(0 if warm_up else 1, rounds + 1):
        first = number % len(turns)
        measured: dict[str, float] = {}
        for turn in (*turns[first:], *turns[:first]):
            measured |= turn()
        if number:
            yield measured
