"""The state that a backend takes over from an earlier controller, together with its container."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from engine.backend.execution import Limits
from engine.policy import RestartHistory
from engine.runtimes.base import ExecRequest
from engine.util.clock import SetClock, uptime_s, utc_now

__all__ = ["Heritage", "UnderWay"]


@frozen
class UnderWay:
    """A command that an earlier controller handed over, and whose end is not recorded.

    Attributes:
        container_id: the container that it runs in, if it still does.
        begun_at: in UTC.
        begun_uptime_s: by :func:`engine.util.clock.uptime_s` of this boot; its limits count from then. None
            where that is not known: then from ``begun_at``.
    """

    request: ExecRequest
    limits: Limits
    container_id: str
    begun_at: datetime
    begun_uptime_s: float | None = None

    @property
    def clock(self) -> SetClock:
        """The clock that detects whether the date and time have been set since it began."""
        if self.begun_uptime_s is None:
            return SetClock()
        return SetClock(self.begun_at.timestamp() - self.begun_uptime_s)

    def ago_s(self) -> float:
        """How long ago it began, in seconds."""
        if self.begun_uptime_s is not None:
            return max(0.0, uptime_s() - self.begun_uptime_s)
        return max(0.0, (utc_now() - self.begun_at).total_seconds())


@frozen
class Heritage:
    """The state of a backend under an earlier controller. It counts if the container is adopted.

    Attributes:
        generation: how often the backend's container had been started.
        since_restart: how many commands that count had run in it since its last start.
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
