"""The parts of a lifecycle's table: rows, the edges that they stand for, and the latch.

A :class:`Table` accepts unsound rows too. Only a :class:`~states.lifecycle.Lifecycle` is known to be sound.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Final

from attrs import field, frozen
from attrs.converters import optional

from states.errors import FactMissing, TransitionRefused
from states.guard import ALWAYS, Guard

__all__ = ["ANY", "SAME", "Edge", "Latch", "Row", "Table"]

ANY: Final = "*"
"""As a row's source: every state of the lifecycle."""

SAME: Final = "="
"""As a row's target: the state that the row starts from."""

# Names may be given as members of a StrEnum; the table holds plain text, which messages and journals show.


def _sources(value: str | Iterable[str]) -> tuple[str, ...]:
    return (str(value),) if isinstance(value, str) else tuple(map(str, value))


def _names(value: Iterable[str]) -> frozenset[str]:
    return frozenset(map(str, value))


def _rows(value: Iterable[Row]) -> tuple[Row, ...]:
    return tuple(value)


def _meanings(value: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType({str(name): meaning for name, meaning in value.items()})


@frozen
class Row:
    """One line of the table.

    Attributes:
        source: a state, several states, or :data:`ANY`.
        event: what happens.
        target: the state it leads to, or :data:`SAME`.
        guard: when the row may be taken. Of the rows of one state and event exactly one guard must hold,
            for all values of the facts.
        action: the name of what is to be done once the row has been taken, or None.
        doc: one line of documentation.
    """

    source: tuple[str, ...] = field(converter=_sources)
    event: str = field(converter=str)
    target: str = field(converter=str)
    guard: Guard = field(default=ALWAYS, kw_only=True)
    action: str | None = field(default=None, kw_only=True, converter=optional(str))
    doc: str = field(default="", kw_only=True)

    def __str__(self) -> str:
        guard = "" if self.guard is ALWAYS else f" [{self.guard}]"
        action = "" if self.action is None else f" / {self.action}"
        return f"{', '.join(self.source)} --{self.event}{guard}--> {self.target}{action}"


@frozen
class Edge:
    """A row as it applies to one state: what a machine takes and a journal records.

    Attributes:
        row: the index of the row that it comes from.
    """

    source: str
    event: str
    target: str
    guard: Guard
    action: str | None
    doc: str
    row: int

    def __str__(self) -> str:
        guard = "" if self.guard is ALWAYS else f" [{self.guard}]"
        return f"{self.source} --{self.event}{guard}--> {self.target}"


@frozen
class Latch:
    """An event that always wins.

    Once ``event`` has been taken, every event is refused until one of ``until`` is taken. Those are taken at
    no other time. A second ``event`` is refused like any other: a second caller waits for the first stop.

    Attributes:
        event: the event that raises the latch.
        until: the events that lower it.
        released: the states in which there is nothing to wait for, so that ``event`` does not raise the
            latch there.
    """

    event: str = field(converter=str)
    until: frozenset[str] = field(converter=_names)
    released: frozenset[str] = field(converter=_names)


@frozen(slots=False, repr=False)
class Table:
    """A table of states and rows, sound or not.

    Attributes:
        name: what it is the lifecycle of.
        states: each state and its meaning.
        initial: the state it begins in.
        events: each event and its meaning.
        rows: the table.
        facts: each fact that guards name, and its meaning.
        actions: each action that rows name, and its meaning.
        final: the states with no way out, in which an instance may rest for ever.
        trouble: the states that mean that something went wrong. Diagrams mark them, the ways in (faults) and
            the ways out (recoveries).
        latch: the event that always wins, if there is one.
    """

    name: str
    states: Mapping[str, str] = field(converter=_meanings)
    initial: str = field(converter=str)
    events: Mapping[str, str] = field(converter=_meanings)
    rows: tuple[Row, ...] = field(converter=_rows)
    facts: Mapping[str, str] = field(factory=dict, converter=_meanings)
    actions: Mapping[str, str] = field(factory=dict, converter=_meanings)
    final: frozenset[str] = field(factory=frozenset, converter=_names)
    trouble: frozenset[str] = field(factory=frozenset, converter=_names)
    latch: Latch | None = None
    doc: str = ""

    def __repr__(self) -> str:
        size = f"{len(self.states)} states, {len(self.rows)} rows"
        return f"<{type(self).__name__} {self.name}: {size}>"

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """The rows, one edge for each state that they start from, in the table's order."""
        return tuple(
            Edge(
                source=source,
                event=row.event,
                target=source if row.target == SAME else row.target,
                guard=row.guard,
                action=row.action,
                doc=row.doc,
                row=index,
            )
            for index, row in enumerate(self.rows)
            for source in (self.states if row.source == (ANY,) else row.source)
        )

    @cached_property
    def table(self) -> Mapping[tuple[str, str], tuple[Edge, ...]]:
        """The edges of each (state, event)."""
        table: dict[tuple[str, str], tuple[Edge, ...]] = {}
        for edge in self.edges:
            key = (edge.source, edge.event)
            table[key] = (*table.get(key, ()), edge)
        return MappingProxyType(table)

    def admits(self, event: str, *, latched: bool) -> bool:
        """Whether the latch, up or down, lets ``event`` through."""
        return self.latch is None or (event in self.latch.until) == latched

    def allowed(self, state: str, *, latched: bool = False) -> tuple[str, ...]:
        """The events that ``state`` takes, in the table's order."""
        events = dict.fromkeys(edge.event for edge in self.edges if edge.source == state)
        return tuple(event for event in events if self.admits(event, latched=latched))

    def decide(
        self,
        state: str,
        event: str,
        facts: Mapping[str, bool] = MappingProxyType({}),
        *,
        latched: bool = False,
    ) -> Edge:
        """The one edge that ``event`` takes from ``state``.

        Args:
            facts: the value of each fact that the guards of this state and event name.
            latched: whether the latch is up.

        Raises:
            TransitionRefused: the table has no such edge, or the latch forbids it.
            FactMissing: a guard names a fact that ``facts`` lacks.
        """
        edges = self.table.get((state, event), ())
        if not edges or not self.admits(event, latched=latched):
            raise TransitionRefused(
                self.name, state, event, self.allowed(state, latched=latched), latched=latched
            )
        try:
            return next(edge for edge in edges if edge.guard(facts))
        except KeyError as missing:
            raise FactMissing(self.name, state, event, str(missing.args[0])) from None

    def latched_after(self, edge: Edge, *, latched: bool) -> bool:
        """Whether the latch is up once ``edge`` has been taken."""
        if self.latch is None:
            return False
        if edge.event == self.latch.event:
            return edge.source not in self.latch.released
        return latched and edge.event not in self.latch.until
