"""What can be wrong with a table, and with an event that is put to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from states.lifecycle import Lifecycle

__all__ = ["FactMissing", "LifecycleError", "StateError", "TransitionRefused"]


class StateError(Exception):
    """Base of everything that :mod:`states` raises."""


class LifecycleError(StateError):
    """A table is not sound.

    Attributes:
        lifecycle: its name.
        findings: what is wrong, one sentence each; a finding about a row names the row.
        refused: the table itself, where all names in it are known: :mod:`states.verify` shows by it what
            the findings lead to. It is not sound: do not run it.
    """

    def __init__(
        self, lifecycle: str, findings: Sequence[str], *, refused: Lifecycle | None = None
    ) -> None:
        self.lifecycle = lifecycle
        self.findings = tuple(findings)
        self.refused = refused
        listed = "".join(f"\n  - {finding}" for finding in self.findings)
        super().__init__(f"the lifecycle {lifecycle!r} is not sound:{listed}")


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
