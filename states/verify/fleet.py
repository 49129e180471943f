"""Several backends under one controller, which takes all of them down together.

A backend changes nothing of another one. They share the controller: during a teardown it takes no other
requests, and the teardown is over once every backend is done. Identical backends are interchangeable: a
state lists the situations of its backends in sorted order, which
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, product

from attrs import define, field

from states.verify.explore import Invariant, Kind, Line, Move, Path
from states.verify.situation import Situation
from states.verify.world import World

__all__ = ["Fleet", "State"]

State = tuple[int, ...]
"""Whether everything is being taken down (0 or 1), then the number of each backend's situation, sorted."""

NAMES = ("alpha", "beta", "gamma", "delta")

TORN_DOWN = Invariant(
    "every_backend_is_stopped_or_named",
    "After teardown every backend is stopped, or named in the error.",
    lambda: True,
)


@define
class Fleet:
    """A model of identical backends.

    Args:
        world: the world around each of them.
        size: how many there are.
    """

    world: World
    size: int
    _numbers: dict[Situation, int] = field(factory=dict, init=False)
    _situations: list[Situation] = field(factory=list, init=False)
    _onward: dict[tuple[int, int], list[tuple[Move, int]]] = field(factory=dict, init=False)

    @property
    def initial(self) -> State:
        """All stopped."""
        return (0, *[self._number(self.world.initial)] * self.size)

    @property
    def begins(self) -> str:
        """Describe the initial state."""
        return str(self.world.initial) if self.size == 1 else self._summary(list(self.initial[1:]))

    def situations(self, state: State) -> list[Situation]:
        """Return the situation of each backend in a state."""
        return [self._situations[number] for number in state[1:]]

    def moves(self, state: State) -> Iterator[tuple[Move, State]]:
        """Yield every move that can happen, with the state that it leads to."""
        down = state[0]
        before = None
        for place in range(1, len(state)):
            number = state[place]
            if number == before:
                continue  # what its twin can do it can do as well, and that leads to the same
            before = number
            rest = state[1:place] + state[place + 1 :]
            for move, after in self._moves_of(down, number):
                yield move, (down, *sorted((*rest, after)))
        if not down:
            for asked in product(*(self._after_all(down, number) for number in state[1:])):
                yield _TEARDOWN, (1, *sorted(asked))
        elif all(self.world.over(self._situations[number]) for number in state[1:]):
            yield self._down(state)

    def tell(self, path: Path[State]) -> list[Line]:
        """A path in words, with a name for each backend."""
        lines = []
        now = [self._number(self.world.initial)] * self.size
        for before, move, after in path:
            if move.who == "controller":
                ways = product(*(self._after_all(before[0], number) for number in now))
                now = next(list(way) for way in ways if sorted(way) == list(after[1:]))
                lines.append(Line(move.who, "", move.what, self._summary(now)))
                continue
            place, number = next(
                (place, number)
                for place, old in enumerate(now)
                for made, number in self._moves_of(before[0], old)
                if made == move
                and sorted((*now[:place], number, *now[place + 1 :])) == list(after[1:])
            )
            now[place] = number
            lines.append(Line(move.who, NAMES[place], move.what, str(self._situations[number])))
        return lines

    def _down(self, state: State) -> tuple[Move, State]:
        """The teardown is over."""
        there = [now for now in self.situations(state) if now.state != "stopped"]
        if any(not self.world.down(now) for now in there):
            move = Move("controller", "", "the teardown returns", Kind.DUE, TORN_DOWN)
        elif there:
            move = _RAISES
        else:
            move = _RETURNS
        return move, (0, *sorted(self._unasked(number) for number in state[1:]))

    def _after_all(self, down: int, number: int) -> list[int]:
        """Return what a backend may be once the controller begins or ends the teardown."""
        if down:
            return [self._unasked(number)]
        if self.world.fine:  # a separate move asks each
            return [number]
        return [after for move, after in self._moves_of(1, number) if move.who == "teardown"]

    def _moves_of(self, down: int, number: int) -> list[tuple[Move, int]]:
        key = (down, number)
        if key not in self._onward:
            moves = self.world.moves(self._situations[number], teardown=bool(down))
            self._onward[key] = [(move, self._number(after)) for move, after in moves]
        return self._onward[key]

    def _unasked(self, number: int) -> int:
        return self._number(self._situations[number]._replace(asked=False))

    def _number(self, situation: Situation) -> int:
        number = self._numbers.setdefault(situation, len(self._situations))
        if number == len(self._situations):
            self._situations.append(situation)
        return number

    def _summary(self, numbers: list[int]) -> str:
        states = (self._situations[number].state for number in numbers)
        return ", ".join(f"{len(list(same))} {state}" for state, same in groupby(sorted(states)))


_TEARDOWN = Move("controller", "", "begins to take everything down", Kind.ASKED)
_RETURNS = Move("controller", "", "the teardown returns", Kind.DUE)
_RAISES = Move("controller", "", "the teardown raises, and names what is left", Kind.DUE)
