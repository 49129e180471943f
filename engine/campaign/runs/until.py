"""When a metric is known well enough: repeats until its confidence interval is narrow. Pure.

The interval is that of the mean at 95 %, by Student's t distribution, and its half is held against the mean.
Looking after each repeat makes such an interval a little narrower than one of a fixed number of repeats.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Final

from engine.campaign.model import Until

__all__ = ["NOT_NEEDED", "enough", "is_needless", "t_quantile"]

NOT_NEEDED: Final = "not needed: "
"""How the reason of a run begins that was planned and turned out not to be needed."""

_CONFIDENCE: Final = 0.95


def is_needless(state: str, reason: str) -> bool:
    """Whether an outcome is that of a repeat that turned out not to be needed."""
    return state == "skipped" and reason.startswith(NOT_NEEDED)


def enough(until: Until, values: Sequence[float]) -> str:
    """Why no further repeat is needed; empty if one is.

    Args:
        values: of the metric, one for each repeat that completed and recorded it.
    """
    count = len(values)
    if count < max(until.at_least, 2):
        return ""
    mean = fmean(values)
    half = t_quantile(count - 1) * stdev(values) / math.sqrt(count)
    if half > until.ci * abs(mean):
        return ""
    share = half / abs(mean) if mean else 0.0
    return f"{NOT_NEEDED}{until.metric} is {mean:.4g} within {share:.2%} after {count} repeats"


def t_quantile(freedom: int, confidence: float = _CONFIDENCE) -> float:
    """How many standard errors a two-sided interval of this confidence reaches from the mean."""
    low, high = 0.0, 1.0
    while _within(high, freedom) < confidence:
        low, high = high, high * 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < confidence else (low, middle)
    return high


def _within(t: float, freedom: int) -> float:
    """The probability of a value from -t to t, by the closed form for whole degrees of freedom."""
    angle = math.atan(t / math.sqrt(freedom))
    cosine = math.cos(angle)
    term = cosine if freedom % 2 else 1.0
    total = 0.0
    for n in range(1 if freedom % 2 else 0, freedom - 1, 2):
        total += term
        term *= cosine**2 * (n + 1) / (n + 2)
    if freedom % 2:
        return 2 / math.pi * (angle + math.sin(angle) * total)
    return math.sin(angle) * total
