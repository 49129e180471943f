"""Combinations of parameters from a file: the rows of a CSV table, or a list of JSON objects."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from engine.campaign.model import ParamValue
from engine.campaign.sweep.values import Row, name_problem, value_problem

__all__ = ["ParamFileError", "read_rows"]

_LARGEST_BYTES: Final = 64 * 2**20
_SEPARATORS: Final = ";\t|"
"""Of tables that are not separated by commas."""


class ParamFileError(ValueError):
    """A file of parameters cannot be used; the message names it."""


def read_rows(file: Path, written: str, most: int) -> list[Row]:
    """The rows of a file, each a combination.

    In CSV a value is a number where the number is written in the same way, so that ``8`` and ``0.5`` are
    numbers, and ``007``, ``1.10`` and ``1e3`` stay text. An empty cell sets nothing.

    Args:
        written: how the user named it, for errors.
        most: how many rows it may have.

    Raises:
        ParamFileError: it cannot be used.
    """
    suffix = file.suffix.lower()
    if suffix not in (".csv", ".json"):
        raise ParamFileError(f"{written} must be a .csv or a .json file")
    text = _text(file, written)
    found = _csv(text, written) if suffix == ".csv" else _json(text, written)
    rows: list[Row] = []
    for where, row in found:
        for name, value in row.items():
            if problem := name_problem(name):
                raise ParamFileError(f"{written}, {where}: {name!r}: {problem}")
            if problem := value_problem(value):
                raise ParamFileError(f"{written}, {where}: {name!r} {problem}")
        if not row:
            raise ParamFileError(f"{written}, {where}: it is empty; remove it")
        rows.append(row)
        if len(rows) > most:
            raise ParamFileError(
                f"{written} has more than {most:,} rows, and max_runs is {most:,}; shorten it, or set max_runs"
                " at the top of the campaign"
            )
    if not rows:
        raise ParamFileError(f"{written} has no rows; give at least one")
    return rows


def _text(file: Path, written: str) -> str:
    try:
        if not file.is_file():
            raise ParamFileError(f"{written} is no file; check the path")
        if file.stat().st_size > _LARGEST_BYTES:
            raise ParamFileError(
                f"{written} is larger than {_LARGEST_BYTES // 2**20} MiB; split it"
            )
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ParamFileError(f"{written} is not UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        raise ParamFileError(f"{written} cannot be read: {error.strerror or error}") from error


def _csv(text: str, written: str) -> Iterator[tuple[str, dict[str, ParamValue]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        repeated = next((name for name in header if header.count(name) > 1), None)
        if repeated is not None:
            raise ParamFileError(f"{written} has two columns {repeated!r}; rename one")
        for name in header:
            if problem := name_problem(name):
                hint = "; separate columns by commas" if set(name) & set(_SEPARATORS) else ""
                raise ParamFileError(f"{written}, line 1: {name!r}: {problem}{hint}")
        for cells in reader:
            if not any(cells):
                continue
            where = f"line {reader.line_num}"
            if len(cells) != len(header):
                raise ParamFileError(
                    f"{written}, {where}: it has {len(cells)} cells, and the first line {len(header)}"
                )
            pairs = zip(header, cells, strict=True)
            yield where, {name: _typed(cell) for name, cell in pairs if cell}
    except csv.Error as error:
        raise ParamFileError(f"{written}, line {reader.line_num}: {error}") from error


def _typed(cell: str) -> ParamValue:
    """A number where it reads the same as the text, else the text."""
    for kind in (int, float):
        try:
            if str(number := kind(cell)) == cell and abs(number) < 2**53:
                return number
        except ValueError:
            continue
    return cell


def _json(text: str, written: str) -> Iterator[tuple[str, dict[str, ParamValue]]]:
    try:
        value: Any = json.loads(text)
    except RecursionError as error:
        raise ParamFileError(f"{written} is nested too deeply") from error
    except ValueError as error:
        raise ParamFileError(f"{written} is not JSON: {error}") from error
    if not isinstance(value, list):
        raise ParamFileError(f"{written} must be a list of objects, one for each combination")
    for number, row in enumerate(value, start=1):
        if not isinstance(row, dict):
            raise ParamFileError(f"{written}, entry {number}: it must be an object")
        yield f"entry {number}", row
