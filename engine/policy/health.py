"""Health checks of a backend: how often, and how strictly."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import TYPE_CHECKING

from attrs import field, frozen
from attrs.validators import ge, gt

from engine.policy.gpu import GpuPolicy
from engine.policy.readiness import Ready

if TYPE_CHECKING:
    from engine.model.spec import Project
    from engine.policy.backend import BackendPolicy

__all__ = ["HealthChecks", "HealthPolicy", "unchecked"]


class HealthChecks(enum.StrEnum):
    """The runner of a service's health check: the engine or dockwarden, and when."""

    PAUSED = "paused"
    """dockwarden: often while it starts, then at the check's interval, and never while a command runs in it."""

    ALWAYS = "always"
    """dockwarden, and at the check's interval while a command runs in it as well."""

    ENGINE = "docker"
    """The engine by its own rules, and while a command runs in it as well."""


@frozen
class HealthPolicy:
    """How often and how strictly a backend is checked, while no experiment runs in it (but see ``checks``).

    Attributes:
        checks: who runs the health check of its service.
        ready: what it has to answer before it counts as ready.
        ready_command: the older way to write ``ready.command``.
        look_at_gpus: whether its GPUs are checked; None: if the service reserves some.
        gpu: how strictly they are judged.
        every_s: how often it is checked while it is idle, in seconds.
        again_s: how soon it is checked again after a check that found something, in seconds.
        look_within_s: how long one check may take, in seconds.
        wait_for_others_s: how long a dispatch waits while others hold the GPUs' memory, in seconds.
    """

    checks: HealthChecks = HealthChecks.PAUSED
    ready: Ready = field(factory=Ready)
    ready_command: tuple[str, ...] | None = None
    look_at_gpus: bool | None = None
    gpu: GpuPolicy = field(factory=GpuPolicy)
    every_s: float = field(default=30.0, validator=gt(0))
    again_s: float = field(default=1.0, validator=gt(0))
    look_within_s: float = field(default=30.0, validator=gt(0))
    wait_for_others_s: float = field(default=600.0, validator=ge(0))


def unchecked(project: Project, policies: Mapping[str, BackendPolicy]) -> frozenset[str]:
    """The services whose health check dockwarden runs, and not the engine."""
    default = HealthPolicy()
    health = {name: policies[name].health for name in policies}
    return frozenset(
        name
        for name in project.services
        if health.get(name, default).checks is not HealthChecks.ENGINE
    )
