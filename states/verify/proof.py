"""The claims about a lifecycle, with a proof or a counterexample."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, Final, Generic, TypeVar

from attrs import frozen

from states.backend import BACKEND
from states.experiment import EXPERIMENT
from states.lifecycle import Lifecycle
from states.verify import experiment, invariants
from states.verify.counterexample import Counterexample
from states.verify.experiment import ExperimentWorld, Run
from states.verify.explore import Invariant, Kind, Model, Path, explore
from states.verify.fleet import TORN_DOWN, Fleet
from states.verify.fleet import State as FleetState
from states.verify.liveness import Ends, Liveness, unmet
from states.verify.own import Own, Position
from states.verify.world import World

__all__ = ["Proof", "Subject", "subjects"]

S = TypeVar("S", bound=Hashable)

BACKENDS: Final = 3
"""So many backends at most, unless asked for otherwise."""


@frozen
class Proof:
    """The result of an exploration.

    Attributes:
        subject: of what.
        claims: what was claimed.
        states: how many states can be reached; how many were explored, if a claim does not hold.
        edges: how many moves there are between them.
        counterexample: None where all claims hold.
    """

    subject: str
    claims: tuple[str, ...]
    states: int
    edges: int
    counterexample: Counterexample | None

    @property
    def holds(self) -> bool:
        """Whether all claims hold."""
        return self.counterexample is None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "subject": self.subject,
            "holds": self.holds,
            "claims": list(self.claims),
            "states": self.states,
            "edges": self.edges,
            "counterexample": self.counterexample and self.counterexample.to_dict(),
        }


@frozen
class Subject(Generic[S]):
    """Something that can be proved.

    Attributes:
        name: what it is, in words.
        model: what is explored.
        invariants: what holds in every state and at every move; the model checks them.
        liveness: what everything comes to.
    """

    name: str
    model: Model[S]
    invariants: tuple[Invariant, ...]
    liveness: tuple[Liveness[S], ...] = ()

    @property
    def claims(self) -> tuple[Invariant, ...]:
        """All of its claims."""
        return (*self.invariants, *(one.claim for one in self.liveness))

    def prove(self) -> Proof:
        """Explore all that can be reached, and check the claims."""
        found = explore(self.model)
        counterexample = None
        if found.broken is not None:
            claim, path = found.broken
            counterexample = self._counterexample(claim, path, "")
        else:
            for liveness in self.liveness:
                missed = unmet(liveness, self.model, found)
                if missed is not None:
                    why, path = missed
                    counterexample = self._counterexample(liveness.claim, path, why)
                    break
        names = tuple(claim.name for claim in self.claims)
        return Proof(self.name, names, len(found.parents), found.edges, counterexample)

    def _counterexample(self, claim: Invariant, path: Path[S], why: str) -> Counterexample:
        lines = tuple(self.model.tell(path))
        begin = self.model.begins
        return Counterexample(self.name, claim.name, claim.sentence, why, begin, lines)


def subjects(
    lifecycle: Lifecycle, own: Sequence[Invariant] = (), *, backends: int = BACKENDS
) -> Iterator[Subject[Any]]:
    """Yield what can be proved of a lifecycle.

    One that has all of a backend's states and events is proved within the world of backends,
    one that has all of an experiment's within that of a campaign; any other by its table alone.

    Args:
        own: further invariants; they are given the steps of that world.
        backends: how many backends at most.
    """
    if _extends(lifecycle, BACKEND):
        for size in range(1, backends + 1):
            yield _backends(lifecycle, tuple(own), size)
    elif _extends(lifecycle, EXPERIMENT):
        yield _experiment(lifecycle, tuple(own))
    else:
        yield _alone(lifecycle, tuple(own))


def _extends(lifecycle: Lifecycle, base: Lifecycle) -> bool:
    return all(
        getattr(lifecycle, kind).keys() >= getattr(base, kind).keys()
        for kind in ("states", "events")
    )


def _backends(lifecycle: Lifecycle, own: tuple[Invariant, ...], size: int) -> Subject[FleetState]:
    """Backends: one in every detail; several without results on their way, to keep the states countable."""
    known = (*invariants.INVARIANTS, *own)
    world = World(lifecycle, restarts=_RESTARTS.get(size, 1), fine=size == 1, invariants=known)
    fleet = Fleet(world, size)

    def each(check: Callable[..., bool]) -> Callable[[FleetState], bool]:
        return lambda state: all(check(now) for now in fleet.situations(state))

    liveness = (
        Liveness[FleetState](
            "a_stop_always_ends",
            "From every reachable state the teardown ends, with any faults of the backends meanwhile.",
            about=lambda state: state[0] == 1,
            counts=lambda move: move.kind is not Kind.ASKED,
            good=each(world.down),
        ),
        Liveness[FleetState](
            "everything_settles",
            "Once no more faults occur and no request comes, everything settles, however the"
            " calls under way end.",
            about=lambda state: state[0] == 0,
            counts=lambda move: move.kind is Kind.DUE,
            good=each(world.settled),
        ),
    )
    name = f"{lifecycle.name}, one of it" if size == 1 else f"{lifecycle.name}, {size} side by side"
    return Subject(name, fleet, (*known, TORN_DOWN), liveness if size == 1 else ())


_RESTARTS: Final = {1: 2, 2: 2}
"""How many restarts the budget has, by the number of backends; else one."""


def _experiment(lifecycle: Lifecycle, own: tuple[Invariant, ...]) -> Subject[Run]:
    known = (*experiment.INVARIANTS, *own)
    world = ExperimentWorld(lifecycle, invariants=known)
    liveness = Liveness[Run](
        "every_run_settles",
        "Once no user interrupts and no controller dies, every run comes to its outcome.",
        about=lambda _: True,
        counts=lambda move: move.kind is Kind.DUE,
        good=world.settled,
    )
    return Subject(f"{lifecycle.name}, one run", world, known, (liveness,))


def _alone(lifecycle: Lifecycle, own: tuple[Invariant, ...]) -> Subject[Position]:
    liveness: list[Liveness[Position]] = []
    latch = lifecycle.latch
    if latch is not None:
        liveness.append(
            Liveness(
                "a_stop_can_always_end",
                f"From every reachable state {latch.event} leads to"
                f" {' or '.join(sorted(latch.released)) or 'a state where it is over'}.",
                about=lambda _: True,
                counts=lambda move: move.kind is Kind.DUE,
                good=lambda now: now.state in latch.released and not now.latched,
                ends=Ends.CAN,
            )
        )
    if lifecycle.final:
        liveness.append(
            Liveness(
                "an_end_can_always_be_reached",
                f"From every reachable state one of {', '.join(sorted(lifecycle.final))} can be reached.",
                about=lambda _: True,
                counts=lambda _: True,
                good=lambda now: now.state in lifecycle.final,
                ends=Ends.CAN,
            )
        )
    return Subject(f"{lifecycle.name}, its table alone", Own(lifecycle, own), own, tuple(liveness))
