"""The declaration language: a lifecycle is a table.

A :class:`Lifecycle` names its states, events, facts and actions, each with one line of meaning, and
lists its rows. It is checked when it is built (see :mod:`states.checks`), so a lifecycle that exists
is sound; everything else in the project, the running machine included, is derived from it.

Example:
    >>> door = Lifecycle(
    ...     name="door",
    ...     states={"shut": "nobody passes", "open": "everybody passes"},
    ...     initial="shut",
    ...     events={"push": "somebody leans on it"},
    ...     rows=[Row("shut", "push", "open"), Row("open", "push", "shut")],
    ... )
    >>> door.decide("shut", "push").target
    'open'
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Final

from attrs import evolve, field, frozen

from states.checks import check
from states.errors import FactMissing, LifecycleError, TransitionRefused
from states.guard import ALWAYS, Guard

__all__ = ["ANY", "SAME", "Edge", "Latch", "Lifecycle", "Row"]

ANY: Final = "*"
"""As a row's source: every state of the lifecycle."""

SAME: Final = "="
"""As a row's target: the state that the row starts from."""


def _sources(value: str | Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _names(value: Iterable[str]) -> frozenset[str]:
    return frozenset(value)


def _rows(value: Iterable[Row]) -> tuple[Row, ...]:
    return tuple(value)


def _meanings(value: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(value))


@frozen
class Row:
    """One line of the table.

    Attributes:
        source: a state, several states, or :data:`ANY`.
        event: what happens.
        target: the state it leads to, or :data:`SAME`.
        guard: when the row may be taken; among the rows of one state and event, exactly one guard
            must hold, whatever the facts.
        action: the name of what is to be done once the row has been taken, or None.
        doc: one line of documentation.
    """

    source: tuple[str, ...] = field(converter=_sources)
    event: str
    target: str
    guard: Guard = field(default=ALWAYS, kw_only=True)
    action: str | None = field(default=None, kw_only=True)
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

    Once ``event`` has been taken, every event is refused until one of ``until`` is taken; those are
    taken at no other time. A second ``event`` is refused like any other: who asks again waits for the
    first to end.

    Attributes:
        event: the event that raises the latch.
        until: the events that lower it.
        released: the states in which there is nothing to wait for, so that ``event`` taken there does
            not raise the latch.
    """

    event: str
    until: frozenset[str] = field(converter=_names)
    released: frozenset[str] = field(converter=_names)


@frozen(slots=False, repr=False)
class Lifecycle:
    """A checked, immutable table of states and rows.

    Attributes:
        name: what it is the lifecycle of.
        states: each state and its meaning.
        initial: the state it begins in.
        events: each event and its meaning.
        rows: the table.
        facts: each fact that guards name, and its meaning.
        actions: each action that rows name, and its meaning.
        final: the states with no way out, in which an instance may rest for ever.
        trouble: the states that mean that something went wrong; diagrams tell them apart, and with them
            the ways in (faults) and the ways out (recoveries).
        latch: the event that always wins, if there is one.

    Raises:
        LifecycleError: the table is not sound. Every finding names its row.
    """

    name: str
    states: Mapping[str, str] = field(converter=_meanings)
    initial: str
    events: Mapping[str, str] = field(converter=_meanings)
    rows: tuple[Row, ...] = field(converter=_rows)
    facts: Mapping[str, str] = field(factory=dict, converter=_meanings)
    actions: Mapping[str, str] = field(factory=dict, converter=_meanings)
    final: frozenset[str] = field(factory=frozenset, converter=_names)
    trouble: frozenset[str] = field(factory=frozenset, converter=_names)
    latch: Latch | None = None
    doc: str = ""

    def __attrs_post_init__(self) -> None:
        check(self)

    def __repr__(self) -> str:
        return f"<Lifecycle {self.name}: {len(self.states)} states, {len(self.rows)} rows>"

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

    def extend(
        self,
        *,
        name: str | None = None,
        states: Mapping[str, str] = MappingProxyType({}),
        events: Mapping[str, str] = MappingProxyType({}),
        facts: Mapping[str, str] = MappingProxyType({}),
        actions: Mapping[str, str] = MappingProxyType({}),
        trouble: Iterable[str] = (),
        rows: Iterable[Row] = (),
        without: Iterable[tuple[str, str]] = (),
    ) -> Lifecycle:
        """A new lifecycle with more in it, checked as a whole.

        Facts and actions of this one that none of its rows names any more are not taken over.

        Args:
            without: the (state, event) pairs whose edges are taken out first, so that ``rows`` can put
                others in their place.

        Raises:
            LifecycleError: the extended table is not sound, or ``without`` names an edge that is not
                there.
        """
        kept = (*_without(self, frozenset(without)), *rows)
        named = {fact for row in kept for fact in row.guard.names}
        done = {row.action for row in kept}
        return evolve(
            self,
            name=self.name if name is None else name,
            states={**self.states, **states},
            events={**self.events, **events},
            facts={fact: doc for fact, doc in self.facts.items() if fact in named} | dict(facts),
            actions={one: doc for one, doc in self.actions.items() if one in done} | dict(actions),
            trouble=self.trouble.union(trouble),
            rows=kept,
        )


def _without(lifecycle: Lifecycle, dropped: frozenset[tuple[str, str]]) -> tuple[Row, ...]:
    """The rows of ``lifecycle`` less the dropped (state, event) pairs."""
    unknown = sorted(dropped - lifecycle.table.keys())
    if unknown:
        raise LifecycleError(
            lifecycle.name,
            [f"without names {state} --{event}, which no row has" for state, event in unknown],
        )
    kept: list[Row] = []
    for row in lifecycle.rows:
        every = tuple(lifecycle.states) if row.source == (ANY,) else row.source
        sources = tuple(source for source in every if (source, row.event) not in dropped)
        if sources == every:
            kept.append(row)
        elif sources:
            kept.append(evolve(row, source=sources))
    return tuple(kept)
