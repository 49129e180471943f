"""Check that everything ends that has to end.

Safety is about states that are never reached; liveness is about states that are. A graph is finite, so
"everything that is bound to happen comes to a good end" is a question about its shape: among the moves that are
bound to happen there is no way round in circles, and where none is left, the end is a good one. Then
every course of such moves is finite and ends well, in whichever order they come; nothing is asked of how
fairly they are chosen.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar

from attrs import frozen

from states.verify.explore import Exploration, Invariant, Model, Move, Path, path_to

__all__ = ["Ends", "Liveness", "unmet"]

S = TypeVar("S", bound=Hashable)


class Ends(enum.Enum):
    """The claim about the ends."""

    MUST = "must"
    """Every course of the moves that count is finite and ends well."""
    CAN = "can"
    """Some course of the moves that count leads to a good state."""


@frozen
class Liveness(Generic[S]):
    """From every state that it is about, the moves that count lead to a good end.

    Attributes:
        about: which states it is about; moves that leave them do not count.
        counts: which moves are bound to happen.
        good: whether a state is a good one to end in.
    """

    name: str
    sentence: str
    about: Callable[[S], bool]
    counts: Callable[[Move], bool]
    good: Callable[[S], bool]
    ends: Ends = Ends.MUST

    @property
    def claim(self) -> Invariant:
        """It as something that can be broken."""
        return Invariant(self.name, self.sentence, lambda: True)


def unmet(
    liveness: Liveness[S], model: Model[S], found: Exploration[S]
) -> tuple[str, Path[S]] | None:
    """Find the shortest path to a violation, with its reason; None where there is none."""
    onward: dict[S, list[tuple[Move, S]]] = {}
    back: dict[S, list[S]] = defaultdict(list)
    for state in filter(liveness.about, found.parents):
        onward[state] = [
            (move, after)
            for move, after in model.moves(state)
            if liveness.counts(move) and liveness.about(after)
        ]
        for _, after in onward[state]:
            back[after].append(state)
    if liveness.ends is Ends.CAN:
        able = _closure([state for state in onward if liveness.good(state)], back)
        lost = next((state for state in onward if state not in able), None)
        why = "no good end can be reached from here"
        return None if lost is None else (why, path_to(found.parents, lost))
    for state, moves in onward.items():  # in the order of discovery: the shortest way comes first
        if not moves and not liveness.good(state):
            why = "nothing more is bound to happen, and this is no good end"
            return why, path_to(found.parents, state)
    circling = _circling({state: len(moves) for state, moves in onward.items()}, back)
    return ("this can go round for ever", _lap(onward, circling, found)) if circling else None


def _closure(begin: list[S], back: Mapping[S, list[S]]) -> set[S]:
    """All from which one of the beginnings can be reached."""
    seen, todo = set(begin), list(begin)
    for state in todo:
        fresh = set(back[state]) - seen
        seen |= fresh
        todo += fresh
    return seen


def _circling(left: dict[S, int], back: Mapping[S, list[S]]) -> set[S]:
    """Find the states from which a cycle can be reached, by removing end states until none is left.

    Args:
        left: how many moves lead on from each state.
        back: the states before each, once for each such move.
    """
    ends = [state for state, count in left.items() if count == 0]
    for state in ends:
        for before in back[state]:
            left[before] -= 1
            if left[before] == 0:
                ends.append(before)
    return {state for state, count in left.items() if count > 0}


def _lap(onward: dict[S, list[tuple[Move, S]]], circling: set[S], found: Exploration[S]) -> Path[S]:
    """The path to a cycle, and once around it."""
    state = next(one for one in found.parents if one in circling)
    first: dict[S, int] = {}
    walked: list[tuple[S, Move, S]] = []
    while state not in first:
        first[state] = len(walked)
        move, after = next((m, a) for m, a in onward[state] if a in circling)
        walked.append((state, move, after))
        state = after
    begin = walked[first[state]][0]
    return (*path_to(found.parents, begin), *walked[first[state] :])
