"""The simulated runtime: a driver for containers that exist only in memory.

It works like the docker runtime, over a connection on which faults strike: a command's end is reported
by an event, and looked up after events may have been missed; a call without an answer is checked again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from engine.errors import (
    ContainerLost,
    LaunchFailed,
    NotReady,
    OwnedElsewhere,
    RemovalFailed,
    RuntimeFault,
)
from engine.model.results import LeftProcess
from engine.model.service_change import ServiceChange
from engine.model.spec import Project
from engine.policy.keep_alive import DEFAULT
from engine.runtimes.base import (
    Container,
    ExecRequest,
    ExecResult,
    Happening,
    Notice,
    Observation,
)
from engine.runtimes.changes import Changes
from engine.runtimes.health_gate import probe_command
from engine.runtimes.in_container import GPU_PROBE
from engine.runtimes.local_files import fetch_local
from engine.runtimes.simulated.connection import Line
from engine.runtimes.simulated.containers import Blueprint, SimulatedContainer
from engine.runtimes.simulated.daemon import DaemonError, Happened, World
from engine.runtimes.simulated.execs import Execs
from engine.runtimes.simulated.faults import Faults, Strikes
from engine.runtimes.simulated.output import OutputFolder, Unwritten
from engine.runtimes.simulated.processes import TERMINATED, Order, Process
from engine.runtimes.simulated.programs import Commands, EachLasts, shows_gpus
from engine.spool import handed_variables
from engine.util.clock import now_s

__all__ = ["SimulatedRuntime"]

T = TypeVar("T")

_LOG: Final = logging.getLogger(__name__)

_HAPPENINGS: Final = {
    "die": Happening.DIED,
    "destroy": Happening.DIED,
    "oom": Happening.OOM,
    "pause": Happening.PAUSED,
    "health_status": Happening.HEALTH,
}
"""The daemon's words for what a notice is about."""

_LAST_LINES: Final = 20
_IMAGE: Final = "sha256:simulated"
_AGAIN_S: Final = 1.0
_TRIES: Final = 5
_GONE_WITHIN_S: Final = 60.0
_GONE: Final = 404
_CONFLICT: Final = 409


