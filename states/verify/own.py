"""A table by itself: every event that it takes, for every value of its facts, in every order.

This is what a lifecycle of a user's own is explored with. Nothing is known of the world around it, so
everything that its table allows may happen, and an invariant holds if the table alone sees to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from attrs import define, field

from states.lifecycle import Edge, Lifecycle
from states.verify.explore import Invariant, Kind, Line, Move, Path
from states.verify.options import Options

__all__ = ["Own", "OwnStep", "Position"]


class Position(NamedTuple):
    """The position of an instance in its lifecycle.

    Attributes:
        state: of its table.
        latched: whether the latch is up.
    """

    state: str
    latched: bool = False

    def __str__(self) -> str:
        return self.state + (", latched" if self.latched else "")


class OwnStep(NamedTuple):
    """One edge taken, as invariants see it."""

    before: Position
    after: Position
    edge: Edge


@define
class Own:
    """A model of any lifecycle; only the events that stop it are bound to happen.

    Args:
        lifecycle: its table.
        invariants: what is to hold; each is given an :class:`OwnStep`.
    """

    lifecycle: Lifecycle
    invariants: tuple[Invariant, ...] = ()
    _options: Options = field(init=False)

    _stopping: frozenset[str] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._options = Options(self.lifecycle)
        latch = self.lifecycle.latch
        self._stopping = frozenset() if latch is None else latch.until | {latch.event}

    @property
    def initial(self) -> Position:
        """The initial state, with the latch down."""
        return Position(self.lifecycle.initial)

    @property
    def begins(self) -> str:
        """Describe the initial state."""
        return str(self.initial)

    def moves(self, now: Position) -> Iterator[tuple[Move, Position]]:
        """Every edge that can be taken."""
        for event in self.lifecycle.events:
            for edge in self._options.of(now.state, event, {}, latched=now.latched):
                latched = self.lifecycle.latched_after(edge, latched=now.latched)
                after = Position(edge.target, latched)
                step = OwnStep(now, after, edge)
                breaks = next((one for one in self.invariants if not one.holds(step)), None)
                kind = Kind.DUE if event in self._stopping else Kind.ASKED
                yield Move("a user", self.lifecycle.name, _asked(edge), kind, breaks), after

    def tell(self, path: Path[Position]) -> list[Line]:
        """A path in words."""
        return [Line(move.who, move.whom, move.what, str(after)) for _, move, after in path]


def _asked(edge: Edge) -> str:
    return edge.event if not edge.guard.names else f"{edge.event} [{edge.guard}]"
