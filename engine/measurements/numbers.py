"""Plain data from JSON, made numbers with names and units."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import define, field

from engine.spool.handed import Warnings, shown

__all__ = ["Numbers", "Unreadable", "decoded", "flattened", "number"]

_MOST_METRICS: Final = 1000
_LONGEST_NAME: Final = 200
_LONGEST_UNIT: Final = 50
_MOST_DEPTH: Final = 20
_WITH_UNIT: Final = (frozenset({"value"}), frozenset({"value", "unit"}))


class Unreadable(Exception):
    """A text is no JSON that can be used. Stays within the package, where it becomes a warning."""


def decoded(data: bytes) -> Any:
    """The value that a JSON text stands for.

    Raises:
        Unreadable: with what is wrong with it.
    """
    try:
        return json.loads(data)
    except RecursionError:
        raise Unreadable("is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise Unreadable(f"is no JSON: {error.msg} at line {error.lineno}") from error
    except UnicodeDecodeError as error:
        raise Unreadable(f"is no JSON: byte {error.start + 1} is not UTF-8") from error
    except ValueError as error:  # an integer of thousands of digits
        raise Unreadable(f"cannot be read: {error}") from error


def number(value: Any) -> float | str:
    """A finite number, or why a value is none, in words."""
    if isinstance(value, bool):
        return "is true or false, and no number"
    if isinstance(value, str):
        return "is text, and no number"
    if not isinstance(value, int | float):
        return f"is {_kind(value)}, and no number"
    try:
        found = float(value)
    except OverflowError:
        return "is too large a number"
    if math.isnan(found):
        return "is NaN, and no number"
    return found if math.isfinite(found) else "is infinite, or too large a number"


def _kind(value: Any) -> str:
    kinds = (
        (type(None), "null"),
        (list, "a list"),
        (dict, "a mapping"),
        (str, "text"),
        (int | float, "a single value"),
    )
    return next((words for type_, words in kinds if isinstance(value, type_)), "something else")


def flattened(value: Any, warnings: Warnings, *, source: str) -> Iterator[tuple[str, Any, Any]]:
    """The leaves of nested mappings: names joined by dots, values, and units (None where there is none).

    Args:
        source: where they come from, for warnings.
    """
    if not isinstance(value, Mapping):
        warnings.add(f"{source} must be a mapping of names to numbers, and is {_kind(value)}")
        return
    left: list[tuple[tuple[str, ...], Any]] = [((), value)]
    while left:
        names, found = left.pop()
        if names and isinstance(found, Mapping) and found.keys() in _WITH_UNIT:
            yield ".".join(names), found["value"], found.get("unit")
        elif not isinstance(found, Mapping):
            yield ".".join(names), found, None
        elif len(names) >= _MOST_DEPTH:
            warnings.add(
                f"{source}: {shown('.'.join(names))} is nested more than {_MOST_DEPTH} deep"
            )
        else:
            left += [((*names, name), inner) for name, inner in reversed([*found.items()])]


@define
class Numbers:
    """The metrics of one command, as they are found; a later one with the same name takes the place of an earlier.

    Attributes:
        metrics: numbers by name.
        units: by the name of a metric, where it has one.
        warnings: what could not be used.
    """

    metrics: dict[str, float] = field(factory=dict)
    units: dict[str, str] = field(factory=dict)
    warnings: Warnings = field(factory=Warnings)

    def take(self, name: str, value: Any, unit: Any, *, source: str) -> None:
        """Take in a metric, or a warning of why it is none.

        Args:
            source: where it comes from, for the warning.
        """
        found = number(value)
        if isinstance(found, str):
            self.warnings.add(f"{source}: {shown(name) or 'a name that is empty'} {found}")
        elif not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
            self.warnings.add(f"{source}: {shown(name)!r} is no name of a metric")
        elif name not in self.metrics and len(self.metrics) >= _MOST_METRICS:
            self.warnings.add(
                f"{source}: more than {_MOST_METRICS} metrics; {shown(name)} is left out"
            )
        else:
            self.metrics[name] = found
            self.units.pop(name, None)
            self._take_unit(name, unit, source)

    def _take_unit(self, name: str, unit: Any, source: str) -> None:
        if unit is None:
            return
        if isinstance(unit, str) and 0 < len(unit) <= _LONGEST_UNIT and unit.isprintable():
            self.units[name] = unit
        else:
            self.warnings.add(f"{source}: the unit of {shown(name)} is no short text")
