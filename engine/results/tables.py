"""A comparison as text: Markdown, CSV, JSON."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from engine.campaign.runs.selection import text_of
from engine.results.compare import Comparison, Figures, Group, Metric
from engine.results.numbers import human
from engine.util.printable import printable, printable_cell
from engine.util.statistics import CONFIDENCE, REPLICATES

__all__ = ["cells", "headings", "notes", "to_csv", "to_json", "to_markdown"]

_MARKUP: Final = re.compile(r"[\\`*\[\]<>|#~&]|(?<![^\W_])_|_(?![^\W_])")
_NARROWEST: Final = 3
"""Characters of a column: its line beneath the heading takes so many in every reader of Markdown."""

_NUMBERS: Final = ("n", "median", "q1", "q3", "least", "most", "ratio", "ratio_low", "ratio_high")


def headings(comparison: Comparison) -> tuple[str, ...]:
    """Of a table of one metric."""
    ratio = (f"ratio to {comparison.baseline}",) if comparison.baseline else ()
    return (*(comparison.by or ("runs",)), "n", "median", "quartiles", *ratio)


def cells(comparison: Comparison, group: Group, figures: Figures) -> tuple[str, ...]:
    """A row of a table of one metric."""
    spread = figures.spread
    ratio = (_ratio(group, figures),) if comparison.baseline else ()
    key = tuple("-" if one is None else printable(text_of(one)) for one in group.key) or ("all",)
    quartiles = f"{human(spread.q1)} - {human(spread.q3)}"
    return (*key, str(spread.n), human(spread.median), quartiles, *ratio)


def notes(comparison: Comparison) -> tuple[str, ...]:
    """Explain the figures and what they leave out, in sentences."""
    said = [
        (
            "Medians, with the first and the third quartile. Counted is the last attempt of each completed"
            f" run: {comparison.counted}."
        )
    ]
    if comparison.left_out:
        left = [f"{count} {why}" for why, count in comparison.left_out.items()]
        said.append(f"Not counted: {', '.join(left)}.")
    if comparison.baseline:
        said.append(
            f"Ratios are of medians; in brackets the {CONFIDENCE:.0%} confidence interval (percentile bootstrap,"
            f" {REPLICATES} resamples, seed {comparison.seed}), from three values on."
        )
    better = [f"{one.name} {'lower' if one.lower else 'higher'}" for one in comparison.metrics]
    said.append(f"Better: {', '.join(better)}.")
    return tuple(said)


def to_markdown(comparison: Comparison) -> str:
    """A table for each metric, as Markdown that is readable as it is."""
    lines: list[str] = []
    for metric in comparison.metrics:
        rows = [
            tuple(map(_escaped, cells(comparison, group, figures)))
            for group, figures in comparison.compared(metric)
        ]
        titles = tuple(map(_escaped, headings(comparison)))
        lines += [f"## {_escaped(metric.title)}", "", *_aligned(titles, rows, comparison), ""]
    lines += [_escaped(note) for note in notes(comparison)]
    return "\n".join(lines) + "\n"


def to_csv(comparison: Comparison) -> str:
    """A line for each metric of each group; text that looks like a formula gets an apostrophe in front."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow([*map(printable_cell, comparison.by), "metric", "unit", *_NUMBERS])
    for metric in comparison.metrics:
        for group, figures in comparison.compared(metric):
            key = ["" if one is None else _cell(one) for one in group.key]
            named = (printable_cell(metric.name), printable_cell(metric.unit))
            numbers = _plain(figures)
            told = ("" if numbers[name] is None else numbers[name] for name in _NUMBERS)
            writer.writerow([*key, *named, *told])
    return written.getvalue()


def to_json(comparison: Comparison) -> str:
    """All of a comparison."""
    told = {
        "by": comparison.by,
        "baseline": comparison.baseline or None,
        "counted": comparison.counted,
        "left_out": dict(comparison.left_out),
        "confidence": CONFIDENCE,
        "resamples": REPLICATES,
        "seed": comparison.seed,
        "metrics": [_metric(comparison, metric) for metric in comparison.metrics],
    }
    return json.dumps(told, indent=2, default=str) + "\n"


def _metric(comparison: Comparison, metric: Metric) -> Mapping[str, Any]:
    return {
        "name": metric.name,
        "column": metric.column,
        "unit": metric.unit,
        "better": "lower" if metric.lower else "higher",
        "groups": [
            {
                "group": dict(zip(comparison.by, group.key, strict=True)),
                "baseline": group.is_baseline,
                **_plain(figures),
            }
            for group, figures in comparison.compared(metric)
        ],
    }


def _plain(figures: Figures) -> dict[str, Any]:
    spread, interval = figures.spread, figures.interval
    return {
        "n": spread.n,
        "median": spread.median,
        "q1": spread.q1,
        "q3": spread.q3,
        "least": spread.least,
        "most": spread.most,
        "ratio": figures.ratio,
        "ratio_low": interval and interval.low,
        "ratio_high": interval and interval.high,
    }


def _ratio(group: Group, figures: Figures) -> str:
    if group.is_baseline:
        return "baseline"
    if figures.ratio is None:
        return "-"
    interval = figures.interval
    brackets = f" ({human(interval.low)} - {human(interval.high)})" if interval else ""
    return f"{human(figures.ratio)}{brackets}"


def _cell(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return printable_cell(text_of(value))


def _aligned(
    titles: Sequence[str], rows: Sequence[Sequence[str]], comparison: Comparison
) -> Iterator[str]:
    """A table whose columns are as wide as what is in them; numbers stand to the right."""
    widths = [max(_NARROWEST, *map(len, column)) for column in zip(titles, *rows, strict=True)]
    words = max(len(comparison.by), 1)

    def line(row: Sequence[str]) -> str:
        padded = (
            one.ljust(width) if at < words else one.rjust(width)
            for at, (one, width) in enumerate(zip(row, widths, strict=True))
        )
        return f"| {' | '.join(padded)} |"

    yield line(titles)
    yield f"| {' | '.join('-' * w if at < words else '-' * (w - 1) + ':' for at, w in enumerate(widths))} |"
    yield from map(line, rows)


def _escaped(words: str) -> str:
    """Words on one line, as words: what Markdown or HTML would take for something else is escaped.

    An underscore within a word is one, and stays readable.
    """
    return _MARKUP.sub(r"\\\g<0>", printable(words))
