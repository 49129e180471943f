"""Rounds, ratios and verdicts, on sides whose times are known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count

import pytest

from benchmarks.measure import (
    Benchmark,
    Goal,
    Spread,
    Turn,
    at_most,
    more,
    rounds_of,
    times_less,
    under,
)


@contextmanager
def nothing() -> Iterator[Sequence[Turn]]:
    yield ()


def turns(log: list[str], *names: str) -> list[Turn]:
    def turn(name: str) -> Turn:
        def take() -> dict[str, float]:
            log.append(name)
            return {name: 1.0}

        return take

    return [turn(name) for name in names]


def test_each_round_takes_every_side_once_and_begins_with_another_one() -> None:
    log: list[str] = []
    measured = list(rounds_of(turns(log, "a", "b", "c"), 3))
    assert measured == [{"a": 1, "b": 1, "c": 1}] * 3
    assert "".join(log) == "abc" + "bca" + "cab" + "abc"


@pytest.mark.parametrize(("warm_up", "reported"), [(True, [1, 2, 3]), (False, [0, 1, 2])])
def test_a_warm_up_is_thrown_away(*, warm_up: bool, reported: list[int]) -> None:
    times = count()
    measured = rounds_of([lambda: {"a": next(times)}], 3, warm_up=warm_up)
    assert [one["a"] for one in measured] == reported


@pytest.mark.parametrize(
    ("goal", "median", "reached"),
    [
        (at_most(1.1, "ours", "peer"), 1.0, True),
        (at_most(0.9, "ours", "peer"), 1.0, False),
        (times_less(4, "ours", "slow"), 4.0, True),
        (times_less(5, "ours", "slow"), 4.0, False),
        (more(2, "slow", "ours"), 6.0, False),
        (more(6, "slow", "ours"), 6.0, True),
        (under(2.5, "ours", "s"), 2.0, True),
        (under(2.0, "ours", "s"), 2.0, False),
    ],
)
def test_a_goal_is_judged_by_the_median_of_its_figures(
    goal: Goal, median: float, *, reached: bool
) -> None:
    benchmark = Benchmark("name", "title", nothing, 3, (goal,))
    # One round in which everything took ten times as long changes no ratio, and no median.
    rounds = [{"ours": 2.0 * x, "peer": 2.0 * x, "slow": 8.0 * x} for x in (1, 10, 1)]
    (figure,) = benchmark.figures(rounds)
    assert figure.spread.median == pytest.approx(median)
    assert figure.reached is reached


def test_the_best_that_was_possible_is_told_beside_what_was_reached() -> None:
    goal = times_less(3, "ours", "peer", floor="bare")
    benchmark = Benchmark("name", "title", nothing, 1, (goal,))
    (figure,) = benchmark.figures([{"ours": 5.0, "bare": 4.0, "peer": 10.0}])
    assert (figure.spread.median, figure.bound) == (2.0, 2.5)


def test_a_spread_is_the_median_and_its_quartiles() -> None:
    assert Spread.of([5, 1, 2, 4, 3]) == Spread(3, 2, 4)
    assert Spread.of([7]) == Spread(7, 7, 7)
