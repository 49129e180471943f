"""The edges that a table may take where some facts are unknown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import define, field

from states.guard import assignments
from states.lifecycle import Edge, Lifecycle

__all__ = ["Options"]

_Key = tuple[str, str, tuple[tuple[str, bool], ...], bool]


@define
class Options:
    """The edges that an event can take, for all values of the unknown facts.

    A table that was refused when it was built can be asked as well: where no guard holds, no edge is
    taken; where several hold, each of them.
    """

    lifecycle: Lifecycle
    _known: dict[_Key, tuple[Edge, ...]] = field(factory=dict, init=False)

    def of(
        self, state: str, event: str, facts: Mapping[str, bool], *, latched: bool
    ) -> tuple[Edge, ...]:
        """The edges that ``event`` may take from ``state``.

        Args:
            facts: those that are known.
            latched: whether the latch is up.
        """
        key = (state, event, tuple(sorted(facts.items())), latched)
        if key not in self._known:
            self._known[key] = tuple(dict.fromkeys(self._edges(state, event, facts, latched)))
        return self._known[key]

    def _edges(
        self,
        state: str,
        event: str,
        facts: Mapping[str, bool],
        latched: bool,  # noqa: FBT001
    ) -> Iterator[Edge]:
        if not self.lifecycle.admits(event, latched=latched):
            return
        edges = self.lifecycle.table.get((state, event), ())
        names = frozenset[str]().union(*(edge.guard.names for edge in edges))
        for free in assignments(names - facts.keys()):
            yield from (edge for edge in edges if edge.guard({**free, **facts}))
