"""Comparisons as pictures: bars with their quartiles, or two metrics against each other.

Matplotlib draws them, without its global state: a program that embeds this keeps its own figures. A
picture is five inches wide and 1280 pixels as PNG, with letters that can still be read at 400.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from attrs import frozen

from engine.campaign.runs.selection import text_of
from engine.errors import InputError, MissingExtra
from engine.results.compare import Comparison, Figures, Group, Metric
from engine.results.numbers import human
from engine.results.pareto import pareto
from engine.util.inks import SERIES
from engine.util.printable import printable
from engine.util.statistics import Spread
from states.diagram import DARK, LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

__all__ = ["FORMATS", "draw", "to_svg"]

FORMATS: Final = ("png", "svg", "pdf")

Theme = Literal["light", "dark"]

_WIDTH_IN: Final = 5.0
_DOTS_PER_IN: Final = 256
_MOST_BARS: Final = 60
_MOST_POINTS: Final = 400
_MOST_NAMED: Final = 14
"""So many points are named; of more, those on the front are."""

_LONGEST: Final = 40
"""Characters of a label."""

_BETWEEN: Final = 2
"""Points between two texts."""

_LEGEND_CHARACTERS: Final = 64
_HANDLE_CHARACTERS: Final = 5
"""About so many characters is a legend wide, and are the mark and the space beside an entry."""

_MARKERS: Final = "osD^vPX"
_TWO: Final = 2


@frozen
class _Colours:
    page: str
    text: str
    quiet: str
    line: str
    series: tuple[str, ...]


_COLOURS: Final[Mapping[str, _Colours]] = {
    "light": _Colours(
        LIGHT.page, LIGHT.text, LIGHT.quiet, "#d1d9e0", tuple(ink.light for ink in SERIES)
    ),
    "dark": _Colours(
        DARK.page, DARK.text, DARK.quiet, "#3d444d", tuple(ink.dark for ink in SERIES)
    ),
}


def draw(comparison: Comparison, file: Path | str, *, theme: str = "light") -> None:
    """Draw a comparison into a file: one metric (or more than two) as bars, two against each other.

    Args:
        file: its ending says in which format: ``.png``, ``.svg`` or ``.pdf``.
        theme: ``light`` or ``dark``.

    Raises:
        InputError: the ending is none of these, there is too much to draw, or the file cannot be written.
        MissingExtra: Matplotlib is not installed.
    """
    file = Path(file)
    form = file.suffix.removeprefix(".").lower()
    if form not in FORMATS:
        raise InputError(f"{file} does not end in .png, .svg or .pdf, so its format is not known")
    picture = _picture(comparison, form, _COLOURS[theme])
    try:
        file.write_bytes(picture)
    except OSError as error:
        raise InputError(
            f"{file} cannot be written: {error.strerror or error}; name another file"
        ) from error


def to_svg(comparison: Comparison, *, theme: str = "light") -> str:
    """A comparison as SVG, to stand within a page.

    Raises:
        InputError: there is too much to draw.
        MissingExtra: Matplotlib is not installed.
    """
    svg = _picture(comparison, "svg", _COLOURS[theme]).decode()
    return svg[svg.index("<svg") :]


def _picture(comparison: Comparison, form: str, colours: _Colours) -> bytes:
    try:
        import matplotlib as mpl
        from matplotlib import figure as figures
    except ImportError as error:
        raise MissingExtra("a picture of a comparison", "plot") from error
    written = io.BytesIO()
    with mpl.rc_context(_style(colours)), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name in a script that the font does not have
        if len(comparison.metrics) == _TWO:
            figure = figures.Figure(figsize=(_WIDTH_IN, 3.6), layout="constrained")
            _scatter(figure, comparison, colours)
        else:
            series = [_series(comparison, metric) for metric in comparison.metrics]
            heights = [_height(*one) for one in series]
            figure = figures.Figure(figsize=(_WIDTH_IN, sum(heights)), layout="constrained")
            panels = figure.subplots(len(series), 1, squeeze=False, height_ratios=heights)
            for axes, metric, one in zip(panels[:, 0], comparison.metrics, series, strict=True):
                _bars(axes, metric, *one, colours=colours)
        when = {"Date": None} if form == "svg" else {}
        figure.savefig(written, format=form, dpi=_DOTS_PER_IN, metadata=when)
    return written.getvalue()


def _style(colours: _Colours) -> dict[str, Any]:
    return {
        "text.parse_math": False,  # a name with dollar signs is a name
        "font.size": 9,
        "font.family": "DejaVu Sans",
        "figure.facecolor": colours.page,
        "axes.facecolor": colours.page,
        "savefig.facecolor": colours.page,
        "text.color": colours.text,
        "axes.labelcolor": colours.text,
        "axes.edgecolor": colours.line,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "grid.color": colours.line,
        "grid.linewidth": 0.6,
        "xtick.color": colours.line,
        "ytick.color": colours.line,
        "xtick.labelcolor": colours.text,
        "ytick.labelcolor": colours.text,
        "legend.frameon": False,
        "svg.hashsalt": "dockwarden",
    }


# Bars

_Bars = tuple[list[str], list[str], dict[tuple[str, str], tuple[Group, Figures]]]


def _series(comparison: Comparison, metric: Metric) -> _Bars:
    """Return the labels along the axis, the series within each, and their figures."""
    compared = comparison.compared(metric)
    if len(compared) > _MOST_BARS:
        raise InputError(
            f"{len(compared)} groups are too many for bars ({_MOST_BARS} are the most); narrow them down"
            " with --where, or group by less"
        )
    found = {}
    for group, figures in compared:
        names = [_name(one) for one in group.key]
        split = len(names) - 1 if len(names) > 1 else len(names)
        found[", ".join(names[:split]) or "all", ", ".join(names[split:])] = (group, figures)
    along = list(dict.fromkeys(one for one, _ in found))
    within = list(dict.fromkeys(other for _, other in found))
    return along, within, found


def _height(along: Sequence[str], within: Sequence[str], found: Mapping[Any, Any]) -> float:
    """In inches."""
    columns = _columns(max(map(len, within)), len(within))
    legend = 0.2 * math.ceil(len(within) / columns) if len(within) > 1 else 0.0
    return 0.95 + legend + max(0.19 * len(found) + 0.12 * len(along), 0.5)


def _bars(
    axes: Axes,
    metric: Metric,
    along: Sequence[str],
    within: Sequence[str],
    found: Mapping[tuple[str, str], tuple[Group, Figures]],
    *,
    colours: _Colours,
) -> None:
    tall = 0.82 / len(within)
    most = max(max(map(abs, (one.spread.q1, one.spread.q3))) for _, one in found.values())
    for number, name in enumerate(within):
        colour = colours.series[number % len(colours.series)]
        for place, other in enumerate(along):
            if (other, name) not in found:
                continue
            spread = found[other, name][1].spread
            at = place + (number - (len(within) - 1) / 2) * tall
            axes.barh(at, spread.median, height=tall * 0.86, color=colour)
            if spread.n > 1:
                axes.plot([spread.q1, spread.q3], [at, at], color=colours.text, linewidth=1.1)
                ends = [spread.q1, spread.q3]
                axes.plot(ends, [at, at], "|", color=colours.text, markersize=4)
            _figure(axes, spread, at, most * 0.015)
    axes.set_yticks(range(len(along)), labels=along)
    axes.set_ylim(len(along) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.12)
    axes.set_xlabel(_axis(metric))
    if within != [""]:
        handles = [
            axes.barh([0], [0], color=colours.series[number % len(colours.series)], label=name)
            for number, name in enumerate(within)
        ]
        _legend(axes, handles)


def _figure(axes: Axes, spread: Spread, at: float, beside: float) -> None:
    """The median as text beside its bar, which goes to the left where it is negative."""
    left = spread.median < 0
    end = min(spread.q1, spread.median) - beside if left else max(spread.q3, 0) + beside
    side = "right" if left else "left"
    axes.text(end, at, human(spread.median), va="center", ha=side, fontsize=7.5)


# Two metrics


def _scatter(figure: Figure, comparison: Comparison, colours: _Colours) -> None:
    axes = figure.subplots()
    one, other = comparison.metrics
    groups = [
        group for group in comparison.groups if {one.column, other.column} <= {*group.figures}
    ]
    if not groups:
        raise InputError(
            f"no group has both {one.name} and {other.name}, so there is nothing to draw"
        )
    if len(groups) > _MOST_POINTS:
        raise InputError(
            f"{len(groups)} groups are too many for a picture ({_MOST_POINTS} are the most); narrow them"
            " down with --where, or group by less"
        )
    spreads = [
        (group.figures[one.column].spread, group.figures[other.column].spread) for group in groups
    ]
    points = [(x.median, y.median) for x, y in spreads]
    front = pareto(points, lower=(one.lower, other.lower))
    axes.plot(
        *_steps([points[at] for at in front], lower_x=one.lower),
        color=colours.quiet,
        linewidth=1.2,
        linestyle=(0, (4, 2)),
        label="Pareto front",
        zorder=1,
    )
    series = list(dict.fromkeys(_name(group.key[0]) if group.key else "all" for group in groups))
    named = range(len(points)) if len(points) <= _MOST_NAMED else front
    texts: dict[int, Annotation] = {}
    for at, (group, (x, y)) in enumerate(zip(groups, spreads, strict=True)):
        number = series.index(_name(group.key[0]) if group.key else "all")
        colour = colours.series[number % len(colours.series)]
        axes.plot([x.q1, x.q3], [y.median] * 2, color=colour, linewidth=1, alpha=0.55, zorder=2)
        axes.plot([x.median] * 2, [y.q1, y.q3], color=colour, linewidth=1, alpha=0.55, zorder=2)
        axes.plot(
            x.median,
            y.median,
            _MARKERS[number % len(_MARKERS)],
            color=colour,
            markersize=6 if at in front else 4.5,
            alpha=1 if at in front else 0.75,
            markeredgecolor=colours.page,
            markeredgewidth=0.5,
            zorder=3,
        )
        rest = ", ".join(map(_name, group.key[1:]))
        if at in named and rest:
            texts[at] = axes.annotate(  # on the better side, where nothing is beyond the front
                rest,
                (x.median, y.median),
                xytext=(-5 if one.lower else 5, -5 if other.lower else 5),
                textcoords="offset points",
                ha="right" if one.lower else "left",
                va="top" if other.lower else "bottom",
                fontsize=7.5,
            )
    for number, name in enumerate(series):
        marker, colour = (
            _MARKERS[number % len(_MARKERS)],
            colours.series[number % len(colours.series)],
        )
        axes.plot([], [], marker, color=colour, markersize=5, label=name)
    if named and len(comparison.by) > 1:
        axes.plot([], [], " ", label=f"labels: {_name(', '.join(comparison.by[1:]))}")
    axes.set_xlabel(_axis(one))
    axes.set_ylabel(_axis(other))
    axes.margins(0.1)
    _legend(axes)
    first = sorted(texts.items(), key=lambda one: one[0] not in front)
    figure.draw_without_rendering()  # lays it out, so that the texts have their places
    _keep_apart([text for _, text in first])


def _keep_apart(texts: Iterable[Annotation]) -> None:
    """Have each text stand beside its point where it covers no earlier one; one that cannot is left out."""
    kept: list[Bbox] = []
    for text in texts:
        x, y = text.xyann
        for text.xyann in ((x, y), (x, -y), (-x, y), (-x, -y)):
            text.set_horizontalalignment("left" if text.xyann[0] > 0 else "right")
            text.set_verticalalignment("bottom" if text.xyann[1] > 0 else "top")
            box = text.get_window_extent().padded(_BETWEEN)
            if not any(box.overlaps(other) for other in kept):
                kept.append(box)
                break
        else:
            text.set_visible(False)


def _steps(
    front: Sequence[tuple[float, float]],
    *,
    lower_x: bool,
) -> tuple[list[float], list[float]]:
    """The line along a front: what is on the worse side of it is beaten by a point of it."""
    xs: list[float] = []
    ys: list[float] = []
    for at, (x, y) in enumerate(front):
        if at:
            before = front[at - 1]
            xs.append(x if lower_x else before[0])
            ys.append(before[1] if lower_x else y)
        xs.append(x)
        ys.append(y)
    return xs, ys


def _legend(axes: Axes, handles: Sequence[Any] | None = None) -> None:
    """Above the plot, in as many columns as fit."""
    entries = axes.get_legend_handles_labels()
    found = list(handles) if handles is not None else entries[0]
    longest = max(len(str(one.get_label())) for one in found)
    axes.legend(
        handles=found,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=_columns(longest, len(found)),
        borderaxespad=0.2,
        handletextpad=0.5,
        columnspacing=1.2,
    )


def _columns(longest: int, entries: int) -> int:
    """How many columns a legend has, whose longest entry has so many characters."""
    return max(1, min(entries, _LEGEND_CHARACTERS // (longest + _HANDLE_CHARACTERS)))


def _axis(metric: Metric) -> str:
    return f"{_name(metric.title)}, {'lower' if metric.lower else 'higher'} is better"


def _name(value: Any) -> str:
    text = printable("-" if value is None else text_of(value))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
