"""Errors about an event that is put to a table. A table that is not sound: :class:`states.LifecycleError`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["FactMissing", "StateError", "TransitionRefused"]


class StateError(Exception):
    """Base of everything that :mod:`states` raises. Crosses process boundaries."""

    def __reduce__(self) -> tuple[Any, ...]:
        # By default a copy is made by calling the class with the message alone, which the classes here do
        # not take: the error would break the process pool that it comes from.
        return restored, (type(self), self.args, self.__dict__)


def restored(
    kind: type[StateError], arguments: tuple[Any, ...], attributes: Mapping[str, Any]
) -> StateError:
    """The copy of an error, in another process."""
    error = kind.__new__(kind)
    error.args = arguments
    error.__dict__.update(attributes)
    return error


class TransitionRefused(StateError):
    """An event that the table does not allow here. Nothing has changed.

    Attributes:
        lifecycle: the name of the lifecycle.
        state: the state it was in.
        event: the event that was refused.
        allowed: the events that it would have taken.
        latched: whether it was refused because a stop is under way.
    """

    def __init__(
        self, lifecycle: str, state: str, event: str, allowed: Sequence[str], *, latched: bool
    ) -> None:
        self.lifecycle = lifecycle
        self.state = state
        self.event = event
        self.allowed = tuple(allowed)
        self.latched = latched
        why = ", which is being stopped" if latched else ""
        takes = ", ".join(self.allowed) or "no event at all"
        super().__init__(
            f"a {lifecycle} in state {state!r}{why} does not take the event {event!r}; it takes {takes}"
        )


class FactMissing(StateError):
    """A guard had to be evaluated and the caller left out a fact that it names. Nothing has changed."""

    def __init__(self, lifecycle: str, state: str, event: str, name: str) -> None:
        self.fact = name
        super().__init__(
            f"to take {event!r}, a {lifecycle} in state {state!r} has to know whether {name!r} holds;"
            f" pass it among the facts"
        )