class SimulatedRuntime:
    """Runs a project's services in memory.

    It takes the time of the event loop: run it on a :class:`~engine.util.virtual_clock.VirtualClockLoop` for
    hours in milliseconds. With the same seed it takes the same course.

    Args:
        project: what the compose file says.
        keep_alive: the command that keeps a container up, by service, for those that have none.
        world: what it is used on; None for an empty one.
        commands: what commands do; None for one second each, all of which succeed.
        faults: what goes wrong; None for nothing.
        keep_output: whether commands leave files in their folders, as on every other runtime; GPU
            checks always do.

    Attributes:
        world: the daemon and its containers, as they are.
        keeps_output: whether commands leave files.
    """

    name = "simulated"

    def __init__(
        self,
        project: Project,
        *,
        keep_alive: Mapping[str, tuple[str, ...]] | None = None,
        world: World | None = None,
        commands: Commands | None = None,
        faults: Faults | None = None,
        keep_output: bool = True,
    ) -> None:
        self.world = world or World()
        self.faults = faults or Faults.none()
        self._project = project
        self._keep_alive = keep_alive or {}
        self._changes = Changes()
        self._commands = commands or EachLasts()
        self.keeps_output = keep_output
        self._output = OutputFolder.begin if keep_output else Unwritten.begin
        self._owner = self.world.owner()
        self._line = Line(self.world, self.faults, self._on_event, self._on_blind)
        self._execs = Execs(self._line)
        self._woken: dict[str, asyncio.Event] = {}
        self._checks: dict[str, asyncio.Task[None]] = {}
        self._on_notice: Callable[[Notice], None] = lambda _notice: None

    @property
    def description(self) -> str:
        """One line that says what is in use."""
        rate = self.faults.rate
        faults = f"faults strike {rate:g} of all opportunities" if rate else "no faults"
        return f"simulated: nothing runs, and {faults}"

    # Opening and closing

    async def open(self, on_notice: Callable[[Notice], None]) -> None:
        """Begin to watch; see :class:`engine.runtimes.base.Runtime` for this and the methods below."""
        self._on_notice = on_notice
        self._line.open()

    async def close(self) -> None:
        """Stop watching; what runs goes on."""
        self._line.close()

    def die(self) -> None:
        """Be dead, as when its process is killed: no call gets through, and its containers may be taken over."""
        self._line.sever()
        self.world.alive.discard(self._owner)

    def _on_event(self, event: Happened) -> None:
        self._execs.on_event(event)
        happening = _HAPPENINGS.get(event.action)
        if happening is None:
            return
        self._wake(event.container_id)
        self._on_notice(Notice(happening, event.service, event.container_id, _proof(event)))

    def _on_blind(self) -> None:
        self._execs.on_blind()
        for container_id in self._woken:
            self._wake(container_id)
        self._on_notice(Notice(Happening.BLIND, None))

    def _wake(self, container_id: str) -> None:
        if container_id in self._woken:
            self._woken[container_id].set()

    # Before the start

    async def prepare(self, services: Sequence[str]) -> None:
        """See that the names are free or may be taken, and have the network there."""
        if not services:
            return
        for service in services:
            await self._refuse_anothers(service)
        try:
            await self._surely("network", lambda: self.world.networks.add(self._project.name))
        except DaemonError as error:
            reason = f"its networks and volumes could not be made: {error}"
            raise LaunchFailed(services[0], reason, curable=False) from error

    async def _refuse_anothers(self, service: str) -> None:
        try:
            found = await self._surely("list", lambda: self.world.of_service(service))
        except DaemonError as error:
            raise LaunchFailed(service, str(error)) from error
        for container in found:
            if not self._may_take(container):
                raise OwnedElsewhere(
                    f"{service}: its container {container.id} belongs to {container.owner}, which still"
                    " runs; wait for it, or give this project another name"
                )

    # One container

    def change(self, service: str, change: ServiceChange | None) -> None:
        """Make the service's next container with a change; see :class:`Changeable`."""
        self._changes.set(service, change)

    async def adopt(
        self, service: str, folder: Path, request: ExecRequest | None = None
    ) -> Container | None:
        """Take over the container that a dead controller left running."""
        alike, expected = self._blueprint(service, folder), request and request.id
        try:
            for container in await self._surely("list", partial(self._ours, service)):
                if container.owner == self._owner:
                    continue  # our own launch, of which no answer came
                if container.running and not container.paused and container.blueprint == alike:
                    requests = await self._surely("top", partial(_requests, container))
                    if requests <= {expected}:
                        return _identity(container)
        except DaemonError as error:
            raise LaunchFailed(service, f"it could not be inspected: {error}") from error
        return None

    async def attach(self, container: Container, request: ExecRequest) -> ExecResult:
        """Wait for the end of a command that an earlier controller began."""
        return await self._execs.attach(container, request)

    async def launch(self, service: str, folder: Path) -> Container:
        """Create and start a container, in place of what a dead controller left."""
        blueprint = self._blueprint(service, folder)
        try:
            await self.remove(service, grace_s=0)
        except RemovalFailed as failed:
            raise LaunchFailed(service, failed.reason, curable=False) from failed
        try:
            made = await self._line.call(
                "create", lambda: self.world.create(blueprint, self._owner)
            )
            return await self._start(made)
        except DaemonError as error:
            with contextlib.suppress(RuntimeFault):
                await self.remove(service, grace_s=0)
            raise _unlaunched(service, error) from error

    def _blueprint(self, service: str, folder: Path) -> Blueprint:
        spec = self._changes.spec(self._project, service)
        given = self._changes.gives_command(service)
        command = (None if given else self._keep_alive.get(service)) or spec.command or DEFAULT
        check = probe_command(spec.healthcheck)
        return Blueprint(
            spec=spec,
            folder=folder,
            command=command,
            main=self._commands.main(service, command),
            check=None if check is None else self._commands.check(service, check),
        )

    async def _start(self, container: SimulatedContainer) -> Container:
        """Start a container, also where it runs already: what got no answer is asked for again."""
        await self._surely("start", partial(self._begin, container), container)
        return _identity(container)

    def _begin(self, container: SimulatedContainer) -> None:
        self.world.find(container.id)
        if not container.running:
            container.start()
            assert container.main is not None
            self._line.opportunity(Strikes.START, container.main)

    async def relaunch(self, container: Container, *, recreate: bool, folder: Path) -> Container:
        """End everything that runs in a container and start it again, in place or as a new one."""
        grace_s = self._project.services[container.service].stop_grace_period_s
        if not recreate:
            try:
                found = await self._surely("find", lambda: self.world.find(container.id))
                await self._surely("stop", lambda: self.world.stop(found.id, TERMINATED), found)
                return await self._start(found)
            except DaemonError as error:
                if error.status not in (_GONE, _CONFLICT):
                    raise _unlaunched(container.service, error) from error
        try:
            await self.remove(container.service, grace_s=grace_s)
        except RemovalFailed as failed:
            raise LaunchFailed(container.service, failed.reason, curable=False) from failed
        return await self.launch(container.service, folder)

    async def gate(self, container: Container) -> None:
        """Wait until a container runs, and is healthy where it has a health check."""
        async for found in self._watch(container):
            seen = _observation(found)
            if not seen.running:
                raise NotReady(
                    container.service,
                    f"its container ended at once with exit code {seen.exit_code};"
                    f" its last lines: {' | '.join(found.log[-_LAST_LINES:]) or 'none'}",
                )
            if seen.health == "unhealthy":
                raise NotReady(container.service, f"its health check fails: {found.complaint}")
            if seen.health in (None, "healthy"):
                return

    async def complete(self, container: Container) -> int:
        """Wait for the end of a one-shot service."""
        async for found in self._watch(container):
            if not found.running:
                return found.exit_code or 0
        raise AssertionError("a watch only ends by its reader's leaving")

    async def _watch(self, container: Container) -> AsyncIterator[SimulatedContainer]:
        """Inspect a container now and after each event about it."""
        woken = self._woken[container.id] = asyncio.Event()
        try:
            while True:
                woken.clear()
                try:
                    yield await self._surely("find", lambda: self.world.find(container.id))
                except DaemonError as error:
                    if error.status == _GONE:
                        raise ContainerLost(container.service, "its container is gone") from error
                    _LOG.warning("%s: no answer to inspect: %s", container.service, error)
                    continue
                await woken.wait()
        finally:
            self._woken.pop(container.id, None)

    async def execute(self, container: Container, request: ExecRequest) -> ExecResult:
        """Run a command in a container."""
        spec = self._changes.spec(self._project, container.service)
        probe = request.command == GPU_PROBE
        output = OutputFolder.begin(request.folder) if probe else self._output(request.folder)
        try:
            program = (
                shows_gpus
                if probe
                else self._commands.experiment(container.service, request) or _not_found
            )
        except PermissionError:
            program = _not_executable
        order = Order(
            program,
            request.command,
            request.id,
            {**spec.environment, **request.environment, **self._handed(request)},
            request.working_dir or spec.working_dir or "/",
            output,
        )
        at = Strikes.LOOK if probe else Strikes.COMMAND
        return await self._execs.execute(container, request, order, output, at)

    def _handed(self, request: ExecRequest) -> Mapping[str, str]:
        """Return the paths where a command hands back its metrics and artifacts, if output is kept."""
        return handed_variables(str(request.folder)) if self.keeps_output else {}

    async def fetch(
        self, container: Container, request: ExecRequest, into: Path
    ) -> tuple[str, ...]:
        """Copy files from what is mounted in a container; there are no others."""
        try:
            found = self.world.find(container.id)
        except DaemonError as error:
            raise ContainerLost(container.service, "its container is gone") from error
        spec = self._project.services[container.service]
        start = request.working_dir or spec.working_dir or "/"
        return await asyncio.to_thread(
            fetch_local, request.measure, partial(found.outside, start), into
        )

    async def kill(self, container: Container, request: ExecRequest, *, grace_s: float) -> bool:
        """End a command's process tree."""
        return await self._execs.end(container, request, grace_s=grace_s)

    async def leftovers(
        self, container: Container, request: ExecRequest
    ) -> tuple[LeftProcess, ...]:
        """Return what a command left running. This costs no call of the daemon."""
        try:
            found = self.world.find(container.id)
        except DaemonError as error:
            raise ContainerLost(container.service, "its container is gone") from error
        return tuple(LeftProcess(one.pid, " ".join(one.command)) for one in found.tree(request.id))

    async def inspect(self, service: str) -> Observation | None:
        """Inspect a service's container."""
        try:
            found = await self._surely("list", partial(self._ours, service))
            if not found:
                return None
            container = found[0]
            return await self._surely(
                "find", lambda: _observation(self._present(container)), container
            )
        except DaemonError as error:
            if error.status == _GONE:
                return None
            raise RuntimeFault(service, f"it could not be inspected: {error}") from error

    def _present(self, container: SimulatedContainer) -> SimulatedContainer:
        return self.world.find(container.id)

    async def pids(self, container: Container) -> frozenset[int] | None:
        """The processes of a container."""
        try:
            return await self._line.call(
                "top", lambda: frozenset(self.world.find(container.id).processes)
            )
        except DaemonError:
            return None

    async def logs(self, service: str, lines: int) -> list[str]:
        """The last lines of a main process."""
        try:
            found = await self._line.call("logs", partial(self._ours, service))
        except DaemonError:
            return []
        return found[0].log[-lines:] if found else []

    # Removal

    async def remove(self, service: str, *, grace_s: float) -> None:
        """End and remove every container that dockwarden made for a service, and verify that it is gone."""
        deadline_s = now_s() + grace_s + _GONE_WITHIN_S
        reason = "it is still there"
        while True:
            try:
                left = await self._line.call("list", partial(self._ours, service))
                if not left:
                    return
                for container in left:
                    await self._remove(container, grace_s)
            except DaemonError as error:
                reason = str(error)
            else:
                continue
            if now_s() >= deadline_s:
                raise RemovalFailed(service, f"its container could not be removed: {reason}")
            await asyncio.sleep(_AGAIN_S)

    async def _remove(self, container: SimulatedContainer, grace_s: float) -> None:
        try:
            if grace_s > 0 and container.running:
                stop = partial(self.world.stop, container.id, TERMINATED)
                await self._line.call("stop", stop, container)
            await self._line.call("remove", partial(self.world.remove, container.id), container)
        except DaemonError as error:
            if error.status != _GONE:
                raise

    async def sweep(self) -> Mapping[str, str]:
        """Remove the project's network."""
        try:
            await self._surely("network", lambda: self.world.networks.discard(self._project.name))
        except DaemonError as error:
            return {"networks": str(error)}
        return {}

    # Helpers

    def _ours(self, service: str) -> list[SimulatedContainer]:
        return [one for one in self.world.of_service(service) if self._may_take(one)]

    def _may_take(self, container: SimulatedContainer) -> bool:
        return container.owner == self._owner or container.owner not in self.world.alive

    async def _surely(
        self, name: str, do: Callable[[], T], container: SimulatedContainer | None = None
    ) -> T:
        """Call the daemon; what may be asked twice is asked again when there was no clear answer."""
        for tries_left in reversed(range(_TRIES)):
            try:
                return await self._line.call(name, do, container)
            except DaemonError as error:
                if error.decided or not tries_left:
                    raise
            await asyncio.sleep(_AGAIN_S)
        raise AssertionError("the last try returns or raises")


