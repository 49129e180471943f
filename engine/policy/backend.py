"""How one backend is run."""

from __future__ import annotations

from attrs import field, frozen
from attrs.validators import ge, gt, optional

from engine.policy.health import HealthPolicy
from engine.policy.restart import RestartPolicy

__all__ = ["BackendPolicy"]


@frozen
class BackendPolicy:
    """How one backend is run.

    Attributes:
        restart: how often it may be restarted because of a fault.
        recover: whether a fault is acted on by itself; otherwise the backend stays ``unhealthy`` until
            somebody asks for :meth:`~engine.backend.backend.Backend.recover`.
        ready_within_s: the readiness gate's deadline in seconds, from the container's start.
        stop_grace_s: how long a graceful end may take, in seconds; None for what the compose file says
            under ``stop_grace_period``.
        health: how closely it is looked at.
        keep_alive: a command that keeps the container up when its image has no long-running one; None to
            run the service's own command, if the file gives one, else ``sleep infinity``.
    """

    restart: RestartPolicy = field(factory=RestartPolicy)
    recover: bool = True
    ready_within_s: float = field(default=300.0, validator=gt(0))
    stop_grace_s: float | None = field(default=None, validator=optional(ge(0)))
    health: HealthPolicy = field(factory=HealthPolicy)
    keep_alive: tuple[str, ...] | None = None
