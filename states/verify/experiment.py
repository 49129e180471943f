"""The world around one experiment: attempts that end in every way, interrupts, crashes and resumes.

It mirrors :mod:`engine.campaign`: an attempt's end is recorded, and with it the outcome where that settles
the run; what was interrupted has no outcome and does not count as a try; after a crash the journal decides
where the run stands, and an attempt that was under way is looked up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from attrs import define, field

from states.lifecycle import Edge, Lifecycle
from states.verify.explore import Invariant, Kind, Line, Move, Path
from states.verify.invariants import invariant
from states.verify.options import Options

__all__ = ["INVARIANTS", "ExperimentStep", "ExperimentWorld", "Run"]


class Run(NamedTuple):
    """The true situation of one planned run.

    Attributes:
        state: of its table.
        tries: how many attempts count as tries.
        running: whether an attempt of it really runs.
        outcomes: how many outcomes the journal holds of it.
        session: whether a campaign is at work on it: ``on``, ``off`` between two sessions.
    """

    state: str
    tries: int = 0
    running: bool = False
    outcomes: int = 0
    session: bool = True

    def __str__(self) -> str:
        parts = [self.state, f"tries {self.tries}"]
        parts += ["an attempt runs"] * self.running
        parts += [f"outcomes {self.outcomes}"] * bool(self.outcomes)
        parts += ["no session"] * (not self.session)
        return "; ".join(parts)


class ExperimentStep(NamedTuple):
    """One move, as its invariants see it; see :class:`states.verify.situation.Step`."""

    before: Run
    after: Run
    edge: Edge | None
    facts: dict[str, bool]
    refused: str
    attempts: int
    final: frozenset[str]


@invariant
def one_outcome_and_no_more(step: ExperimentStep) -> bool:
    """Every run ends in exactly one recorded outcome: in a final state there is one, before it there is none."""
    if step.after.outcomes > 1:
        return False
    if step.before.state in step.final and step.after.state != step.before.state:
        return False
    return bool(step.after.outcomes) == (step.after.state in step.final)


@invariant
def attempts_are_bounded(step: ExperimentStep) -> bool:
    """A run is tried no more often than its retry policy allows."""
    return step.after.tries + step.after.running <= step.attempts


@invariant
def one_attempt_at_a_time(step: ExperimentStep) -> bool:
    """An attempt runs in the state `running` and in no other, one at a time."""
    return step.after.running == (step.after.state == "running") or not step.after.session


@invariant
def the_outcome_tells_what_was(step: ExperimentStep) -> bool:
    """A run is completed only if it succeeded, and skipped only if it was never tried."""
    after, edge = step.after, step.edge
    if edge is None or edge.target not in step.final:
        return True
    succeeded = edge.event == "exit" and step.facts.get("succeeded", False)
    wanted = {
        "completed": succeeded,
        "skipped": not after.tries,
        "failed": bool(after.tries) and not succeeded and edge.event != "vanish",
        "lost": edge.event == "vanish",
    }
    return wanted.get(edge.target, True)


@invariant
def what_may_be_tried_again_is(step: ExperimentStep) -> bool:
    """Where the policy allows another attempt, one is due; an interrupt leaves the run as it was before."""
    edge = step.edge
    if edge is None or edge.event not in ("exit", "vanish", "interrupt"):
        return True
    if edge.event == "interrupt":
        return edge.target == ("retrying" if step.facts["tried"] else "pending")
    again = step.facts["attempt_left"] and not step.facts.get("succeeded", False)
    return again == (edge.target == "retrying")


@invariant
def every_event_is_taken(step: ExperimentStep) -> bool:
    """No edge is taken that is not in the table, and the table has an edge for every event of a run."""
    return not step.refused


INVARIANTS: Final[tuple[Invariant, ...]] = (
    one_outcome_and_no_more,
    attempts_are_bounded,
    one_attempt_at_a_time,
    the_outcome_tells_what_was,
    what_may_be_tried_again_is,
    every_event_is_taken,
)


@define
class ExperimentWorld:
    """A model of one run.

    Args:
        lifecycle: its table: :data:`states.EXPERIMENT`, or one that extends it.
        attempts: how many tries the retry policy allows.
    """

    lifecycle: Lifecycle
    attempts: int = 3
    invariants: tuple[Invariant, ...] = INVARIANTS
    _options: Options = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._options = Options(self.lifecycle)

    @property
    def initial(self) -> Run:
        """Planned, not yet tried."""
        return Run(self.lifecycle.initial)

    @property
    def begins(self) -> str:
        """Describe the initial state."""
        return str(self.initial)

    def settled(self, now: Run) -> bool:
        """Whether it has its outcome."""
        return now.state in self.lifecycle.final and now.outcomes == 1

    def moves(self, now: Run) -> Iterator[tuple[Move, Run]]:
        """Everything that can happen next."""
        if not now.session:
            back = now._replace(session=True)
            if now.running:
                yield from self._ends(back, "the resumed campaign", "looks it up: ")
            else:
                yield self._move(now, back, "operator", "resumes the campaign", Kind.DUE)
            return
        if now.state in self.lifecycle.final:
            return
        yield self._move(
            now, now._replace(session=False), "world", "kills the controller", Kind.CHANCE
        )
        if now.running:
            yield from self._ends(now, "backend", "")
            after, facts = now._replace(running=False), {"tried": now.tries > 0}
            yield from self._fire(
                now,
                after,
                "interrupt",
                who="operator",
                what="interrupts",
                kind=Kind.ASKED,
                facts=facts,
            )
            return
        begun = now._replace(running=True)
        yield from self._fire(now, begun, "dispatch", who="campaign", what="dispatches it")
        why = "gives up: its backend is exhausted"
        yield from self._fire(now, now, "abandon", who="campaign", what=why)

    def tell(self, path: Path[Run]) -> list[Line]:
        """A path in words."""
        return [Line(move.who, "run", move.what, str(after)) for _, move, after in path]

    def _ends(self, now: Run, who: str, how: str) -> Iterator[tuple[Move, Run]]:
        """Its attempt ends."""
        after = now._replace(running=False, tries=now.tries + 1)
        left = after.tries < self.attempts
        for again in sorted({left, False}):  # not every ending is tried again
            another = ", another try is due" * again
            for succeeded in (False, True):
                what = f"{how}exit code {0 if succeeded else 1}{another}"
                facts = {"succeeded": succeeded, "attempt_left": again}
                yield from self._fire(now, after, "exit", who=who, what=what, facts=facts)
            what = f"{how}it went down with its container{another}"
            yield from self._fire(
                now, after, "vanish", who=who, what=what, facts={"attempt_left": again}
            )

    def _fire(
        self,
        now: Run,
        after: Run,
        event: str,
        *,
        who: str,
        what: str,
        kind: Kind = Kind.DUE,
        facts: dict[str, bool] | None = None,
    ) -> Iterator[tuple[Move, Run]]:
        known = facts or {}
        edges = self._options.of(now.state, event, known, latched=False)
        for edge in edges:
            settles = edge.target in self.lifecycle.final
            taken = after._replace(state=edge.target, outcomes=now.outcomes + settles)
            yield self._move(now, taken, who, what, kind, edge=edge, facts=known)
        if not edges:
            refused = f"{event}, which the table refuses"
            yield self._move(now, now, who, refused, kind, refused=event)

    def _move(
        self,
        now: Run,
        after: Run,
        who: str,
        what: str,
        kind: Kind,
        *,
        edge: Edge | None = None,
        facts: dict[str, bool] | None = None,
        refused: str = "",
    ) -> tuple[Move, Run]:
        final = self.lifecycle.final
        step = ExperimentStep(now, after, edge, facts or {}, refused, self.attempts, final)
        breaks = next((one for one in self.invariants if not one.holds(step)), None)
        return Move(who, "run", what, kind, breaks), after
