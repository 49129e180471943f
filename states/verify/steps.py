"""Move one backend: ask the table, begin the edge's action, and check the invariants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import define, field

from states.lifecycle import Edge, Lifecycle
from states.verify.explore import Invariant, Kind, Move
from states.verify.options import Options
from states.verify.situation import Late, Situation, Step, Ticket, Work

__all__ = ["Moves", "Steps"]

Moves = Iterator[tuple[Move, Situation]]

_UP: Final = frozenset({"launch", "relaunch"})
"""The actions that may bring a container up."""


@define
class Steps:
    """Makes the moves of one backend.

    Attributes:
        options: what its table may do.
    """

    lifecycle: Lifecycle
    restarts: int
    fine: bool
    invariants: tuple[Invariant, ...]
    options: Options = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.options = Options(self.lifecycle)

    def fault(
        self, now: Situation, after: Situation, who: str, what: str, *, ended: bool = False
    ) -> Moves:
        """Report a fault; drop it where the table has no edge for it."""
        if self.options.of(now.state, "fault", {}, latched=now.latched):
            yield from self.fire(now, after, "fault", who, what, ended=ended)
        else:
            yield self.move(now, after, who, f"{what}: dropped", ended=ended)

    def fire(
        self,
        now: Situation,
        after: Situation,
        event: str,
        who: str,
        what: str,
        *,
        facts: dict[str, bool] | None = None,
        kind: Kind = Kind.DUE,
        required: bool = True,
        ended: bool = False,
    ) -> Moves:
        """Put an event to the table.

        Args:
            after: what is so once it has been taken, but for what the edge itself brings about.
            required: whether the table has to take it.
        """
        known = facts or {}
        for edge in self.options.of(now.state, event, known, latched=now.latched):
            yield from self.take(
                now, after, edge, who=who, what=what, kind=kind, facts=known, ended=ended
            )
        if required:
            yield from self.refused(now, event, known, who=who, kind=kind)

    def refused(
        self, now: Situation, event: str, facts: dict[str, bool], *, who: str, kind: Kind
    ) -> Moves:
        """Yield the violation of a table that refuses an event which it must take."""
        if not self.options.of(now.state, event, facts, latched=now.latched):
            what = f"{event}, which the table refuses"
            yield self.move(now, now, who, what, kind=kind, refused=event)

    def take(
        self,
        now: Situation,
        after: Situation,
        edge: Edge,
        *,
        who: str,
        what: str,
        kind: Kind,
        facts: dict[str, bool],
        ended: bool = False,
    ) -> Moves:
        """Take an edge."""
        latched = self.lifecycle.latched_after(edge, latched=now.latched)
        after = after._replace(state=edge.target, latched=latched)
        if edge.event == "recover" and edge.action in ("launch", "relaunch"):
            after = after._replace(counted=now.counted + 1)
        for begun in self._begun(after, edge.action):
            over = ended or bool(now.experiment and not begun.experiment)
            yield self.move(now, begun, who, what, kind=kind, edge=edge, facts=facts, ended=over)

    def _begun(self, after: Situation, action: str | None) -> Iterator[Situation]:
        """Yield the situations once an edge's action has begun, in place of the call before it."""
        if action in (None, "execute", "attach"):
            yield after
            return
        begun = after._replace(
            call="backoff" if action == "relaunch" and self.fine else action,
            look=_stale(after.look),
            inspection=_stale(after.inspection),
        )
        if action == "remove" and after.heritage:  # it is found by its labels
            begun = begun._replace(heritage="", container="fit")
        if action in _UP:
            begun = begun._replace(experiment=self.taken_away(after))
        if not after.call:
            yield begun
        elif self.fine:
            yield begun._replace(late=_late(after))
        else:
            yield begun
            if after.call in _UP:
                yield begun._replace(container="fit")

    def given_up(self, now: Situation) -> Situation:
        """Return the situation once a reported fault ends the call under way, before anything is decided."""
        return now._replace(
            call="",
            late=_late(now),
            experiment=self.taken_away(now),
            look=_stale(now.look),
            inspection=_stale(now.inspection),
        )

    def taken_away(self, now: Situation) -> Work:
        """Return what happens to the experiment when its container is removed."""
        return "orphaned" if now.experiment and self.fine else ""

    def move(
        self,
        now: Situation,
        after: Situation,
        who: str,
        what: str,
        *,
        kind: Kind = Kind.DUE,
        edge: Edge | None = None,
        facts: dict[str, bool] | None = None,
        refused: str = "",
        ended: bool = False,
    ) -> tuple[Move, Situation]:
        """Make a move, and check the invariants."""
        step = Step(now, after, edge, facts or {}, refused, ended, self.restarts)
        breaks = next((one for one in self.invariants if not one.holds(step)), None)
        return Move(who, "", what, kind, breaks), after


def _late(now: Situation) -> Late:
    """Return which effect may still come once the call under way is cancelled."""
    if now.call in _UP or now.late == "settling":
        return "settling"
    return "reply" if now.call else now.late


def _stale(ticket: Ticket) -> Ticket:
    return "stale" if ticket else ""
