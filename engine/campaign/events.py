"""The events of a campaign, for its listeners."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from engine.campaign.runs.attempt_record import AttemptRecord
from engine.campaign.runs.plan import PlannedRun
from engine.model.results import Transition

__all__ = [
    "Adopted",
    "AttemptEnded",
    "AttemptReattached",
    "AttemptStarted",
    "Event",
    "Listener",
    "Pausing",
    "RunSettled",
]


@frozen
class Adopted:
    """A backend took over the container that a dead controller had left."""

    backend: str
    container_id: str


@frozen
class AttemptReattached:
    """An attempt outlived the controller that began it; its end is waited for."""

    run: PlannedRun
    attempt: int


@frozen
class AttemptStarted:
    """An attempt was handed to its backend."""

    run: PlannedRun
    attempt: int


@frozen
class AttemptEnded:
    """An attempt ended and is recorded.

    Attributes:
        retry: whether another attempt of the run is due.
    """

    run: PlannedRun
    record: AttemptRecord
    retry: bool


@frozen
class RunSettled:
    """A run came to its outcome: completed, failed, lost or skipped."""

    run: PlannedRun
    state: str
    reason: str


@frozen
class Pausing:
    """Nothing runs for a while before ``run``.

    Attributes:
        pause_s: for how long, at most, in seconds.
        reason: why, where it is not simply one of the campaign's pauses.
    """

    run: PlannedRun
    pause_s: float
    reason: str = ""


Event = (
    Adopted | AttemptReattached | AttemptStarted | AttemptEnded | RunSettled | Pausing | Transition
)
Listener = Callable[[Event], None]