def _proof(event: Happened) -> Observation | None:
    """Return what an event alone proves: a death, as in :mod:`engine.runtimes.docker.daemon.reported_deaths`."""
    if event.action != "die":
        return None
    return Observation(
        Container(event.service, event.container_id, event.started_at, image=_IMAGE),
        running=False,
        exit_code=event.exit_code,
        oom_killed=event.oom_killed,
    )


def _requests(container: SimulatedContainer) -> set[str | None]:
    """The requests of which something runs in a container."""
    return {one.order.request for one in container.processes.values() if one.order.request}


def _identity(container: SimulatedContainer) -> Container:
    return Container(container.service, container.id, container.started_at, image=_IMAGE)


def _observation(container: SimulatedContainer) -> Observation:
    return Observation(
        container=_identity(container),
        running=container.running,
        paused=container.paused,
        health=container.health,
        exit_code=container.exit_code,
        oom_killed=container.oom_killed,
    )


def _unlaunched(service: str, error: DaemonError) -> LaunchFailed:
    curable = "no such image" not in str(error)
    return LaunchFailed(service, f"it did not start: {error}", curable=curable)


async def _not_found(process: Process) -> int:
    process.complain(f"{process.command[0]}: not found\n".encode())
    return 127


async def _not_executable(process: Process) -> int:
    process.complain(f"{process.command[0]}: permission denied\n".encode())
    return 126
