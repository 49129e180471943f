"""The running machine: a lifecycle compiled to the ``transitions`` library.

One plain, unqueued :class:`transitions.Machine` is compiled from a table and shared by all that run on
it; each of them is an :class:`Instance`, which holds nothing but its state and the latch. Nothing here
waits, locks or calls out: the owner of an instance serialises its events and does what the taken edge's
action names, after the transition and outside of it.

The table decides which edge an event takes; the library carries it out, and refuses on its own account
any event that the table does not allow.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from transitions import EventData
from transitions import Machine as TransitionsMachine

from states import Edge, FactMissing, Lifecycle, TransitionRefused

__all__ = ["Instance", "Machine"]

_NO_FACTS: Final[Mapping[str, bool]] = MappingProxyType({})


class _Model:
    """The model that the library moves. It is never handed out: its attributes are writable."""

    __slots__ = ("facts", "latched", "state", "taken")

    def __init__(self, state: str) -> None:
        self.state = state
        self.latched = False
        self.facts: Mapping[str, bool] = _NO_FACTS
        self.taken: Edge | None = None


class Machine:
    """A lifecycle, compiled once and shared by all its instances.

    Args:
        lifecycle: the table.
    """

    def __init__(self, lifecycle: Lifecycle) -> None:
        self.lifecycle = lifecycle
        # Unqueued: a queue shared by all models loses accepted events when a callback raises.
        # No model is registered, so that none grows the library's convenience methods.
        self._machine = TransitionsMachine(
            model=None,
            states=list(lifecycle.states),
            initial=lifecycle.initial,
            transitions=[_compiled(lifecycle, edge) for edge in lifecycle.edges],
            auto_transitions=False,
            queued=False,
            send_event=True,
        )

    def instance(self) -> Instance:
        """A new instance, in the initial state."""
        return Instance(self)

    def fire(self, model: _Model, event: str, facts: Mapping[str, bool]) -> Edge:
        """Take the edge that the table allows; only an :class:`Instance` calls this."""
        triggers = self._machine.events.get(event)
        if triggers is None or model.state not in triggers.transitions:
            raise self._refusal(model, event)
        model.taken, model.facts = None, facts
        try:
            triggers.trigger(model)
        except KeyError as missing:
            raise FactMissing(
                self.lifecycle.name, model.state, event, str(missing.args[0])
            ) from None
        finally:
            model.facts = _NO_FACTS
        taken: Edge | None = model.taken
        if taken is None:
            raise self._refusal(model, event)
        return taken

    def _refusal(self, model: _Model, event: str) -> TransitionRefused:
        allowed = self.lifecycle.allowed(model.state, latched=model.latched)
        return TransitionRefused(
            self.lifecycle.name, model.state, event, allowed, latched=model.latched
        )


def _model(event: EventData) -> _Model:
    model = event.model
    assert isinstance(model, _Model)
    return model


def _compiled(lifecycle: Lifecycle, edge: Edge) -> dict[str, Any]:
    """The library's form of an edge: the latch and its guard as a condition, the record as callback."""

    def allowed(event: EventData) -> bool:
        model = _model(event)
        admitted = lifecycle.admits(edge.event, latched=model.latched)
        return admitted and edge.guard(model.facts)

    def took(event: EventData) -> None:
        model = _model(event)
        model.latched = lifecycle.latched_after(edge, latched=model.latched)
        model.taken = edge

    return {
        "trigger": edge.event,
        "source": edge.source,
        "dest": edge.target,
        "conditions": allowed,
        "after": took,
    }


class Instance:
    """One thing that lives through a lifecycle. Not thread-safe: its owner serialises events."""

    __slots__ = ("_machine", "_model")

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._model = _Model(machine.lifecycle.initial)

    @property
    def lifecycle(self) -> Lifecycle:
        """The table it lives by."""
        return self._machine.lifecycle

    def anew(self) -> Instance:
        """Another instance of the same lifecycle, in the initial state."""
        return self._machine.instance()

    @property
    def state(self) -> str:
        """The state it is in; only :meth:`fire` changes it."""
        return self._model.state

    @property
    def latched(self) -> bool:
        """Whether the latch is up: a stop is under way."""
        return self._model.latched

    def fire(self, event: str, facts: Mapping[str, bool] = _NO_FACTS) -> Edge:
        """Take the one edge that ``event`` leads along.

        Args:
            facts: the value of each fact that the guards in question name.

        Returns:
            the edge; what its action names is the caller's to do.

        Raises:
            TransitionRefused: the table does not allow it here; nothing has changed.
            FactMissing: a guard names a fact that ``facts`` lacks; nothing has changed.
        """
        return self._machine.fire(self._model, event, facts)

    def __repr__(self) -> str:
        latch = ", latched" if self.latched else ""
        return f"<{self.lifecycle.name} {self.state}{latch}>"
