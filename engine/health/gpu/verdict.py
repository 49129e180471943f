"""The verdict on a GPU check: how fit the GPUs are, why, and what to try."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Final

from attrs import frozen

from engine.model.results import Fault

__all__ = ["OK", "Action", "Health", "Verdict"]


class Health(enum.Enum):
    """How fit the GPUs are, the worse the later."""

    OK = "ok"
    UNKNOWN = "unknown"
    FAILING = "failing"


class Action(enum.Enum):
    """Remedies to try, the more drastic the later."""

    NONE = "none"
    WAIT = "wait"
    """Another process holds the GPU: dispatch nothing, touch nothing, check again."""
    KILL_LEFTOVERS = "kill leftovers"
    """End what an experiment has left running in the container, then check again."""
    RESTART = "restart"
    RECREATE = "recreate"
    GIVE_UP = "give up"
    """No restart cures this."""


@frozen
class Verdict:
    """The verdict on one GPU check.

    Attributes:
        reason: what is so, and what to do next.
        ladder: what to try, one step after the other while the verdict stays the same; the last step
            stays the last.
        devices: the devices that the reason is about, by UUID where they have one.
    """

    health: Health
    reason: str
    ladder: tuple[Action, ...] = (Action.NONE,)
    devices: tuple[str, ...] = ()

    @property
    def action(self) -> Action:
        """The first thing to try."""
        return self.step(0)

    def step(self, tried: int) -> Action:
        """Return the next remedy when so many were tried in vain."""
        return self.ladder[min(tried, len(self.ladder) - 1)]

    def fault(self, tried: int = 0) -> Fault | None:
        """The step as a fault of the backend.

        Args:
            tried: how many steps of the ladder were in vain.

        Returns:
            None where the container is to be left alone: nothing to do, wait, or kill leftovers.
        """
        return _FAULTS[self.step(tried)](self.reason)


_FAULTS: Final[Mapping[Action, Callable[[str], Fault | None]]] = {
    Action.NONE: lambda _: None,
    Action.WAIT: lambda _: None,
    Action.KILL_LEFTOVERS: lambda _: None,
    Action.RESTART: Fault,
    Action.RECREATE: lambda reason: Fault(reason, recreate=True),
    Action.GIVE_UP: lambda reason: Fault(reason, curable=False),
}

OK: Final = Verdict(Health.OK, "OK")
"""Nothing is wrong."""
