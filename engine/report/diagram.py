"""Lay out the states and arrows of a lifecycle in a picture, without an external program.

The states stand around an ellipse in the table's order, and each arrow is bent to its right, so that no
two between the same states fall together. That suits any small table, built-in or custom.
"""

from __future__ import annotations

import math
from typing import Final

from attrs import frozen

from states.diagram import Arrow, Drawing

__all__ = ["HEIGHT", "WIDTH", "Box", "Line", "Picture", "picture"]

WIDTH: Final = 880
HEIGHT: Final = 560
_BOX: Final = (146, 46)
_BEND: Final = 0.13
_STEPS: Final = 60

Point = tuple[float, float]


@frozen
class Box:
    """A state: its middle, and what is written there."""

    x: float
    y: float
    name: str
    role: str
    here: str
    width: int = _BOX[0]
    height: int = _BOX[1]


@frozen
class Line:
    """An arrow, as an SVG path, and the words at its middle.

    Attributes:
        label: the events, and how often they were taken; empty where none was.
    """

    path: str
    kind: str
    label: str
    x: float
    y: float


@frozen
class Picture:
    """A diagram, ready to be drawn."""

    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...]


def picture(drawing: Drawing) -> Picture:
    """Lay out everything in a drawing."""
    count = len(drawing.stations)
    places: dict[str, Point] = {}
    for number, station in enumerate(drawing.stations):
        angle = math.pi * (2 * number / count - 1)
        places[station.name] = (
            WIDTH / 2 + (WIDTH / 2 - 75) * math.cos(angle),
            HEIGHT / 2 + (HEIGHT / 2 - 40) * math.sin(angle),
        )
    return Picture(
        boxes=tuple(
            Box(*places[one.name], one.name, one.role.value, one.here) for one in drawing.stations
        ),
        lines=tuple(
            _line(arrow, places[arrow.source], places[arrow.target])
            for arrow in sorted(drawing.arrows, key=lambda arrow: bool(arrow.taken))
            if arrow.source != arrow.target
        ),
        notes=tuple(f"{note.title}: {'; '.join(note.lines)}" for note in drawing.notes),
    )


def _line(arrow: Arrow, source: Point, target: Point) -> Line:
    (x1, y1), (x2, y2) = source, target
    bend = ((x1 + x2) / 2 - (y2 - y1) * _BEND * 2, (y1 + y2) / 2 + (x2 - x1) * _BEND * 2)
    curve = [_on_curve(source, bend, target, step / _STEPS) for step in range(_STEPS + 1)]
    seen = [point for point in curve if not _inside(point, source) and not _inside(point, target)]
    middle = seen[len(seen) // 2]
    words = ", ".join(
        f"{label.event} \N{MULTIPLICATION SIGN}{label.taken}"
        for label in arrow.labels
        if label.taken
    )
    path = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in seen)
    return Line(path, arrow.kind.value, words, *middle)


def _on_curve(begin: Point, bend: Point, end: Point, share: float) -> Point:
    """A point of a quadratic Bézier curve."""
    rest = 1 - share
    return (
        rest * rest * begin[0] + 2 * rest * share * bend[0] + share * share * end[0],
        rest * rest * begin[1] + 2 * rest * share * bend[1] + share * share * end[1],
    )


def _inside(point: Point, box: Point) -> bool:
    """Whether a point lies within the box around another, or close to it."""
    gap = 5
    return abs(point[0] - box[0]) < _BOX[0] / 2 + gap and abs(point[1] - box[1]) < _BOX[1] / 2 + gap
