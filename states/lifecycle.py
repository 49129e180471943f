"""A lifecycle: a table that is known to be sound.

A :class:`Lifecycle` names its states, events, facts and actions, each with one line of meaning, and lists its
rows. It is validated when it is built (see :mod:`states.validation`), so a lifecycle that exists is sound.
Everything else in the project is derived from it, the running machine included.

Example:
    >>> door = Lifecycle(
    ...     name="door",
    ...     states={"shut": "no passage", "open": "free passage"},
    ...     initial="shut",
    ...     events={"push": "the door is pushed"},
    ...     rows=[Row("shut", "push", "open"), Row("open", "push", "shut")],
    ... )
    >>> door.decide("shut", "push").target
    'open'
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from attrs import evolve, frozen

from states.errors import StateError, restored
from states.table import ANY, SAME, Edge, Latch, Row, Table
from states.validation import validate

__all__ = ["ANY", "SAME", "Edge", "Latch", "Lifecycle", "LifecycleError", "Row"]


class LifecycleError(StateError):
    """A table is not sound.

    Attributes:
        lifecycle: its name.
        findings: what is wrong, one sentence each; a finding about a row names the row.
        refused: the table itself, if it names only what it declares. :mod:`states.verify` uses it to show what
            the findings lead to. It is not sound: do not run it. A copy in another process lacks it.
    """

    def __init__(
        self, lifecycle: str, findings: Sequence[str], *, refused: Lifecycle | None = None
    ) -> None:
        self.lifecycle = lifecycle
        self.findings = tuple(findings)
        self.refused = refused
        listed = "".join(f"\n  - {finding}" for finding in self.findings)
        super().__init__(f"the lifecycle {lifecycle!r} is not sound:{listed}")

    def __reduce__(self) -> tuple[Any, ...]:
        return restored, (type(self), self.args, {**self.__dict__, "refused": None})


@frozen(slots=False, repr=False)
class Lifecycle(Table):
    """A validated, immutable table of states and rows; see :class:`~states.table.Table` for its attributes.

    Raises:
        LifecycleError: the table is not sound. Every finding names its row.
    """

    def __attrs_post_init__(self) -> None:
        findings = validate(self)
        if findings.names:
            raise LifecycleError(self.name, findings.names)
        if findings.structure:
            raise LifecycleError(self.name, findings.structure, refused=self)

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
        """A new lifecycle with more in it, validated as a whole.

        Facts and actions that no remaining row names are left out.

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
