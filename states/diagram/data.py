"""A lifecycle as plain data, for other programs."""

from __future__ import annotations

from typing import Any

from states.diagram.drawing import Course, kind
from states.guard import ALWAYS
from states.lifecycle import Edge, Lifecycle

__all__ = ["to_data"]


def to_data(lifecycle: Lifecycle, course: Course | None = None) -> dict[str, Any]:
    """All that the table says, every edge by itself; with ``course``, who is where and what was taken."""
    latch = lifecycle.latch
    return {
        "name": lifecycle.name,
        "doc": lifecycle.doc,
        "initial": lifecycle.initial,
        "final": sorted(lifecycle.final),
        "trouble": sorted(lifecycle.trouble),
        "states": dict(lifecycle.states),
        "events": dict(lifecycle.events),
        "facts": dict(lifecycle.facts),
        "actions": dict(lifecycle.actions),
        "latch": latch
        and {
            "event": latch.event,
            "until": sorted(latch.until),
            "released": sorted(latch.released),
        },
        "edges": [_edge(lifecycle, edge, course) for edge in lifecycle.edges],
        **({} if course is None else {"here": dict(course.here)}),
    }


def _edge(lifecycle: Lifecycle, edge: Edge, course: Course | None) -> dict[str, Any]:
    return {
        "source": edge.source,
        "event": edge.event,
        "target": edge.target,
        "guard": None if edge.guard is ALWAYS else str(edge.guard),
        "action": edge.action,
        "doc": edge.doc,
        "row": edge.row + 1,
        "kind": kind(lifecycle, edge).value,
        **({} if course is None else {"taken": course.count([edge])}),
    }
