"""The combinations that a sweep makes: products, zips, rows of a table, and what is put in or left out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

from attrs import field, frozen

from engine.campaign.model import ParamValue
from engine.campaign.sweep.axes import axis
from engine.campaign.sweep.values import (
    Report,
    Row,
    canonical,
    name_problem,
    same,
    shown,
    value_problem,
)
from engine.compose.node import KeyPath
from engine.util.nearest import nearest

__all__ = ["Level", "combinations", "layered"]


@frozen
class Level:
    """The combinations of one sweep: of the campaign, of a file, or of an entry.

    Attributes:
        rows: in order; none of them twice.
        names: where each parameter is written first.
        varied: those of which the sweep makes combinations, so that each has to be used.
        known: whether ``names`` are all; not so where the sweep, or its file, could not be read.
    """

    rows: Sequence[Row] = ()
    names: Mapping[str, KeyPath] = field(factory=dict)
    varied: frozenset[str] = frozenset()
    known: bool = True


def combinations(
    report: Report,
    path: KeyPath,
    written: Mapping[str, Any],
    table: Sequence[Row],
    most: int,
) -> Level:
    """The combinations of a sweep, as its section says.

    Each zip, and the table, is one dimension of the product, as each parameter of the matrix is. Then what
    ``exclude`` matches is left out. Then ``include`` adds to the combinations that it changes no value of,
    or becomes a separate combination, as in the matrix of GitHub Actions.

    Args:
        path: of the section.
        written: its keys ``matrix``, ``zip``, ``include`` and ``exclude``, as far as they are there.
        table: the rows of its file of parameters.
        most: how many combinations there may be before anything is left out.
    """
    names: dict[str, KeyPath] = {}
    wrong: list[KeyPath] = []

    def complain(at: KeyPath, what: str) -> None:
        wrong.append(at)
        report(at, what)

    dimensions: list[Sequence[Row]] = [
        *_matrix(complain, (*path, "matrix"), written.get("matrix"), names, most),
        *_zips(complain, (*path, "zip"), written.get("zip"), names, most),
    ]
    varied = frozenset(names)
    if table:
        for name in dict.fromkeys(name for row in table for name in row):
            _claim(complain, names, name, (*path, "from"))
        dimensions.append(table)
    size = prod(len(one) for one in dimensions)
    if wrong:
        return Level((), names, varied)
    if size > most:
        sizes = " x ".join(f"{len(one):,}" for one in dimensions)
        complain(path, _too_many(size, sizes, most))
        return Level((), names, varied)
    rows = [_merged(parts) for parts in product(*dimensions)] if dimensions else []
    rows = _without(complain, (*path, "exclude"), written.get("exclude"), rows, names)
    rows = _with(complain, (*path, "include"), written.get("include"), rows, names)
    if not wrong and not rows:
        complain(path, "leaves no combination; give a matrix, a zip, from or an include")
    _same_twice(complain, path, rows)
    return Level(() if wrong else rows, names, varied)


def layered(
    report: Report, path: KeyPath, levels: Sequence[Level], used: Collection[str], most: int
) -> list[Row]:
    """The product of several levels, the last of which wins where names are the same.

    Of all levels but the last only the parameters that are used count, and combinations that do not differ
    then are one. Without any there is one combination, of nothing.

    Args:
        path: of what is swept.
        used: the names of parameters that it uses.
        most: how many combinations there may be.
    """
    parts = [*(_projected(level.rows, used) for level in levels[:-1]), levels[-1].rows]
    parts = [rows for rows in parts if rows]
    size = prod(len(rows) for rows in parts)
    if size > most:
        sizes = " x ".join(f"{len(rows):,}" for rows in parts)
        report(path, _too_many(size, sizes, most))
        return []
    found = {canonical(row): row for row in map(_merged, product(*parts))}
    return list(found.values())


def _too_many(size: int, sizes: str, most: int) -> str:
    return (
        f"makes {size:,} combinations ({sizes}), and max_runs is {most:,}; sweep over less, or set"
        f" max_runs: {size} at the top of the campaign"
    )


def _projected(rows: Sequence[Row], used: Collection[str]) -> list[Row]:
    kept = ({name: row[name] for name in row if name in used} for row in rows)
    return list({canonical(row): row for row in kept if row}.values())


def _merged(parts: Iterable[Row]) -> Row:
    merged: dict[str, ParamValue] = {}
    for part in parts:
        merged.update(part)
    return merged


def _claim(report: Report, names: dict[str, KeyPath], name: Any, path: KeyPath) -> bool:
    """Whether a parameter may be called so here."""
    problem = name_problem(name)
    if problem:
        report((*path, str(name)), problem)
        return False
    if name in names:
        report((*path, name), f"is a parameter already, at {names[name][-2]}; give it another name")
        return False
    names[name] = (*path, name)
    return True


def _matrix(
    report: Report, path: KeyPath, written: Any, names: dict[str, KeyPath], most: int
) -> list[list[Row]]:
    if written is None:
        return []
    if not isinstance(written, dict) or not written:
        report(path, "must be a mapping of parameters to their values, such as {batch: [1, 2, 4]}")
        return []
    return [
        [{name: value} for value in axis(report, (*path, name), values, most)]
        for name, values in written.items()
        if _claim(report, names, name, path)
    ]


def _zips(
    report: Report, path: KeyPath, written: Any, names: dict[str, KeyPath], most: int
) -> list[list[Row]]:
    """One dimension for each group of parameters that change together."""
    if written is None:
        return []
    if isinstance(written, list):
        return [
            rows
            for index, group in enumerate(written)
            for rows in _zips(report, (*path, index), group, names, most)
        ]
    if not isinstance(written, dict) or not written:
        report(path, "must be a mapping of parameters to lists of the same length")
        return []
    columns = {
        name: axis(report, (*path, name), values, most)
        for name, values in written.items()
        if _claim(report, names, name, path)
    }
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        counted = ", ".join(f"{name} has {len(values)}" for name, values in columns.items())
        report(path, f"needs lists of the same length, and {counted}")
        return []
    return [
        [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    ]


def _pairs(report: Report, path: KeyPath, written: Any) -> list[tuple[KeyPath, dict[str, Any]]]:
    """The mappings of an include or an exclude, each with its path."""
    if written is None:
        return []
    if not isinstance(written, list):
        report(path, "must be a list of mappings, such as [{model: llama, batch: 64}]")
        return []
    found = []
    for index, one in enumerate(written):
        if not isinstance(one, dict) or not one:
            report((*path, index), "must be a mapping of parameters to values")
            continue
        problems = [
            (name, name_problem(name) or value_problem(value)) for name, value in one.items()
        ]
        for name, problem in problems:
            if problem:
                report((*path, index, str(name)), problem)
        if not any(problem for _, problem in problems):
            found.append(((*path, index), one))
    return found


def _without(
    report: Report, path: KeyPath, written: Any, rows: list[Row], names: Mapping[str, KeyPath]
) -> list[Row]:
    for at, unwanted in _pairs(report, path, written):
        for name in unwanted:
            if name not in names:
                instead = nearest(name, names) or f"; known here are {', '.join(names) or 'none'}"
                report((*at, name), f"is no parameter of this sweep{instead}")
        kept = [row for row in rows if not _matches(row, unwanted)]
        if len(kept) == len(rows) and unwanted.keys() <= names.keys():
            report(
                at, f"excludes nothing: no combination has {shown(unwanted)}; correct or remove it"
            )
        rows = kept
    return rows


def _matches(row: Row, wanted: Row) -> bool:
    return all(name in row and same(row[name], value) for name, value in wanted.items())


def _with(
    report: Report, path: KeyPath, written: Any, rows: list[Row], names: dict[str, KeyPath]
) -> list[Row]:
    """Add what is included: to the rows that it changes no value of, else as a separate row."""
    original = list(rows)
    extended = [dict(row) for row in rows]
    own: list[Row] = []
    for at, more in _pairs(report, path, written):
        for name in more:
            names.setdefault(name, (*at, name))
        fits = [
            index
            for index, row in enumerate(original)
            if all(name not in row or same(row[name], value) for name, value in more.items())
        ]
        for index in fits:
            extended[index].update(more)
        if not fits:
            own.append(more)
    return [*extended, *own]


def _same_twice(report: Report, path: KeyPath, rows: Sequence[Row]) -> None:
    seen: set[str] = set()
    for row in rows:
        text = canonical(row)
        if text in seen:
            report(path, f"gives {shown(row)} twice; remove one, or use repeat to run it again")
            return
        seen.add(text)
