"""Runtimes with a fault each, as one's own may have it: the harness is to find them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from attrs import evolve

from engine.runtimes.base import Container, ExecRequest, ExecResult
from engine.runtimes.simulated import SimulatedRuntime

__all__ = ["ForgetsTheNetwork", "LeavesItsContainer", "ReadyTooEarly", "RunsTwoAtOnce"]


class LeavesItsContainer(SimulatedRuntime):
    """Takes the answer to a removal for the removal: the container is still there."""

    async def remove(self, service: str, *, grace_s: float) -> None:
        """Asks for it, and does not look."""


class ReadyTooEarly(SimulatedRuntime):
    """Takes a container that has been started for one that is ready: its health check is not asked."""

    async def gate(self, container: Container) -> None:
        """Lets everything through."""


class RunsTwoAtOnce(SimulatedRuntime):
    """Sends a command again because the first answer takes long, while the first one runs."""

    async def execute(self, container: Container, request: ExecRequest) -> ExecResult:
        """Runs it, and then again."""
        again = evolve(request, id=f"{request.id}-again", folder=_beside(request.folder))
        second = asyncio.create_task(super().execute(container, again))
        try:
            return await super().execute(container, request)
        finally:
            second.cancel()


class ForgetsTheNetwork(SimulatedRuntime):
    """Leaves the project's network behind."""

    async def sweep(self) -> dict[str, str]:
        """Removes nothing, and says that all is well."""
        return {}


def _beside(folder: Path) -> Path:
    again = folder.with_name(f"{folder.name}-again")
    again.mkdir(exist_ok=True)
    return again
