"""The values of one parameter, as a list or as a range."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from typing import Any, Final

from engine.campaign.model import ParamValue
from engine.campaign.sweep.values import Report, canonical, value_problem
from engine.compose.node import KeyPath
from engine.util.nearest import nearest

__all__ = ["axis"]

_RANGE: Final = ("from", "to", "step", "times", "count")
_HOW: Final = ("step", "times", "count")
_MOST: Final = 10**15
_FORMS: Final = (
    "a list such as [1, 2, 4], or a range: {from: 1, to: 64, step: 7}, {from: 1, to: 64, times: 2}"
    " or {from: 0, to: 1, count: 5}"
)


def axis(report: Report, path: KeyPath, written: Any, most: int) -> tuple[ParamValue, ...]:
    """The values that a parameter goes through; none where something is wrong, which is reported.

    Args:
        most: how many values a range may have.
    """
    if isinstance(written, dict):
        return _range(report, path, written, most)
    if not isinstance(written, list):
        report(path, f"must be {_FORMS}")
        return ()
    if not written:
        report(path, "is an empty list, so that nothing would run; give at least one value")
    seen: dict[str, int] = {}
    for index, value in enumerate(written):
        problem = value_problem(value)
        if problem:
            report((*path, index), problem)
            continue
        first = seen.setdefault(canonical(value), index)
        if first != index:
            report(
                (*path, index),
                f"is the same as entry {first + 1}; remove it, or use repeat to run it again",
            )
    return tuple(written) if len(seen) == len(written) else ()


def _range(
    report: Report, path: KeyPath, written: dict[Any, Any], most: int
) -> tuple[ParamValue, ...]:
    for key in written:
        if key not in _RANGE:
            instead = nearest(str(key), _RANGE) or f"; a range has {', '.join(_RANGE)}"
            report((*path, str(key)), f"unknown key of a range{instead}")
            return ()
    for key, value in written.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value) or abs(value) > _MOST:
            report((*path, key), "must be a number from -10^15 to 10^15")
            return ()
    how = [key for key in _HOW if key in written]
    if "from" not in written or "to" not in written or len(how) > 1:
        report(path, f"must be {_FORMS}")
        return ()
    start, end = _exact(written["from"]), _exact(written["to"])
    by = how[0] if how else "step"
    amount = written.get(by, 1)
    problem = _problem(by, amount, start, end)
    if problem:
        report((*path, by) if how else path, problem)
        return ()
    values = list(islice(_steps(by, amount, start, end), most + 1))
    if len(values) > most:
        report(
            path, f"is a range of more than {most:,} values; take larger steps, or raise max_runs"
        )
        return ()
    whole = all(value.denominator == 1 for value in values)
    return tuple(int(value) if whole else float(value) for value in values)


def _exact(number: float) -> Fraction:
    """The number as it is written, without the error of its binary form."""
    return Fraction(Decimal(str(number)))


def _problem(by: str, amount: float, start: Fraction, end: Fraction) -> str:
    """Why a range of such steps cannot be; empty if it can."""
    if by == "count":
        return "" if isinstance(amount, int) and amount > 1 else "must be a whole number from 2 on"
    if by == "step":
        reached = amount != 0 and (end - start) * _exact(amount) >= 0
        return "" if reached else f"never leads from {float(start):g} to {float(end):g}"
    if start <= 0 or end <= 0 or amount <= 0:
        return "needs from, to and times above 0"
    reached = amount != 1 and (end - start) * (_exact(amount) - 1) >= 0
    return "" if reached else f"never leads from {float(start):g} to {float(end):g}"


def _steps(by: str, amount: float, start: Fraction, end: Fraction) -> Iterator[Fraction]:
    """The values of a range, in order; ``end`` is one of them where a step meets it."""
    if by == "count":
        last = int(amount) - 1
        yield from (start + (end - start) * index / last for index in range(last + 1))
        return
    change, value = _exact(amount), start
    up = end >= start
    while value <= end if up else value >= end:
        yield value
        if value == end:
            return
        value = value + change if by == "step" else value * change
