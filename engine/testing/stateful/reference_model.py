"""A second reading of a table: row by row, without the code of the running machine."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define, field

from states import ANY, SAME, Lifecycle, Row

__all__ = ["Prediction"]


@define
class Prediction:
    """Follows one instance of a lifecycle by its rows alone.

    Attributes:
        state: the one that it must be in.
        latched: whether its latch must be up.
    """

    lifecycle: Lifecycle
    state: str = field(init=False)
    latched: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.state = self.lifecycle.initial

    def rows(self, event: str) -> list[Row]:
        """The rows that an event may take now, for all values of the facts."""
        latch = self.lifecycle.latch
        if latch is not None and self.latched != (event in latch.until):
            return []
        return [
            row
            for row in self.lifecycle.rows
            if row.event == event and (ANY in row.source or self.state in row.source)
        ]

    @property
    def events(self) -> list[str]:
        """The events that are not refused now."""
        return [event for event in self.lifecycle.events if self.rows(event)]

    def expect(self, event: str, facts: Mapping[str, bool]) -> tuple[str, str | None] | None:
        """The target and the action that an event must have now; None where it must be refused."""
        for row in self.rows(event):
            if row.guard(facts):
                return (self.state if row.target == SAME else row.target), row.action
        return None

    def take(self, event: str, target: str) -> None:
        """Go where an event leads."""
        latch = self.lifecycle.latch
        if latch is not None and event == latch.event:
            self.latched = self.state not in latch.released
        elif latch is not None and event in latch.until:
            self.latched = False
        self.state = target
