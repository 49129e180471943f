"""How often containers were started again: because of faults, and because that was asked for."""

from __future__ import annotations

from collections import Counter
from typing import Final

from attrs import define, field

from engine.model.results import Transition

__all__ = ["Restarts"]

_OF_A_FAULT: Final = "recover"


@define(eq=False)
class Restarts:
    """Counts restarts by backend, as its transitions tell of them."""

    _faults: Counter[str] = field(factory=Counter, init=False)
    _renewals: Counter[str] = field(factory=Counter, init=False)

    def take(self, transition: Transition) -> None:
        """Take in a transition."""
        if transition.action == "relaunch":
            of_a_fault = transition.event == _OF_A_FAULT
            (self._faults if of_a_fault else self._renewals)[transition.backend] += 1

    def because_of_faults(self, backend: str) -> int:
        """How often a backend's container was started again because something was wrong."""
        return self._faults[backend]

    def on_request(self, backend: str) -> int:
        """How often it was started again, or recreated, for its runs."""
        return self._renewals[backend]
