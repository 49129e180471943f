"""Explore a model breadth first, until every state is known or an invariant breaks.

A model is a state to begin with and, for each state, the moves that can follow. States are values that
can be hashed. Since the exploration goes breadth first, what leads to a broken invariant is as short as
it can be.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from attrs import frozen

__all__ = [
    "Exploration",
    "Invariant",
    "Kind",
    "Line",
    "Model",
    "Move",
    "Path",
    "explore",
    "path_to",
]

S = TypeVar("S", bound=Hashable)


class Kind(enum.Enum):
    """Whether a move has to happen."""

    DUE = "due"
    """It is bound to happen: the engine's own step, or the end of a call, whichever way that goes."""
    ASKED = "asked"
    """A user may ask for it, or never."""
    CHANCE = "chance"
    """A fault: it may happen at any time, or never."""


@frozen
class Invariant:
    """A condition that holds in every state, or at every move.

    Attributes:
        name: a word for it.
        sentence: what it says.
        holds: given what the model says about a move, whether it holds.
    """

    name: str
    sentence: str
    holds: Callable[..., bool]


class Move(NamedTuple):
    """Something that can happen; the same one may lead on from many states.

    Attributes:
        who: who does it.
        whom: to whom; empty where that is the model's to say.
        what: in words.
        breaks: the invariant that does not hold at this move or in the state that it leads to.
    """

    who: str
    whom: str
    what: str
    kind: Kind
    breaks: Invariant | None = None


class Line(NamedTuple):
    """One move of a path, in words: who did what to whom, and the state afterwards."""

    who: str
    whom: str
    what: str
    then: str


Path = Sequence[tuple[S, Move, S]]


class Model(Protocol[S]):
    """A model that can be explored."""

    @property
    def initial(self) -> S:
        """The state it begins in."""

    @property
    def begins(self) -> str:
        """Describe that state."""

    def moves(self, state: S) -> Iterable[tuple[Move, S]]:
        """Yield every move that can happen in a state, with the state that it leads to."""

    def tell(self, path: Path[S]) -> list[Line]:
        """A path from the initial state in words."""


@frozen
class Exploration(Generic[S]):
    """All states that can be reached, or the shortest path to a broken invariant.

    Attributes:
        parents: each state that was reached, with the state and the move that it was reached by first.
        edges: how many moves were explored.
        broken: the invariant that breaks, and the path there; None where all hold everywhere.
    """

    parents: Mapping[S, tuple[S, Move] | None]
    edges: int
    broken: tuple[Invariant, Path[S]] | None = None


def explore(model: Model[S]) -> Exploration[S]:
    """Explore every state that can be reached."""
    parents: dict[S, tuple[S, Move] | None] = {model.initial: None}
    todo = [model.initial]
    edges = 0
    for state in todo:
        for move, after in model.moves(state):
            edges += 1
            if move.breaks is not None:
                path = (*path_to(parents, state), (state, move, after))
                return Exploration(parents, edges, (move.breaks, path))
            if after not in parents:
                parents[after] = (state, move)
                todo.append(after)  # what is appended while it is gone through is gone through too
    return Exploration(parents, edges)


def path_to(parents: Mapping[S, tuple[S, Move] | None], state: S) -> tuple[tuple[S, Move, S], ...]:
    """Return the path by which a state was reached first: one of the shortest."""
    path = []
    while (came := parents[state]) is not None:
        before, move = came
        path.append((before, move, state))
        state = before
    return tuple(reversed(path))
