"""A lifecycle as text for Mermaid, which draws it wherever Markdown is shown.

A flow chart rather than a state diagram, since only its arrows take colours and lines. Mermaid pages turn
dark on their own; so only colours that can be read on both are used: the boxes bring their own ground.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Final

from states.diagram.drawing import Arrow, Drawing, Kind, Note, Station
from states.diagram.palette import DASHES, LIGHT, ON_BOTH, Paint
from states.diagram.text import printable

__all__ = ["to_mermaid"]

_HEAD: Final = """\
---
config:
  flowchart:
    wrappingWidth: 250
    nodeSpacing: {apart}
    rankSpacing: {deep}
---
flowchart {direction}
"""
_WORD: Final = 30
"""A longer word is broken; all else Mermaid wraps itself."""

_NOTHING: Final = "\N{WORD JOINER}"
"""Parts two dollars, between pairs of which Mermaid looks for a formula, even where they are escaped."""

_PLAIN: Final = frozenset(" .,()'-/")
_LINE_PX: Final = 1.8
_TAKEN_PX: Final = 3.0
_UNTAKEN_PX: Final = 1.0


def to_mermaid(drawing: Drawing) -> str:
    """The text of a Mermaid flow chart."""
    ids = {station.name: _id(number, station) for number, station in enumerate(drawing.stations)}
    links = [*_ends(drawing, ids), *(_link(arrow, ids) for arrow in drawing.arrows)]
    lines = [
        *(f"{ids[station.name]}{_box(station)}" for station in drawing.stations),
        *(f"note{number}{_note(note)}" for number, note in enumerate(drawing.notes)),
        *links,
        *_classes(drawing, ids),
        *_link_styles(drawing, first=len(links) - len(drawing.arrows)),
    ]
    return _head(drawing) + "".join(f"    {line}\n" for line in lines)


def _head(drawing: Drawing) -> str:
    if drawing.across:
        return _HEAD.format(direction="LR", apart=25, deep=30)
    return _HEAD.format(direction="TB", apart=50, deep=40)


def _id(number: int, station: Station) -> str:
    """A name that is no word of Mermaid's."""
    return f"s_{station.name if station.name.isascii() else number}"


def _box(station: Station) -> str:
    here = [f"▶ {station.here}"] if station.here else []
    name = f"<b>{_shown(f'◉ {station.name}' if station.final else station.name)}</b>"
    text = _stacked(name, *map(_shown, (station.meaning, *here)))
    return f'[["{text}"]]' if station.final else f'("{text}")'


def _note(note: Note) -> str:
    return f'["{_stacked(f"<i>{_shown(note.title)}</i>", *map(_shown, note.lines))}"]'


def _stacked(*lines: str) -> str:
    return "<br/>".join(line for line in lines if line)


def _ends(drawing: Drawing, ids: Mapping[str, str]) -> Iterator[str]:
    """The dot that the initial state begins at."""
    for station in drawing.stations:
        if station.initial:
            yield f'begin((" ")) --> {ids[station.name]}'


def _link(arrow: Arrow, ids: Mapping[str, str]) -> str:
    return f'{ids[arrow.source]} -->|"{_stacked(*map(_shown, arrow.lines))}"| {ids[arrow.target]}'


def _classes(drawing: Drawing, ids: Mapping[str, str]) -> Iterator[str]:
    members: dict[str, list[str]] = {}
    for station in drawing.stations:
        members.setdefault("here" if station.here else station.role.value, []).append(
            ids[station.name]
        )
    paints = {role.value: paint for role, paint in LIGHT.roles.items()} | {"here": LIGHT.here}
    for name, paint in paints.items():
        if name in members:
            yield f"classDef {name} {_paint(paint)}"
            yield f"class {','.join(members[name])} {name}"
    if drawing.notes:
        yield f"classDef note {_paint(LIGHT.note)},stroke-dasharray:3 3,text-align:left"
        yield f"class {','.join(f'note{number}' for number in range(len(drawing.notes)))} note"
    yield f"classDef begin fill:{LIGHT.untaken},stroke:{LIGHT.untaken}"
    yield "class begin begin"


def _paint(paint: Paint) -> str:
    return f"fill:{paint.fill},stroke:{paint.line},stroke-width:{_LINE_PX}px,color:{LIGHT.text}"


def _link_styles(drawing: Drawing, *, first: int) -> Iterator[str]:
    styles: dict[str, list[int]] = {}
    for number, arrow in enumerate(drawing.arrows, start=first):
        styles.setdefault(_style(arrow), []).append(number)
    for style, numbers in styles.items():
        yield f"linkStyle {','.join(map(str, numbers))} {style}"


def _style(arrow: Arrow) -> str:
    colour = LIGHT.untaken if arrow.taken is False else ON_BOTH[arrow.kind]
    width = {None: _LINE_PX, True: _TAKEN_PX, False: _UNTAKEN_PX}[arrow.taken]
    dashes = f",stroke-dasharray:{DASHES[arrow.kind]}" if arrow.kind is not Kind.NORMAL else ""
    return f"stroke:{colour},stroke-width:{width}px{dashes}"


def _shown(text: str) -> str:
    """Text in which nothing means anything to Mermaid, nor to the page it stands in."""
    parts = (part for word in printable(text).split() for part in textwrap.wrap(word, _WORD))
    shown = " ".join(parts).replace("$$", f"${_NOTHING}${_NOTHING}")
    return "".join(map(_character, shown))


def _character(one: str) -> str:
    return one if one.isalnum() or one in _PLAIN else f"#{ord(one)};"
