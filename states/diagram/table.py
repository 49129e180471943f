"""A lifecycle as tables in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from states.diagram.drawing import Course
from states.diagram.text import printable
from states.guard import ALWAYS
from states.lifecycle import ANY, SAME, Lifecycle, Row

__all__ = ["grid", "to_table"]

_MARKUP: Final = re.compile(r"([\\`*_{}\[\]<>|~#$&])")


def to_table(lifecycle: Lifecycle, course: Course | None = None) -> str:
    """Three tables: the states, the rows, and what else has a name.

    Args:
        course: what has happened: who is where, and how often rows were taken.
    """
    here = [] if course is None else ["here now"]
    taken = [] if course is None else ["taken"]
    states = grid(["state", "means", *here], _states(lifecycle, course))
    rows = grid(["from", "event", "when", "to", "does", "", *taken], _rows(lifecycle, course))
    names = grid(["name", "is", "means"], _names(lifecycle))
    return f"{states}\n{rows}\n{names}"


def grid(head: Sequence[str], lines: Iterator[Sequence[str]]) -> str:
    """A table in Markdown. The cells are Markdown already; see :func:`plain`."""
    ruled = [head, ["---"] * len(head), *lines]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in ruled)


def plain(text: str) -> str:
    """Text as a cell that shows it as it is."""
    return _MARKUP.sub(r"\\\1", printable(text))


def _states(lifecycle: Lifecycle, course: Course | None) -> Iterator[list[str]]:
    for name, meaning in lifecycle.states.items():
        marks = [
            mark
            for mark, true in (
                ("initial", name == lifecycle.initial),
                ("final", name in lifecycle.final),
            )
            if true
        ]
        what = f"{plain(meaning)} ({', '.join(marks)})" if marks else plain(meaning)
        here = [] if course is None else [plain(", ".join(course.in_state(name)))]
        yield [f"`{name}`", what, *here]


def _rows(lifecycle: Lifecycle, course: Course | None) -> Iterator[list[str]]:
    for index, row in enumerate(lifecycle.rows):
        taken = (
            []
            if course is None
            else [str(course.count(edge for edge in lifecycle.edges if edge.row == index))]
        )
        yield [
            _sources(row),
            f"`{row.event}`",
            "" if row.guard is ALWAYS else str(row.guard).replace("_", " "),
            "stays" if row.target == SAME else f"`{row.target}`",
            f"`{row.action}`" if row.action else "",
            plain(row.doc),
            *taken,
        ]


def _names(lifecycle: Lifecycle) -> Iterator[list[str]]:
    for kind in ("events", "facts", "actions"):
        for name, meaning in getattr(lifecycle, kind).items():
            yield [f"`{name}`", f"{'an' if kind[0] in 'ea' else 'a'} {kind[:-1]}", plain(meaning)]


def _sources(row: Row) -> str:
    return "any" if row.source == (ANY,) else ", ".join(f"`{source}`" for source in row.source)
