"""Comparing groups of runs by what was measured of them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from engine.campaign.runs.selection import Selector, chosen, resolve, text_of
from engine.campaign.runs.until import is_needless
from engine.errors import InputError
from engine.results.direction import lower_is_better
from engine.results.rows import Row, Rows
from engine.util.nearest import nearest
from engine.util.statistics import Interval, Spread, ratio_interval, spread_of

__all__ = ["Comparison", "Figures", "Group", "Metric", "compare", "counted", "measures", "units"]

Key = tuple[Any, ...]

_NUMBERS: Final = (
    "duration_s",
    "ran_s",
    "started_in_s",
    "since_restart",
    "exit_code",
    "attempt",
    "generation",
)
"""The fixed columns that can be compared."""


@frozen
class Metric:
    """A metric to compare.

    Attributes:
        column: of the table.
        name: as it is shown: the column without its group, where no other has that name.
        unit: empty where none was recorded.
        lower: whether less of it is better.
    """

    column: str
    name: str
    unit: str
    lower: bool

    @property
    def title(self) -> str:
        """Its name and its unit."""
        return f"{self.name} ({self.unit})" if self.unit and self.unit != self.name else self.name


@frozen
class Figures:
    """One metric of one group.

    Attributes:
        spread: of its values.
        ratio: of its median to the baseline's; None where there is no baseline, or its median is 0.
        interval: how much the ratio can be relied on; None where there are too few values.
    """

    spread: Spread
    ratio: float | None = None
    interval: Interval | None = None


@frozen
class Group:
    """The runs that are alike in what is compared by.

    Attributes:
        key: the value of each column that is compared by.
        figures: by the column of the metric; a metric that no run of the group has is not there.
        is_baseline: whether the others are compared to it.
    """

    key: Key
    figures: Mapping[str, Figures]
    is_baseline: bool = False

    @property
    def label(self) -> str:
        """Its key in words."""
        return ", ".join("-" if one is None else text_of(one) for one in self.key) or "all"


@frozen
class Comparison:
    """Groups of runs, and what was measured of each.

    Attributes:
        by: the names of what is compared by.
        baseline: what the ratios are to, as the user wrote it; empty for none.
        counted: how many runs were counted.
        left_out: how many rows were not, by the reason in words.
        seed: of the bootstrap.
    """

    by: tuple[str, ...]
    metrics: tuple[Metric, ...]
    groups: tuple[Group, ...]
    baseline: str
    counted: int
    left_out: Mapping[str, int]
    seed: int

    def compared(self, metric: Metric) -> list[tuple[Group, Figures]]:
        """The groups that have a metric."""
        return [
            (group, group.figures[metric.column])
            for group in self.groups
            if metric.column in group.figures
        ]


def compare(
    rows: Rows,
    by: Sequence[str],
    metrics: Sequence[str],
    *,
    baseline: str = "",
    where: Sequence[str] = (),
    better: Mapping[str, bool] | None = None,
    seed: int = 0,
) -> Comparison:
    """Compare groups of runs.

    The last attempt of each completed run counts, and no warm-up run.

    Args:
        rows: see :func:`engine.results.load`.
        by: the columns, parameters or keys whose values make the groups.
        metrics: what is compared.
        baseline: a selector over ``by``, such as ``backend=pytorch``. Each group is compared to the group
            that it selects and that is alike in everything else.
        where: selectors of the rows that are compared; any may hold.
        better: whether less is better, by the name of the metric; where it is not given, its unit and
            its name decide.
        seed: of the bootstrap; the same one gives the same intervals.

    Raises:
        InputError: a name is not there, the baseline is no group, or a metric has several units within a
            group; says what is near, or what to do.
    """
    if not rows:
        raise InputError("there are no results yet; compare them once a run has ended")
    named_by: dict[str, str] = {}
    for name in by:
        named_by.setdefault(resolve(name, rows.columns), name)
    columns, by = tuple(named_by), tuple(named_by.values())
    selected = (
        Rows.of(chosen(rows, lambda row: row, only=where, where="the table"), rows.columns)
        if where
        else rows
    )
    found = measures(selected, metrics, better or {})
    used, left_out = counted(selected)
    _check_units(used, found, columns)
    values: dict[Key, dict[str, list[float]]] = {}
    missing: Counter[str] = Counter()
    named: dict[Key, Key] = {}
    for row in used:
        key = tuple(row.get(column) for column in columns)
        # A structure has no hash, and 8 and 8.0 are one group.
        group = tuple(text_of(one) for one in key)
        named.setdefault(group, key)
        mine = values.setdefault(group, {})
        for metric in found:
            value = row.get(metric.column)
            if isinstance(value, int | float) and not isinstance(value, bool):
                mine.setdefault(metric.column, []).append(value)
            else:
                missing[f"without {metric.name}"] += 1
    bases = _bases(list(values), named, by, columns, baseline)
    groups = [
        Group(
            named[group],
            {
                column: _figures(
                    sample,
                    values[base].get(column) if base is not None else None,
                    is_base=base == group,
                    seed=seed,
                )
                for column, sample in mine.items()
            },
            is_baseline=bases[group] == group,
        )
        for group, mine in values.items()
        if mine
        for base in (bases[group],)
    ]
    return Comparison(
        by=tuple(by),
        metrics=found,
        groups=tuple(sorted(groups, key=lambda one: tuple(map(_order, one.key)))),
        baseline=baseline,
        counted=len(used),
        left_out={**left_out, **missing},
        seed=seed,
    )


def counted(rows: Iterable[Row]) -> tuple[list[Row], dict[str, int]]:
    """The rows that count, and how many do not, by the reason."""
    used, left_out = [], Counter[str]()
    for row in rows:
        if not row.get("last"):
            left_out["earlier attempts"] += 1
        elif row.get("warmup"):
            left_out["warm-up runs"] += 1
        elif is_needless(str(row.get("outcome")), str(row.get("reason") or "")):
            left_out["repeats that were not needed"] += 1
        elif row.get("outcome") != "completed":
            left_out[f"{row.get('outcome')} runs"] += 1
        else:
            used.append(row)
    return used, dict(left_out)


def measures(
    rows: Rows, names: Sequence[str], better: Mapping[str, bool] | None = None
) -> tuple[Metric, ...]:
    """The metrics of these names.

    Raises:
        InputError: one is not there, or is no number.
    """
    known = [
        column
        for column in rows.columns
        if column in _NUMBERS or column.startswith(("metrics.", "params."))
    ]
    found = (_metric(rows, name, known, better or {}) for name in names)
    return tuple({metric.column: metric for metric in found}.values())


def units(rows: Iterable[Row], metric: str) -> list[str]:
    """The units of a metric, by its name without its group; values without a unit are taken to have the same."""
    return list(dict.fromkeys(str(row[name]) for row in rows if row.get(name := f"units.{metric}")))


def _check_units(rows: Sequence[Row], metrics: Iterable[Metric], columns: Sequence[str]) -> None:
    """See that what is taken together has one unit."""
    for metric in metrics:
        column = f"units.{metric.name}"
        known = units(rows, metric.name)
        if len(known) > 1 and column not in columns:
            raise InputError(
                f"{metric.name} is in several units ({', '.join(known)}), and these are not converted; choose"
                f" one with --where {column}={known[0]}, or keep them apart with --by {column}"
            )


def _metric(rows: Rows, name: str, known: Sequence[str], better: Mapping[str, bool]) -> Metric:
    candidates = [
        f"metrics.{name}",
        name,
        f"params.{name}",
    ]
    column = next((one for one in candidates if one in known), None)
    if column is None:
        metrics = [one.partition(".")[2] for one in known if one.startswith("metrics.")]
        there = [*metrics, *(one for one in known if one in _NUMBERS)]
        instead = nearest(name, there) or f"; there are {', '.join(there)}"
        raise InputError(f"the results have no metric {name!r}{instead}")
    if not any(_is_number(row.get(column)) for row in rows):
        raise InputError(
            f"{column} is no number in any of these rows; compare by it instead (--by)"
        )
    short = column.partition(".")[2] or column
    known_units = units(rows, short)
    unit = known_units[0] if len(known_units) == 1 else ""
    if not unit and column.endswith("_s") and column in _NUMBERS:
        unit = "s"
    lower = better.get(name, lower_is_better(short, unit))
    return Metric(column, short, unit, lower)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _figures(
    sample: Sequence[float],
    base: Sequence[float] | None,
    *,
    is_base: bool,
    seed: int,
) -> Figures:
    spread = spread_of(sample)
    if not base:
        return Figures(spread)
    under = spread_of(base).median
    if under == 0:
        return Figures(spread)
    interval = None if is_base else ratio_interval(sample, base, seed=seed)
    return Figures(spread, spread.median / under, interval)


def _bases(
    groups: Sequence[Key],
    named: Mapping[Key, Key],
    by: Sequence[str],
    columns: Sequence[str],
    baseline: str,
) -> dict[Key, Key | None]:
    """Return the baseline of each group: the selected group whose other keys are the same."""
    if not baseline:
        return dict.fromkeys(groups)
    selector = Selector.parse(baseline)
    fixed = set()
    for term in selector.terms:
        if term.name is None:
            raise InputError(
                f"the baseline {baseline!r} has to name what it is, as {by[0] if by else 'model'}={baseline}"
            )
        column = resolve(term.name, columns)
        fixed.add(columns.index(column))
    known = {term.name: resolve(term.name, columns) for term in selector.terms if term.name}
    selected = [
        group
        for group in groups
        if selector.matches(dict(zip(columns, named[group], strict=True)), known)
    ]
    if not selected:
        there = sorted({text for group in groups for at, text in enumerate(group) if at in fixed})
        wanted = selector.terms[0].pattern
        instead = nearest(wanted, there) or f"; there are {', '.join(there) or 'none'}"
        raise InputError(f"no group is the baseline {baseline!r}{instead}")

    def rest(group: Key) -> Key:
        return tuple(one for at, one in enumerate(group) if at not in fixed)

    bases = {}
    for group in selected:
        if rest(group) in bases:
            raise InputError(
                f"the baseline {baseline!r} selects several groups that are alike otherwise; name one"
            )
        bases[rest(group)] = group
    return {group: bases.get(rest(group)) for group in groups}


def _order(value: Any) -> tuple[int, float, str]:
    """Numbers by value, then text, then what is not known."""
    if _is_number(value):
        return 0, value, ""
    return (2, 0, "") if value is None else (1, 0, text_of(value))
