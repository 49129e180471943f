"""A lifecycle as text for Graphviz."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

from states.diagram.drawing import Arrow, Drawing, Kind, Note, Station
from states.diagram.palette import LIGHT, Theme
from states.diagram.text import wrapped

__all__ = ["to_dot"]

_FONT: Final = "Helvetica,Arial,sans-serif"
_BOX: Final = 28
_LABEL: Final = 24
_NOTE: Final = 44
_STYLES: Final = {Kind.NORMAL: "solid", Kind.FAULT: "dashed", Kind.RECOVERY: "dotted"}
_ALIGN: Final = '<br align="left"/>'


def to_dot(drawing: Drawing, theme: Theme = LIGHT) -> str:
    """The text of a graph for ``dot``.

    Nodes and edges carry their roles and kinds as classes, for style sheets on the SVG.
    """
    ids = {station.name: f"s{number}" for number, station in enumerate(drawing.stations)}
    lines = [
        f'graph [class="graph", rankdir={"LR" if drawing.across else "TB"}, nodesep=0.25, ranksep=0.5, pad=0.2, bgcolor="{theme.page}"]',
        f'node [fontname="{_FONT}", fontsize=14, fontcolor="{theme.text}", margin="0.16,0.09"]',
        f'edge [fontname="{_FONT}", fontsize=12, fontcolor="{theme.quiet}", arrowsize=0.8]',
        *(f"{ids[station.name]} [{_box(station, theme)}]" for station in drawing.stations),
        *_begin(drawing, ids, theme),
        *(
            f"{ids[arrow.source]} -> {ids[arrow.target]} [{_link(arrow, theme)}]"
            for arrow in drawing.arrows
        ),
        *(f"note{number} [{_note(note, theme)}]" for number, note in enumerate(drawing.notes)),
    ]
    return (
        f"digraph {_quoted(drawing.name)} {{\n" + "".join(f"    {one}\n" for one in lines) + "}\n"
    )


def _box(station: Station, theme: Theme) -> str:
    paint = theme.here if station.here else theme.roles[station.role]
    here = [f"▶ {station.here}"] if station.here else []
    lines = wrapped([station.meaning, *here], _BOX)
    small = "".join(f'<br/><font point-size="12">{_markup(line)}</font>' for line in lines)
    return _attributes(
        **{"class": "here" if station.here else station.role.value},
        shape="box",
        style="rounded,filled",
        fillcolor=paint.fill,
        color=paint.line,
        penwidth="2.5" if station.here else "1.5",
        peripheries="2" if station.final else "1",
        label=f"<<b>{'◉ ' if station.final else ''}{_markup(station.name)}</b>{small}>",
    )


def _begin(drawing: Drawing, ids: dict[str, str], theme: Theme) -> Iterator[str]:
    """The dot that the initial state begins at."""
    for station in drawing.stations:
        if station.initial:
            yield (
                f'begin [class="start", shape=circle, style=filled, label="", width=0.18,'
                f' fillcolor="{theme.text}", color="{theme.text}"]'
            )
            yield f'begin -> {ids[station.name]} [class="untaken", color="{theme.untaken}"]'


def _link(arrow: Arrow, theme: Theme) -> str:
    lines = wrapped(arrow.lines, _LABEL)
    untaken = arrow.taken is False
    return _attributes(
        **{"class": "untaken" if untaken else arrow.kind.value},
        color=theme.untaken if untaken else theme.kinds[arrow.kind],
        style=_STYLES[arrow.kind],
        weight="2"
        if arrow.kind is Kind.FAULT
        else "1",  # a column of trouble keeps the picture narrow
        penwidth={None: "1.6", True: "3", False: "1"}[arrow.taken],
        label=_lines(lines),
    )


def _note(note: Note, theme: Theme) -> str:
    title = "".join(f"<i>{_markup(line)}</i>{_ALIGN}" for line in wrapped([note.title], _NOTE))
    lines = "".join(f"{_markup(line)}{_ALIGN}" for line in wrapped(note.lines, _NOTE))
    return _attributes(
        **{"class": "note"},
        shape="note",
        style="filled",
        fillcolor=theme.note.fill,
        color=theme.note.line,
        fontsize="12",
        label=f"<{title}{lines}>",
    )


def _markup(text: str) -> str:
    """Text within an HTML-like label; an element that holds nothing but a closing bracket is refused."""
    return escape(text).replace("]", "&#93;")


def _lines(lines: Iterable[str]) -> str:
    return f"<{'<br/>'.join(f'&#160;{_markup(line)}&#160;' for line in lines)}>"


def _attributes(**values: str) -> str:
    return ", ".join(
        f"{name}={value if name == 'label' else _quoted(value)}" for name, value in values.items()
    )


def _quoted(text: str) -> str:
    plain = " ".join(wrapped([text], 1000)).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{plain}"'
