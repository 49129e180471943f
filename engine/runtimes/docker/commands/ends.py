"""The ends of execs and the deaths of containers, as the engine's events tell them, or a look shows.

The engine announces an end by its ``exec_die`` event; after a gap in the event stream everything is inspected
instead. Podman's events do not say which exec has ended, and come only once it is inspected: until an
engine has announced an end, execs are inspected now and then.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import docker.errors
from attrs import frozen

from engine.errors import ContainerLost
from engine.runtimes.base import Container
from engine.runtimes.docker.daemon.client import ENGINE_ERRORS, Calls
from engine.util.futures import forget

__all__ = ["Ends", "Forgotten"]

_ANNOUNCED_S: Final = 0.3
"""How often an exec is inspected on an engine that has not announced the end of one yet."""

_UNKNOWN: Final[dict[str, Any]] = {"Running": False, "ExitCode": None}
"""An exec that the engine does not know any more."""


class Forgotten(Exception):
    """The engine does not know an exec any more, and its container runs on. Stays within the runtime."""


@frozen(eq=False)
class _Pending:
    """An exec that is waited for.

    Attributes:
        ended: its exit code, or None when its container went away.
        started: whether it has been started for certain.
        known: whether the engine knows of it; else only the death of its container is waited for.
    """

    container: Container
    ended: asyncio.Future[int | None]
    started: bool = True
    known: bool = True


class Ends:
    """Tells when execs have ended, and containers have died.

    Args:
        calls: the way to the engine.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._pending: dict[str, _Pending] = {}
        self._checks: set[asyncio.Task[None]] = set()
        self._announces = False

    def on_event(self, event: Mapping[str, Any]) -> None:
        """Take in an event of the engine's.

        One that does not say which command has ended, or how, only makes us look.
        """
        actor = event["Actor"]
        attributes: Mapping[str, str] = actor.get("Attributes", {})
        if event["Action"] == "exec_die":
            exec_id, exit_code = attributes.get("execID"), attributes.get("exitCode")
            if exec_id is not None and exit_code is not None:
                self._announces = True
                self.resolve(exec_id, int(exit_code))
            else:
                self._look_at(actor["ID"])
        elif event["Action"] in ("die", "destroy"):
            for exec_id, pending in list(self._pending.items()):
                if pending.container.id == actor["ID"]:
                    self.resolve(exec_id, None)

    def on_blind(self) -> None:
        """Inspect everything that is waited for: its end may have been missed."""
        self._look_at(None)

    def _look_at(self, container_id: str | None) -> None:
        """Inspect what is waited for in a container; in all of them where it is None."""
        for exec_id, pending in self._pending.items():
            if container_id in (None, pending.container.id):
                check = asyncio.create_task(self.check(exec_id))
                self._checks.add(check)
                check.add_done_callback(self._checks.discard)

    async def wait(
        self,
        container: Container,
        exec_id: str,
        start: Callable[[], Awaitable[None]] | None = None,
    ) -> int:
        """Wait for the end of an exec.

        Args:
            start: starts it, once its end is waited for; None where it runs already, or has ended.

        Raises:
            ContainerLost: its container went away.
            Forgotten: the engine has forgotten it.
        """
        ended: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._pending[exec_id] = _Pending(container, ended, started=start is None)
        try:
            if start is not None:
                await start()
                self._pending[exec_id] = _Pending(container, ended)
            else:
                await self.check(exec_id)
            while not (self._announces or ended.done()):
                await asyncio.wait({ended}, timeout=_ANNOUNCED_S)
                await self.check(exec_id)
            exit_code = await ended
        finally:
            del self._pending[exec_id]
            if ended.done():  # the start may have said the same
                forget(ended)
        if exit_code is None:
            raise ContainerLost(container.service, "its container went away under what ran in it")
        return exit_code

    @contextmanager
    def death(self, container: Container, watch: str) -> Iterator[asyncio.Future[int | None]]:
        """Yield a future that is done once a container has died.

        Args:
            watch: by which name it is waited for; one for each who waits.
        """
        death: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._pending[watch] = _Pending(container, death, known=False)
        try:
            yield death
        finally:
            del self._pending[watch]

    async def runs(self, container: Container, *, awake: bool = False) -> bool | None:
        """Whether the container runs as it was started; None where the engine does not say.

        Args:
            awake: whether a container that is paused does not count as one that runs.
        """
        try:
            found = await self._calls(lambda client: client.inspect_container(container.id))
        except docker.errors.NotFound:
            return False
        except ENGINE_ERRORS:
            return None
        state = found["State"]
        if awake and state.get("Paused", False):
            return False
        return bool(state["Running"]) and state["StartedAt"] == container.started_at

    async def check(self, exec_id: str) -> None:
        """Look whether an exec that is waited for has ended."""
        pending = self._pending.get(exec_id)
        if pending is None:
            return
        if not pending.known:
            if await self.runs(pending.container) is False:
                self.resolve(exec_id, None)
            return
        with contextlib.suppress(*ENGINE_ERRORS):  # no answer: the stream's next gap brings us back
            try:
                found = await self._calls(lambda client: client.exec_inspect(exec_id))
            except docker.errors.NotFound:
                found = _UNKNOWN
            if not found["Running"] and found["ExitCode"] is None:
                if not pending.started and found is not _UNKNOWN:
                    return
                # The engine forgets its execs when it restarts, or how they stand. What ran in a container
                # that still runs may run on; the engine's next gap brings us back, if it does not say now.
                match await self.runs(pending.container):
                    case False:
                        self.resolve(exec_id, None)
                    case True if exec_id in self._pending and not pending.ended.done():
                        pending.ended.set_exception(Forgotten())
                        forget(pending.ended)  # perhaps no caller waits any more
            elif not found["Running"]:
                self.resolve(exec_id, found["ExitCode"])

    def resolve(self, exec_id: str, exit_code: int | None) -> None:
        """Take note of the end of an exec.

        Args:
            exit_code: None where its container went away.
        """
        pending = self._pending.get(exec_id)
        if pending is not None and not pending.ended.done():
            pending.ended.set_result(exit_code)
