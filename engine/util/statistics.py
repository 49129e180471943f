"""Statistics of samples: medians, their spread, and how much a ratio of medians can be relied on. Pure.

The bootstrap distribution of a median is drawn exactly, without drawing the resamples themselves. A
resample of ``n`` values out of ``n`` is ``n`` independent uniform numbers, each of which names a value.
The median of the resample is named by the middle ones of these numbers, whose distribution is known: an
order statistic of uniform numbers has a beta distribution. So each replicate costs one or two random
numbers, however large the sample is.
"""

from __future__ import annotations

import functools
import random
import statistics
from collections.abc import Sequence
from typing import Final

from attrs import frozen

__all__ = [
    "CONFIDENCE",
    "REPLICATES",
    "Interval",
    "Spread",
    "ratio_interval",
    "spread_of",
]

REPLICATES: Final = 2000
"""How many resamples a bootstrap draws."""

CONFIDENCE: Final = 0.95

_LEAST: Final = 3
"""Fewer values say nothing about their spread."""


@frozen
class Spread:
    """How a sample is spread.

    Attributes:
        n: how many values it has.
        q1: the first quartile; a quarter of the values is below it.
        q3: the third.
    """

    n: int
    median: float
    q1: float
    q3: float
    least: float
    most: float


@frozen
class Interval:
    """A confidence interval."""

    low: float
    high: float


def spread_of(values: Sequence[float]) -> Spread:
    """How a sample of at least one value is spread.

    Quartiles are interpolated between the values, and the least and the largest value are among them
    (``method="inclusive"`` of :func:`statistics.quantiles`; NumPy's default).
    """
    ordered = sorted(values)
    q1, median, q3 = (
        statistics.quantiles(ordered, n=4, method="inclusive") if len(ordered) > 1 else ordered * 3
    )
    return Spread(len(ordered), median, q1, q3, ordered[0], ordered[-1])


def ratio_interval(
    values: Sequence[float], base: Sequence[float], *, seed: int = 0, replicates: int = REPLICATES
) -> Interval | None:
    """The confidence interval of the ratio of two samples' medians (percentile bootstrap).

    The samples are resampled independently of each other.

    Args:
        base: the sample whose median is the denominator.

    Returns:
        None where a sample has fewer than three values, or where a resample of ``base`` has a median of
        0 or of another sign than the rest: the ratio has no bounds then.
    """
    if min(len(values), len(base)) < _LEAST:
        return None
    over = _medians(sorted(values), f"{seed}", replicates)
    under = _medians(sorted(base), f"{seed} base", replicates)
    if min(under) <= 0 <= max(under):
        return None
    return _percentiles([one / other for one, other in zip(over, under, strict=True)])


def _medians(ordered: Sequence[float], seed: str, replicates: int) -> list[float]:
    """The medians of resamples."""
    return [
        (ordered[lower] + ordered[upper]) / 2
        for lower, upper in _middles(len(ordered), seed, replicates)
    ]


@functools.lru_cache(maxsize=256)
def _middles(n: int, seed: str, replicates: int) -> tuple[tuple[int, int], ...]:
    """Find the middle values of each resample, by their rank in the ordered sample; one value twice for an odd ``n``."""
    rng = random.Random(f"{seed} {n}")  # noqa: S311 - statistics
    lower = (n + 1) // 2  # counted from 1
    drawn = []
    for _ in range(replicates):
        at = rng.betavariate(lower, n - lower + 1)
        following = at
        if n % 2 == 0:  # the least of the n - lower numbers above it
            following = 1 - (1 - at) * rng.random() ** (1 / (n - lower))
        drawn.append((min(int(at * n), n - 1), min(int(following * n), n - 1)))
    return tuple(drawn)


def _percentiles(drawn: list[float]) -> Interval:
    cuts = statistics.quantiles(drawn, n=1000, method="inclusive")
    outside = round((1 - CONFIDENCE) / 2 * 1000)
    return Interval(cuts[outside - 1], cuts[-outside])
