"""Starting execs, each once, also where the engine goes away meanwhile."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

import docker.errors

from engine.errors import ContainerLost, ExecFailed, RuntimeFault
from engine.runtimes.base import Container
from engine.runtimes.docker.commands.ends import Ends, Forgotten
from engine.runtimes.docker.daemon.client import ENGINE_ERRORS, Calls, said

__all__ = ["Starts", "Unheard"]

_START_CALLS: Final = 3
"""How often an exec is started whose start was not heard."""


class Unheard(Forgotten):
    """The engine went away while an exec was to start, and does not say whether it did."""


class Starts:
    """Creates execs and starts them.

    Args:
        calls: the way to the engine.
        ends: tells how they end.
    """

    def __init__(self, calls: Calls, ends: Ends) -> None:
        self._calls = calls
        self._ends = ends

    async def run(self, container: Container, argv: Sequence[str], user: str | None) -> int:
        """Create an exec, start it and wait for its end; see :meth:`begin`."""
        try:
            exec_id = await self.create(container, argv, user=user)
        except ENGINE_ERRORS as error:
            raise await self.failure(container, error) from error
        return await self.begin(container, exec_id)

    async def create(
        self,
        container: Container,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        user: str | None = None,
        working_dir: str | None = None,
    ) -> str:
        """Create an exec; it does not run yet.

        Args:
            environment: of the command, besides the container's own.
            user: who runs it; None for the container's user.
            working_dir: where it runs; None for the container's own.

        Returns:
            its id.
        """
        created = await self._calls(
            lambda client: client.exec_create(
                container.id,
                list(argv),
                environment=dict(environment or {}),
                user=user or "",
                workdir=working_dir,
                stdout=False,
                stderr=False,
            ),
            repeatable=True,  # what is created does not run
        )
        return str(created["Id"])

    async def begin(self, container: Container, exec_id: str) -> int:
        """Start an exec and wait for its end.

        Raises:
            ExecFailed: it could not be started.
            ContainerLost: its container went away.
            Unheard: the engine went away before it said that it runs.
            Forgotten: the engine has forgotten it.
        """
        try:
            return await self._ends.wait(
                container, exec_id, partial(self._start, container, exec_id)
            )
        except ENGINE_ERRORS as error:
            raise await self.failure(container, error) from error

    async def _start(self, container: Container, exec_id: str) -> None:
        """Start an exec, once: an engine does not start what runs already, or has run.

        Raises:
            ContainerLost: it is not known whether it runs; nothing else may be started beside it.
            Unheard: the engine has been restarted meanwhile.
        """
        began_ns = time.time_ns()
        for left in reversed(range(_START_CALLS)):
            try:
                await self._calls(lambda client: client.exec_start(exec_id, detach=True))
            except docker.errors.APIError as error:
                again = left < _START_CALLS - 1
                if again and await self._was_heard(container, exec_id):
                    return  # a call before was heard after all
                if await self._went_away(container, error, began_ns):
                    raise Unheard from error
                raise
            except ENGINE_ERRORS:
                if await self._was_heard(container, exec_id):
                    return
                if not left:
                    if self._calls.patience.away_since(began_ns):
                        raise Unheard from None
                    raise
            else:
                return

    async def _went_away(
        self, container: Container, error: docker.errors.APIError, began_ns: int
    ) -> bool:
        """Whether an exec was refused by an engine that was on its way out, or came after it."""
        if isinstance(error, docker.errors.NotFound):
            return await self._ends.runs(container) is True
        if not error.is_server_error():
            return False
        await self._calls.knock()
        return self._calls.patience.away_since(began_ns)

    async def _was_heard(self, container: Container, exec_id: str) -> bool:
        """Whether an exec was started by a call that was cut off.

        Raises:
            ContainerLost: it is not known.
            Unheard: the engine has been restarted meanwhile.
        """
        try:
            found = await self._calls(lambda client: client.exec_inspect(exec_id))
        except ENGINE_ERRORS as error:
            forgotten = isinstance(error, docker.errors.NotFound)
            if forgotten and await self._ends.runs(container):
                raise Unheard from error
            reason = f"the engine does not say whether its command runs: {said(error)}"
            raise ContainerLost(container.service, reason) from error
        if not found["Running"] and found["ExitCode"] is None:
            return False
        if found["ExitCode"] == 0 and not await self._tells_unstarted(container):
            reason = "the engine does not say whether its command has run"
            raise ContainerLost(container.service, reason)
        if not found["Running"]:
            self._ends.resolve(exec_id, found["ExitCode"])
        return True

    async def _tells_unstarted(self, container: Container) -> bool:
        """Whether the engine tells an exec that has never been started from one that has succeeded."""
        try:
            exec_id = await self.create(container, ["true"])
            found = await self._calls(lambda client: client.exec_inspect(exec_id))
        except ENGINE_ERRORS:
            return False
        return found["ExitCode"] is None

    async def failure(self, container: Container, error: Exception) -> RuntimeFault:
        """Judge the failure to create or start an exec."""
        reason = said(error)
        if await self._ends.runs(container, awake=True) is not True:
            return ContainerLost(container.service, f"its container does not run: {reason}")
        if "/bin/sh" in reason:
            reason += "; dockwarden needs /bin/sh in the image to run experiments in it"
        return ExecFailed(container.service, f"the command could not be started: {reason}")
