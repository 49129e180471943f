"""What a backend takes over from an earlier controller, together with its container."""

from __future__ import annotations

from datetime import datetime

from attrs import field, frozen

from engine.dispatch import Limits
from engine.policy import RestartHistory
from engine.runtimes.base import ExecRequest

__all__ = ["Heritage", "UnderWay"]


@frozen
class UnderWay:
    """A command that an earlier controller handed over, and whose end nobody has recorded.

    Attributes:
        container_id: the container that it runs in, if it still does.
        begun_at: in UTC; its limits count from then.
    """

    request: ExecRequest
    limits: Limits
    container_id: str
    begun_at: datetime


@frozen
class Heritage:
    """What an earlier controller knew of a backend. It counts if the container is adopted.

    Attributes:
        generation: how often the backend's container had been started.
        since_restart: how many commands had run in it since its last start.
        restart_cause: why it was last restarted; None if it never was.
        history: the restarts that count against its budget, in seconds of this controller's clock.
        under_way: what may still run in it.
    """

    generation: int = 1
    since_restart: int = 0
    restart_cause: str | None = None
    history: RestartHistory = field(factory=RestartHistory)
    under_way: UnderWay | None = None
