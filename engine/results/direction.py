"""Whether less of a metric is better, by its unit and its name."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["lower_is_better"]

_RATES: Final = re.compile(
    r"/\s*(s|sec|second|min|h|hour|j|kj|joule|wh|kwh|w|watt|gb|gib|usd)s?\b"
    r"|_per_(s|sec|second|min|h|hour|j|joule|wh|kwh|w|watt|gb|gib|dollar)s?\b|\bhz\b",
    re.IGNORECASE,
)
"""So much for each unit of time, energy, memory or money."""

_COSTS: Final = re.compile(
    r"^(ns|us|µs|ms|s|sec|seconds|min|minutes|h|hours|j|kj|mj|wh|kwh|w|kw|b|kb|mb|gb|kib|mib|gib|bytes)\b"
    r"|_(ns|us|ms|s|sec|seconds|j|joules|wh|w|watts|bytes|kb|mb|gb|kib|mib|gib)$"
    r"|latency|duration|time|ttft|tpot|itl\b|energy|joule|power|watt|memory|loss|error|perplexity|cost|miss",
    re.IGNORECASE,
)
"""Words for costs and failures: less is better."""


def lower_is_better(name: str, unit: str) -> bool:
    """Whether less is better: of times, energy, memory and errors, but not of rates; else more is."""
    if _RATES.search(unit) or _RATES.search(name):
        return False
    return bool((unit and _COSTS.search(unit)) or _COSTS.search(name))
