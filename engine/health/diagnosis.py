"""From what inspection shows of a container to what is wrong with it."""

from __future__ import annotations

from typing import Final

from engine.errors import ContainerLost, RuntimeFault
from engine.model.results import Fault
from engine.runtimes.base import Container, Observation, Runtime

__all__ = ["judge", "post_mortem"]

_SIGKILLED: Final = 137
"""128 + SIGKILL."""


def judge(observation: Observation | None, container: Container) -> Fault | None:
    """Whether a container that was proved ready is still fit.

    Args:
        observation: what inspection shows of the service now.
        container: what was proved ready.

    Returns:
        what is wrong with it, or None.
    """
    if observation is None:
        return Fault("its container is gone: another process removed it", recreate=True, quote=True)
    if observation.container.id != container.id:
        return Fault("another container has taken its place", recreate=True)
    if not observation.running:
        return Fault(_death(observation), quote=not observation.engine_restarted)
    if observation.paused:
        return Fault("its container was paused from outside", recreate=True)
    if observation.container.started_at != container.started_at:
        return Fault("its container was restarted from outside, so its readiness is not proved")
    if observation.health == "unhealthy":
        return Fault("its health check fails", quote=True)
    return None


async def post_mortem(runtime: Runtime, container: Container, lost: ContainerLost) -> Fault:
    """Diagnose why a container was lost, by inspection; else use the reason of the failed call."""
    try:
        fault = judge(await runtime.inspect(container.service), container)
    except RuntimeFault:
        fault = None
    return fault or Fault(lost.reason)


def _death(observation: Observation) -> str:
    if observation.oom_killed:
        return "its container was killed by the kernel for want of memory (OOM)"
    if observation.engine_restarted:
        code = observation.exit_code
        return f"its container ended when its engine was restarted (exit code {code})"
    if observation.exit_code == _SIGKILLED:
        return "its container was killed from outside (exit code 137, no OOM)"
    return f"its container's main process ended (exit code {observation.exit_code})"
