"""Commands in simulated containers: begun by a call, and known to have ended by the daemon's event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

from attrs import frozen

from engine.errors import CommandLost, ContainerLost, ExecFailed, RuntimeFault
from engine.model.results import Span
from engine.runtimes.base import Container, ExecRequest, ExecResult
from engine.runtimes.simulated.connection import Line
from engine.runtimes.simulated.daemon import GONE, DaemonError, Happened
from engine.runtimes.simulated.faults import Strikes
from engine.runtimes.simulated.output import Nowhere, Output, OutputFolder
from engine.runtimes.simulated.processes import KILLED, TERMINATED, Order, Process
from engine.runtimes.simulated.programs import ends_tree

__all__ = ["Execs"]

_VERIFY_S: Final = 30.0
_DEATH_S: Final = 2.0
_AGAIN_S: Final = 1.0
_LOOK_EVERY_S: Final = 30.0
_TRIES: Final = 5

_BY_SIGNAL: Final = frozenset({TERMINATED, KILLED})


@frozen(eq=False)
class _Pending:
    container: Container
    ended: asyncio.Future[int | None]
    output: Output | None


class Execs:
    """Starts commands and tells when they have ended.

    Args:
        line: the way to the daemon.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._pending: dict[str, _Pending] = {}
        self._checks: set[asyncio.Task[None]] = set()
        self._killed: set[str] = set()

    async def execute(
        self,
        container: Container,
        request: ExecRequest,
        order: Order,
        output: Output,
        at: Strikes,
    ) -> ExecResult:
        """Run a request's command; see :meth:`Runtime.execute`.

        Args:
            at: what it is an opportunity for.
        """

        def begun(process: Process) -> None:
            process.on_end(lambda: _note(process, output))
            self._line.opportunity(at, process)

        request.before()
        try:
            exit_code = await self._run(container, order, begun, output)
            by_itself = request.id not in self._killed or not _signalled(order.process)
            noted = output.noted()
            if noted is not None:
                return ExecResult(noted, _span(order.process), by_itself)
            if exit_code == KILLED and request.id not in self._killed:
                await self._await_death(container, request)
        except ContainerLost as lost:
            noted = output.noted()
            if noted is not None and not _signalled(order.process):
                lost.ended = ExecResult(noted, _span(order.process))
            raise
        finally:
            self._killed.discard(request.id)
        return ExecResult(exit_code, by_itself=by_itself)

    async def attach(self, container: Container, request: ExecRequest) -> ExecResult:
        """Wait for the end of an earlier controller's command; see :meth:`Runtime.attach`."""
        world, output = self._line.world, OutputFolder(request.folder)
        wait_s = _AGAIN_S
        while True:
            try:
                found = await self._line.call("find", lambda: world.find(container.id))
                # In this order: a command notes its end before nothing of it is left.
                left = found.tree(request.id)
                if (noted := output.noted()) is not None:
                    by_itself = request.id not in self._killed or noted not in _BY_SIGNAL
                    return ExecResult(noted, by_itself=by_itself)
                if found.started_at != container.started_at or not found.running:
                    raise ContainerLost(container.service, "its container was restarted or died")
                if not left:
                    raise CommandLost(container.service, f"nothing is left of {request.id}")
            except DaemonError as error:
                if error.status == GONE:
                    lost = ContainerLost(container.service, "its container is gone")
                    noted = output.noted()
                    if noted is not None and noted not in _BY_SIGNAL:
                        lost.ended = ExecResult(noted)
                    raise lost from error
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, _LOOK_EVERY_S)

    async def end(self, container: Container, request: ExecRequest, *, grace_s: float) -> bool:
        """End a request's process tree; see :meth:`Runtime.kill`."""
        self._killed.add(request.id)
        program = ends_tree(request.id, grace_s)
        order = Order(program, ("end",), f"end of {request.id}", {}, "/", Nowhere())
        try:
            async with asyncio.timeout(grace_s + _VERIFY_S):
                return await self._run(container, order) == 0
        except ContainerLost:  # gone, and all of it with it; or only paused
            return not await self._runs(container)
        except (TimeoutError, ExecFailed):
            return False

    def on_event(self, event: Happened) -> None:
        """Take in an event of the daemon's."""
        if event.action == "exec_die":
            self._resolve(event.exec_id or "", event.exit_code)
        elif event.action in ("die", "destroy"):
            for exec_id, pending in list(self._pending.items()):
                if pending.container.id == event.container_id:
                    self._resolve(exec_id, None)

    def on_blind(self) -> None:
        """Inspect everything that is waited for: its end may have been missed."""
        for exec_id in self._pending:
            check = asyncio.create_task(self._check(exec_id))
            self._checks.add(check)
            check.add_done_callback(self._checks.discard)

    async def _run(
        self,
        container: Container,
        order: Order,
        begun: Callable[[Process], None] = lambda _process: None,
        output: Output | None = None,
    ) -> int:
        """Begin a command and wait for its end.

        Raises:
            ExecFailed: it could not be started.
            ContainerLost: its container went away.
        """
        ended: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        exec_id: str | None = None
        try:
            exec_id = await self._create(container, order)
            self._pending[exec_id] = _Pending(container, ended, output)
            await self._start(container, exec_id, begun)
            exit_code = await ended
        except DaemonError as error:
            raise await self._not_started(container, error) from error
        finally:
            if exec_id is not None:
                del self._pending[exec_id]
        if exit_code is None:
            raise ContainerLost(container.service, "its container went away under what ran in it")
        return exit_code

    async def _create(self, container: Container, order: Order) -> str:
        """Announce a command; one that got lost on the way has not run, and is announced again."""
        world = self._line.world
        for _ in range(_TRIES):
            try:
                return await self._line.call(
                    "exec_create", lambda: world.create_exec(container.id, order)
                )
            except DaemonError as error:
                if error.decided:
                    raise
                await asyncio.sleep(_AGAIN_S)
                if not await self._runs(container):  # it may have been started again meanwhile
                    raise
        raise ContainerLost(container.service, "the daemon gives no answer")

    async def _start(
        self, container: Container, exec_id: str, begun: Callable[[Process], None]
    ) -> None:
        """Begin a command, once: what got no answer is looked up before it is asked for again."""
        world = self._line.world
        for _ in range(_TRIES):
            try:
                await self._line.call(
                    "exec_start", lambda: begun(world.start_exec(container.id, exec_id))
                )
            except DaemonError as error:
                if error.decided:
                    raise
                if await self._has_begun(container, exec_id):
                    return
            else:
                return
        raise ContainerLost(container.service, "the daemon does not say whether its command runs")

    async def _has_begun(self, container: Container, exec_id: str) -> bool:
        """Whether a command was begun; one that has ended already is resolved.

        Raises:
            ContainerLost: it is not known, so nothing else may be begun in this container.
        """
        world = self._line.world
        for _ in range(_TRIES):
            await asyncio.sleep(_AGAIN_S)
            try:
                begun, exit_code = await self._line.call(
                    "exec_inspect", lambda: world.inspect_exec(container.id, exec_id)
                )
            except DaemonError as error:
                if error.decided:
                    break
            else:
                if exit_code is not None:
                    self._resolve(exec_id, exit_code)
                return begun
        raise ContainerLost(container.service, "the daemon does not say whether its command runs")

    async def _not_started(self, container: Container, error: DaemonError) -> RuntimeFault:
        if not await self._runs(container, awake=True):
            return ContainerLost(container.service, f"its container does not run: {error}")
        return ExecFailed(container.service, f"the command could not be started: {error}")

    async def _await_death(self, container: Container, request: ExecRequest) -> None:
        """Raise if the container dies, or has died, within a moment."""
        ended: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        watch = f"death of {container.id} under {request.id}"
        self._pending[watch] = _Pending(container, ended, None)
        try:
            if await self._runs(container):
                async with asyncio.timeout(_DEATH_S):
                    await ended
        except TimeoutError:
            return
        finally:
            del self._pending[watch]
        raise ContainerLost(container.service, "its container died under what ran in it")

    async def _runs(self, container: Container, *, awake: bool = False) -> bool:
        """Whether the container runs as it was started, and, if it has to be awake, is not paused."""
        world = self._line.world
        try:
            found = await self._line.call("find", lambda: world.find(container.id))
        except DaemonError:
            return False
        if awake and found.paused:
            return False
        return found.running and found.started_at == container.started_at

    async def _check(self, exec_id: str) -> None:
        """Find out about a command whose end may have been missed."""
        while exec_id in self._pending:
            container = self._pending[exec_id].container
            world = self._line.world
            try:
                _, exit_code = await self._line.call(
                    "exec_inspect", partial(world.inspect_exec, container.id, exec_id)
                )
            except DaemonError as error:
                if error.status == GONE:
                    await self._follow(exec_id)
                    return
            else:
                if exit_code is not None:
                    self._resolve(exec_id, exit_code)
                return
            await asyncio.sleep(_AGAIN_S)

    async def _follow(self, exec_id: str) -> None:
        """See a command to its end that the daemon has forgotten: by its files, or its container's death."""
        wait_s = _AGAIN_S
        while (pending := self._pending.get(exec_id)) is not None:
            noted = pending.output.noted() if pending.output is not None else None
            if noted is not None:
                self._resolve(exec_id, noted)
                return
            if not await self._runs(pending.container):
                self._resolve(exec_id, None)
                return
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, _LOOK_EVERY_S)

    def _resolve(self, exec_id: str, exit_code: int | None) -> None:
        pending = self._pending.get(exec_id)
        if pending is not None and not pending.ended.done():
            pending.ended.set_result(exit_code)


def _signalled(process: Process | None) -> bool:
    """Whether a signal has ended a command."""
    return process is not None and process.signalled


def _span(process: Process | None) -> Span | None:
    """When a command ran."""
    if process is None or process.ended_at is None:
        return None
    return Span(process.began_at, process.ended_at)


def _note(process: Process, output: Output) -> None:
    """Note a command's exit code, as the shell around it does if it lives."""
    if process.exit_code is not None and process.container.running and not process.killed:
        output.note(process.exit_code)
