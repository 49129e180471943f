"""The comparison that a campaign suggests by itself: its metrics, by what it has varied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from engine.campaign.runs.selection import resolve, text_of
from engine.results.compare import Comparison, compare, counted, units
from engine.results.rows import Row, Rows

__all__ = ["overview"]

_MOST_GROUPS: Final = 60
_MOST_NAMES: Final = 3
_MOST_METRICS: Final = 6


def overview(rows: Rows) -> Comparison | None:
    """A comparison of all metrics, by the parameters and backends that differ; None where nothing counts.

    Where no metrics are recorded, it is about how long commands took. A metric that is in several units is
    left out.
    """
    used, _ = counted(rows)
    metrics = [
        name.partition(".")[2]
        for name in rows.columns
        if name.startswith("metrics.")
        and any(row.get(name) is not None for row in used)
        and len(units(used, name.partition(".")[2])) <= 1
    ]
    if not used:
        return None
    return compare(rows, _varied(rows, used), metrics[:_MOST_METRICS] or ["duration_s"])


def _varied(rows: Rows, used: Sequence[Row]) -> list[str]:
    """Return the keys that differ among the runs, while the groups are few enough for one table."""
    params = [name for name in rows.columns if name.startswith("params.")]
    chosen: list[str] = []
    for name in (*(params or ["experiment"]), "backend"):
        within = [*chosen, name]
        groups = {tuple(text_of(row.get(one)) for one in within) for row in used}
        varies = len({text_of(row.get(name)) for row in used}) > 1
        last = name == "backend"
        if varies and len(groups) <= _MOST_GROUPS and (last or len(chosen) < _MOST_NAMES - 1):
            chosen.append(name)
    return [_short(name, rows.columns) for name in chosen] or ["backend"]


def _short(name: str, columns: Sequence[str]) -> str:
    """The name without its group, where that stands for the same column."""
    short = name.partition(".")[2] or name
    known = resolve(short, columns) == name
    return short if known else name
