"""Medians, their spread, and how much a ratio of them can be relied on."""

from __future__ import annotations

import itertools
import random
import statistics
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.util.statistics import ratio_interval, spread_of

VALUES = st.lists(st.floats(1, 1000), min_size=3, max_size=30)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0], (1, 3.0, 3.0, 3.0, 3.0, 3.0)),
        ([2.0, 1.0], (2, 1.5, 1.25, 1.75, 1.0, 2.0)),
        ([5, 1, 4, 2, 3], (5, 3, 2, 4, 1, 5)),
        # The heights of R's data set `women`, with R's quantile(type = 7).
        (range(58, 73), (15, 65, 61.5, 68.5, 58, 72)),
    ],
)
def test_the_spread_of_known_samples(values: Sequence[float], expected: tuple[float, ...]) -> None:
    found = spread_of(values)
    assert (found.n, found.median, found.q1, found.q3, found.least, found.most) == expected


ONE = [1.0] * 3
"""A base that does not vary: the ratio to it is the median itself."""


def exact_medians(values: Sequence[float]) -> list[float]:
    """The medians of all resamples that there are."""
    resamples = itertools.product(values, repeat=len(values))
    return sorted(statistics.median(resample) for resample in resamples)


@pytest.mark.parametrize(
    "values", [[1, 2, 4], [1, 2, 4, 8], [1, 3, 4, 9, 20], [2, 3, 5, 7, 11, 13]]
)
def test_the_interval_of_a_median_is_that_of_all_resamples(values: list[float]) -> None:
    every = exact_medians(values)
    found = ratio_interval(values, ONE, replicates=40_000)
    assert found is not None
    outside_s = [sum(one < found.low for one in every), sum(one > found.high for one in every)]
    inside_s = [sum(one <= found.low for one in every), sum(one >= found.high for one in every)]
    assert all(count <= 0.026 * len(every) for count in outside_s)
    assert all(count >= 0.024 * len(every) for count in inside_s)


def test_the_interval_of_a_ratio_of_known_samples() -> None:
    # scipy.stats.bootstrap 1.17 (percentile, 20,000 resamples) gives 0.8395 to 1.1144 for such samples.
    rng = random.Random(0)
    a = [rng.lognormvariate(3, 0.3) for _ in range(400)]
    b = [2 * rng.lognormvariate(3, 0.3) for _ in range(400)]
    found = ratio_interval(a, b)
    assert found is not None
    assert found.low < 0.5 < found.high
    assert found.high - found.low < 0.06


def test_nineteen_of_twenty_intervals_hold_the_truth() -> None:
    rng = random.Random(1)
    held = 0
    for _ in range(400):
        found = ratio_interval([rng.gauss(10, 2) for _ in range(60)], ONE)
        assert found is not None
        held += found.low <= 10 <= found.high
    assert 0.91 < held / 400 < 0.99


@given(VALUES, VALUES, st.integers(0, 5))
def test_the_same_seed_gives_the_same_interval_around_the_ratio(
    a: list[float], b: list[float], seed: int
) -> None:
    found = ratio_interval(a, b, seed=seed)
    assert found == ratio_interval(a, b, seed=seed)
    assert found is not None
    assert found.low <= found.high
    least, most = min(a) / max(b), max(a) / min(b)
    assert least - 1e-9 <= found.low <= most + 1e-9


@given(VALUES, st.floats(0.1, 10))
def test_a_ratio_scales_with_its_values(values: list[float], factor: float) -> None:
    plain = ratio_interval(values, values)
    scaled = ratio_interval([factor * one for one in values], values)
    assert plain is not None
    assert scaled is not None
    assert scaled.low == pytest.approx(factor * plain.low)
    assert scaled.high == pytest.approx(factor * plain.high)


@pytest.mark.parametrize(
    ("values", "base"), [([1, 2], [1, 2, 3]), ([1, 2, 3], [1, 2]), ([1, 2, 3], [-1, 0, 1])]
)
def test_too_few_values_or_a_base_around_zero_give_no_interval(
    values: list[float], base: list[float]
) -> None:
    assert ratio_interval(values, base) is None
