"""Deriving states: recorded transitions, taken again through the table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from attrs import frozen

from engine.errors import ReplayRefused
from engine.journal.rows import JournaledTransition
from states import Edge, Lifecycle

__all__ = ["replay", "retrace"]


@frozen
class _Position:
    session: int
    state: str
    latched: bool = False


def replay(
    rows: Iterable[JournaledTransition], lifecycle: Lifecycle, *, file: Path
) -> dict[str, str]:
    """The state of each backend after its last transition.

    Args:
        file: where the rows are from, for the error.

    Raises:
        ReplayRefused: a row does not follow from the one before, or is not in the table.
    """
    retraced = retrace(rows, lifecycle, file=file)
    return {row.transition.backend: edge.target for row, edge in retraced}


def retrace(
    rows: Iterable[JournaledTransition], lifecycle: Lifecycle, *, file: Path
) -> Iterator[tuple[JournaledTransition, Edge]]:
    """Each row with the edge of the table that it records.

    Each session's backends begin in the initial state, since a controller begins with none.

    Args:
        file: where the rows are from, for the error.

    Raises:
        ReplayRefused: a row does not follow from the one before, or is not in the table.
    """
    positions: dict[str, _Position] = {}
    for row in rows:
        taken = row.transition
        before = positions.get(taken.backend)
        if before is None or before.session != row.session:
            before = _Position(row.session, lifecycle.initial)
        edge = _edge(row, before, lifecycle)
        if edge is None:
            latch = ", which is being stopped" if before.latched else ""
            raise ReplayRefused(
                f"{taken.backend} is {before.state}{latch}, and the table of the {lifecycle.name} has no"
                f" {taken.source} --{taken.event}--> {taken.target} / {taken.action} for it;"
                " the journal is damaged, or of another lifecycle",
                file=file,
                seq=row.seq,
            )
        latched = lifecycle.latched_after(edge, latched=before.latched)
        positions[taken.backend] = _Position(row.session, edge.target, latched)
        yield row, edge


def _edge(row: JournaledTransition, before: _Position, lifecycle: Lifecycle) -> Edge | None:
    """The table's edge that a row records; None where there is none."""
    taken = row.transition
    if taken.source != before.state or not lifecycle.admits(taken.event, latched=before.latched):
        return None
    for edge in lifecycle.table.get((taken.source, taken.event), ()):
        if (edge.target, edge.action) == (taken.target, taken.action) and _holds(edge, row):
            return edge
    return None


def _holds(edge: Edge, row: JournaledTransition) -> bool:
    """Whether the edge's guard held, as far as the facts were recorded."""
    if row.facts is None:
        return True
    try:
        return edge.guard(row.facts)
    except KeyError:
        return False
