"""What a backend takes over from an earlier controller, together with its container."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

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
        restarts_ago_s: how long ago it was restarted because of faults, in seconds.
        forgiven: how many of these restarts a long healthy time has made good.
        under_way: what may still run in it.
    """

    generation: int = 1
    since_restart: int = 0
    restart_cause: str | None = None
    restarts_ago_s: tuple[float, ...] = ()
    forgiven: int = 0
    under_way: UnderWay | None = None

    def history(self, now_s: float) -> RestartHistory:
        """Its restarts as its budget counts them, by the clock that shows ``now_s``."""
        return RestartHistory(tuple(now_s - ago_s for ago_s in self.restarts_ago_s), self.forgiven)
