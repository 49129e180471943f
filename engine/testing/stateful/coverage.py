"""The coverage of a table: its edges, the outcomes of its guards, and its pairs of edges.

What can be covered at all follows from the table, its latch, and which facts can be true together. What
the world around it rules out besides is declared, with the reason, and held to: it must not be seen.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from attrs import define, field, frozen

from states import Edge, Lifecycle
from states.guard import assignments

__all__ = ["BEGINNING", "Coverage", "Facts", "Never", "Way"]

BEGINNING: Final = ""
"""Stands for what comes before the first edge."""

Facts = Mapping[str, bool]
"""The value of each fact of a lifecycle."""


@frozen
class Never:
    """A pair of edges that the table allows and that cannot be.

    Attributes:
        first: an edge as the table writes it, ``source --event--> target``, or a pattern with ``*``;
            :data:`BEGINNING` for an edge that cannot be the first one.
        then: the edge after it, likewise.
        why: the reason, in words.
    """

    first: str
    then: str
    why: str

    def rules_out(self, first: str, then: str) -> bool:
        """Whether it is about this pair."""
        return fnmatchcase(first, self.first) and fnmatchcase(then, self.then)


class _Position(NamedTuple):
    """The position of a run through the table; its last edge gives its state."""

    last: Edge | None
    latched: bool


Way = tuple[tuple[Edge, Facts], ...]
"""Edges to be taken one after the other, each with facts under which it is."""


@define(eq=False)
class Coverage:
    """Keeps account of what has been taken of a lifecycle's table.

    Args:
        lifecycle: the table.
        cases: the values that its facts can have together; None for any.
        never: the pairs of edges that cannot be, and why.

    Attributes:
        seen: how often each edge, guard outcome and pair was seen, in words.
    """

    lifecycle: Lifecycle
    cases: Sequence[Facts] | None = None
    never: Sequence[Never] = ()
    seen: dict[str, Counter[str]] = field(init=False)
    _ways: dict[tuple[str, str], Way] = field(factory=dict, init=False)
    _feasible: dict[str, dict[str, None]] = field(init=False)
    _before: str = field(default=BEGINNING, init=False)

    def __attrs_post_init__(self) -> None:
        self.seen = {sort: Counter() for sort in _SORTS}
        self._explore()

    # What can be

    @property
    def facts(self) -> tuple[Facts, ...]:
        """The values that the facts can have together."""
        if self.cases is not None:
            return tuple(self.cases)
        return tuple(assignments(frozenset(self.lifecycle.facts)))

    def _explore(self) -> None:
        """Go breadth first over (last edge, latch), and note the way to each pair of edges."""
        feasible: dict[str, dict[str, None]] = {sort: {} for sort in _SORTS}
        start = _Position(None, latched=False)
        ways: dict[_Position, Way] = {start: ()}
        todo = deque([start])
        while todo:
            now = todo.popleft()
            first = BEGINNING if now.last is None else str(now.last)
            for edge, facts in self._onward(now):
                then = str(edge)
                way = (*ways[now], (edge, facts))
                feasible[EDGES][then] = None
                if now.last is not None:
                    feasible[PAIRS][f"{first}, {then}"] = None
                    self._ways.setdefault((PAIRS, f"{first}, {then}"), way)
                for outcome, decisive in self._outcomes(edge):
                    feasible[OUTCOMES][outcome] = None
                    self._ways.setdefault((OUTCOMES, outcome), (*ways[now], (edge, decisive)))
                latched = self.lifecycle.latched_after(edge, latched=now.latched)
                after = _Position(edge, latched)
                if after not in ways:
                    ways[after] = way
                    todo.append(after)
        self._feasible = feasible

    def _onward(self, now: _Position) -> Iterator[tuple[Edge, Facts]]:
        state = self.lifecycle.initial if now.last is None else now.last.target
        first = BEGINNING if now.last is None else str(now.last)
        for edge in self.lifecycle.edges:
            if edge.source != state or not self.lifecycle.admits(edge.event, latched=now.latched):
                continue
            if any(one.rules_out(first, str(edge)) for one in self.never):
                continue
            facts = next((one for one in self.facts if edge.guard(one)), None)
            if facts is not None:
                yield edge, facts

    def _outcomes(self, edge: Edge) -> Iterator[tuple[str, Facts]]:
        """Yield the possible values of the facts that decide about an edge's event."""
        for facts in self.facts:
            if edge.guard(facts):
                for outcome in _told(self.lifecycle, edge, facts):
                    yield outcome, facts

    # What was

    def begin(self) -> None:
        """Another course begins."""
        self._before = BEGINNING

    def took(self, edge: Edge, facts: Facts) -> None:
        """Take in an edge that was taken, and the facts that decided about it."""
        then = str(edge)
        self.seen[EDGES][then] += 1
        if self._before != BEGINNING:
            self.seen[PAIRS][f"{self._before}, {then}"] += 1
        for outcome in _told(self.lifecycle, edge, facts):
            self.seen[OUTCOMES][outcome] += 1
        self._before = then

    @property
    def missing(self) -> dict[str, list[str]]:
        """List what can be covered and was not; empty lists if all was."""
        return {
            sort: [what for what in self._feasible[sort] if what not in self.seen[sort]]
            for sort in _SORTS
        }

    @property
    def denied(self) -> list[str]:
        """List what was seen and should be impossible: a wrong claim, or a wrong machine."""
        return [
            what for sort in _SORTS for what in self.seen[sort] if what not in self._feasible[sort]
        ]

    @property
    def whole(self) -> bool:
        """Whether all that can be was seen, and nothing else."""
        return not any(self.missing.values()) and not self.denied

    def ways(self) -> Iterator[Way]:
        """For each pair and outcome that was not seen, as it comes to its turn: the shortest way to it."""
        for (sort, what), way in self._ways.items():
            if what not in self.seen[sort]:
                yield way

    def require_whole(self) -> None:
        """Raise unless all that can be was seen, and nothing else.

        Raises:
            AssertionError: it names what is missing.
        """
        if self.whole:
            return
        lines = [f"the coverage of {self.lifecycle.name} is not whole:"]
        for sort, missing in self.missing.items():
            lines += [f"  never seen, of its {sort}: {what}" for what in missing]
        lines += [f"  seen, and said never to be: {what}" for what in self.denied]
        raise AssertionError("\n".join(lines))

    def table(self) -> str:
        """Describe the coverage, as lines of text."""
        lines = [f"{self.lifecycle.name:<24} {'can be':>8} {'covered':>8} {'times':>8}"]
        for sort in _SORTS:
            feasible, seen = self._feasible[sort], self.seen[sort]
            covered = sum(1 for what in feasible if what in seen)
            lines.append(f"  {sort:<22} {len(feasible):>8} {covered:>8} {seen.total():>8}")
        for sort, missing in self.missing.items():
            lines += [f"  missing of its {sort}: {what}" for what in missing]
        lines += [f"  never: {_pair(one)}: {one.why}" for one in self.never]
        return "\n".join(lines)


EDGES: Final = "edges"
OUTCOMES: Final = "guard outcomes"
PAIRS: Final = "pairs of edges"
_SORTS: Final = (EDGES, OUTCOMES, PAIRS)


def _told(lifecycle: Lifecycle, edge: Edge, facts: Facts) -> Iterator[str]:
    """In words, the value of each fact that decided about an edge."""
    rivals = lifecycle.table[edge.source, edge.event]
    for name in sorted(frozenset[str]().union(*(rival.guard.names for rival in rivals))):
        yield f"{edge.source} --{edge.event}: {name} is {str(facts[name]).lower()}"


def _pair(never: Never) -> str:
    return f"{never.first or 'at first'}, {never.then}"
