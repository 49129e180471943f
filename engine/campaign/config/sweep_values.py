"""What a ``sweep`` section may hold: strict parsers of lists, ranges, combinations and files of them."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from engine.campaign.config.sections import Key
from engine.campaign.config.values import WrongValue, kind, text
from engine.campaign.sweep import Params

__all__ = ["sweep_keys"]

_LONGEST_RANGE: Final = 100_000
_LARGEST_FILE: Final = 2**26


def sweep_keys(folder: Path) -> Mapping[str, Key]:
    """The keys of the section.

    Args:
        folder: where the names of files start from.
    """
    return {
        "matrix": Key(_lists),
        "zip": Key(_lists, "zipped"),
        "from": Key(_file_in(folder), "rows"),
        "include": Key(_rows),
        "exclude": Key(_rows),
    }


def _lists(value: Any) -> Mapping[str, Sequence[Any]]:
    if not isinstance(value, dict) or not value:
        raise WrongValue(f"must be a mapping of parameters to lists, and is {kind(value)}")
    return {_parameter(name): _values(name, values) for name, values in value.items()}


def _values(name: str, values: Any) -> Sequence[Any]:
    if isinstance(values, dict) and "from" in values:
        return _range(name, values)
    if not isinstance(values, list) or not values:
        raise WrongValue(
            f"{name} must be a list of values, or a range such as {{from: 1, to: 8}}, and is {kind(values)}"
        )
    for number, value in enumerate(values):
        if value in values[:number] if number < 1000 else False:  # noqa: PLR2004 - else it is quadratic
            raise WrongValue(f"{name} has a value twice; repeat: says how often each is run")
    return [_value(name, value) for value in values]


def _range(name: str, written: Mapping[str, Any]) -> Sequence[int | float]:
    """``{from: 1, to: 8, step: 1}``, or ``{from: 1, to: 64, times: 2}``; both ends belong to it."""
    unknown = [key for key in written if key not in {"from", "to", "step", "times"}]
    numbers = {key: value for key, value in written.items() if key not in unknown}
    if unknown or "to" not in numbers or {"step", "times"} <= numbers.keys():
        raise WrongValue(f"{name}: a range has from, to, and either step or times")
    for key, value in numbers.items():
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            raise WrongValue(f"{name}: {key} must be a number, and is {kind(value)}")
    low, high, step = numbers["from"], numbers["to"], numbers.get("step", 1)
    times = numbers.get("times")
    if low > high or step <= 0 or (times is not None and (times <= 1 or low <= 0)):
        raise WrongValue(
            f"{name}: a range goes up: from at most to, step above 0; times above 1, and then from above 0"
        )
    if times is not None:
        count = math.floor(math.log(high / low, times) + 1e-9) + 1
        return [low * times**number for number in range(count)]
    count = math.floor((high - low) / step + 1e-9) + 1
    if count > _LONGEST_RANGE:
        raise WrongValue(f"{name}: a range of {count} values; {_LONGEST_RANGE} are the most")
    return [low + number * step for number in range(count)]


def _rows(value: Any) -> Sequence[Params]:
    if not isinstance(value, list):
        raise WrongValue(f"must be a list of combinations, and is {kind(value)}")
    for row in value:
        if not isinstance(row, dict) or not row:
            raise WrongValue(
                f"its entries must be mappings of parameters to values, and one is {kind(row)}"
            )
    return [{_parameter(name): _value(name, one) for name, one in row.items()} for row in value]


def _parameter(name: Any) -> str:
    if not isinstance(name, str) or not name.isidentifier():
        raise WrongValue(
            f"{name!r} is no name of a parameter: letters, digits and _, no digit first"
        )
    return name


def _value(name: str, value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise WrongValue(f"{name} must not be {value}")
    if isinstance(value, dict):
        return {str(key): _value(name, one) for key, one in value.items()}
    if isinstance(value, list):
        return [_value(name, one) for one in value]
    if not isinstance(value, str | bool | int | float | None):
        raise WrongValue(f"{name} has {kind(value)}; put it in quotes")
    return value


def _file_in(folder: Path) -> Callable[[Any], Sequence[Params]]:
    """A parser of a file's name: its combinations, from CSV or JSON."""

    def parse(value: Any) -> Sequence[Params]:
        file = folder / Path(text(value)).expanduser()
        try:
            if file.stat().st_size > _LARGEST_FILE:
                raise WrongValue(f"{value} is larger than {_LARGEST_FILE // 2**20} MiB")
            written = file.read_text(encoding="utf-8-sig")
        except (OSError, ValueError) as error:
            if isinstance(error, WrongValue):
                raise
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise WrongValue(f"{value} cannot be read: {reason}") from error
        rows = (
            _of_csv(value, written) if file.suffix.lower() == ".csv" else _of_json(value, written)
        )
        if not rows:
            raise WrongValue(f"{value} has no combinations")
        return rows

    return parse


def _of_csv(name: str, written: str) -> Sequence[Params]:
    lines = csv.reader(written.splitlines())
    header = [_parameter(column.strip()) for column in next(lines, [])]
    rows = []
    for line in lines:
        if not line:
            continue
        if len(line) != len(header):
            raise WrongValue(
                f"{name}, line {lines.line_num}: {len(line)} values for {len(header)} columns"
            )
        rows.append(dict(zip(header, map(_of_cell, line), strict=True)))
    return rows


def _of_cell(written: str) -> Any:
    """A number where it is written as JSON writes one, else the text."""
    try:
        value = json.loads(written)
    except ValueError:
        return written
    return value if isinstance(value, int | float) and math.isfinite(value) else written


def _of_json(name: str, written: str) -> Sequence[Params]:
    try:
        return _rows(json.loads(written))
    except ValueError as error:
        if isinstance(error, WrongValue):
            raise WrongValue(f"{name} {error}") from error
        raise WrongValue(f"{name} is neither a .csv file nor JSON: {error}") from error
