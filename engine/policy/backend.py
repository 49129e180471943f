"""How one backend is run."""

from __future__ import annotations

import enum
from collections.abc import Sequence

from attrs import evolve, field, frozen
from attrs.validators import ge, gt, optional

from engine.policy.health import HealthPolicy
from engine.policy.restart import RestartPolicy

__all__ = ["BackendPolicy", "KeepAlive", "sharing_gpus"]


class KeepAlive(enum.StrEnum):
    """Whether a command of dockwarden keeps a container up instead of the container's command."""

    AUTO = "auto"
    """Only where its own command is a bare shell or interpreter, or ends at once with exit code 0."""

    ALWAYS = "always"
    """Always: ``sleep infinity``."""

    NEVER = "never"
    """In no case."""


def _keep_alive(value: str | Sequence[str] | None) -> KeepAlive | tuple[str, ...]:
    if value is None:
        return KeepAlive.AUTO
    return KeepAlive(value) if isinstance(value, str) else tuple(value)


@frozen
class BackendPolicy:
    """How one backend is run.

    Attributes:
        restart: how often it may be restarted because of a fault.
        recover: whether a fault is acted on by itself; otherwise the backend stays ``unhealthy`` until
            the user asks for :meth:`~engine.backend.backend.Backend.recover`.
        ready_within_s: the readiness gate's deadline in seconds, from the container's start.
        stop_grace_s: how long a graceful end may take, in seconds; None for what the compose file says
            under ``stop_grace_period``.
        health: how often and how strictly it is checked.
        keep_alive: whether ``sleep infinity`` keeps the container up instead of its command; or the
            command that does. ``auto``, ``always``, ``never`` are the words for it, and None is ``auto``.
        through_entrypoint: whether experiments run through the entrypoint of its file or image, as
            ``docker compose run`` runs them.
    """

    restart: RestartPolicy = field(factory=RestartPolicy)
    recover: bool = True
    ready_within_s: float = field(default=300.0, validator=gt(0))
    stop_grace_s: float | None = field(default=None, validator=optional(ge(0)))
    health: HealthPolicy = field(factory=HealthPolicy)
    keep_alive: KeepAlive | tuple[str, ...] = field(default=KeepAlive.AUTO, converter=_keep_alive)
    through_entrypoint: bool = False


def sharing_gpus(policy: BackendPolicy) -> BackendPolicy:
    """The same, with memory let pass that other backends hold while experiments run in them."""
    health = policy.health
    return evolve(policy, health=evolve(health, gpu=evolve(health.gpu, shared=True)))
