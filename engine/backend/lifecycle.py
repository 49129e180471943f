"""A lifecycle together with the functions that carry out its own actions and report its own facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from attrs import field, frozen

from engine.errors import InputError
from states import BACKEND, Lifecycle

if TYPE_CHECKING:
    from engine.backend.backend import Effect, Fact

__all__ = ["BackendLifecycle"]


@frozen
class BackendLifecycle:
    """The lifecycle that backends are run by: :data:`states.BACKEND`, or an extension of it.

    Args:
        table: the states and transitions.
        effects: a function for each action that the extension adds, by the action's name.
        facts: a function for each fact that the extension adds, by the fact's name.

    Raises:
        InputError: the table lacks something of :data:`states.BACKEND`, or an action or a fact that it adds
            has no function.

    Example:
        >>> async def cool_down(backend):
        ...     await fans_are_quiet()
        ...     return "cooled"
        >>> COOLING = BackendLifecycle(cooling_table, effects={"cool": cool_down})  # doctest: +SKIP
    """

    table: Lifecycle = BACKEND
    effects: Mapping[str, Effect] = field(factory=dict)
    facts: Mapping[str, Fact] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        table = self.table
        self._require("states", BACKEND.states.keys() - table.states.keys())
        self._require("events", BACKEND.events.keys() - table.events.keys())
        self._supplied("actions", table.actions.keys() - BACKEND.actions.keys(), self.effects)
        self._supplied("facts", table.facts.keys() - BACKEND.facts.keys(), self.facts)

    def _require(self, kind: str, missing: set[str]) -> None:
        if missing:
            raise InputError(
                f"the lifecycle {self.table.name!r} lacks {kind} that the engine uses:"
                f" {', '.join(sorted(missing))}; extend the built-in table: states.BACKEND.extend(...)"
            )

    def _supplied(self, kind: str, named: set[str], functions: Mapping[str, object]) -> None:
        argument = "effects" if kind == "actions" else kind
        if missing := named - functions.keys():
            raise InputError(
                f"the lifecycle {self.table.name!r} has {kind} without a function:"
                f" {', '.join(sorted(missing))}; pass one for each in {argument}"
            )
        if unknown := functions.keys() - named:
            raise InputError(
                f"{argument} has {', '.join(sorted(unknown))}, but the lifecycle {self.table.name!r} adds"
                f" no such {kind}; it adds: {', '.join(sorted(named)) or 'none'}"
            )
