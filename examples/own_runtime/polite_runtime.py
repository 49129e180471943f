"""A custom runtime: local processes at a low priority, so that a shared machine stays usable."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from engine.ownership.owner import Owner
from engine.runtimes.base import Cleanup, Container, ExecRequest, ExecResult, Runtime
from engine.runtimes.process import ProcessRuntime
from engine.runtimes.provider import RuntimeProvider, RuntimeRequest
from engine.runtimes.registry import provider


class PoliteRuntime(ProcessRuntime):
    """Runs each command under ``nice``."""

    name = "polite"

    @property
    def cleanup(self) -> Cleanup:
        """Let the watchdog call :meth:`PoliteProvider.remove_owned`."""
        return evolve(super().cleanup, runtime=self.name)

    async def execute(self, container: Container, request: ExecRequest) -> ExecResult:
        """Run a command; see :meth:`engine.runtimes.base.Runtime.execute`."""
        polite = ("nice", "-n", "10", *request.command)
        return await super().execute(container, evolve(request, command=polite))


class PoliteProvider(RuntimeProvider):
    """Tells dockwarden its name, how to make it, and what to remove after a SIGKILL."""

    name = "polite"
    cleans_up = True

    def create(self, request: RuntimeRequest) -> Runtime:
        """Make a runtime for one project."""
        return PoliteRuntime(request.project, keep_alive=request.keep_alive)

    def remove_owned(self, owner: Owner, *, grace_s: float) -> Sequence[str]:
        """End the processes of an owner that has died: those are marked as the process runtime marks them."""
        return provider("process").remove_owned(owner, grace_s=grace_s)
