"""The process runtime: backends without containers.

A backend is a session of local processes: the service's main process, and beside it one more session
for each request. Everything that belongs to a backend or to a request is known by a mark in its
environment (:mod:`engine.runtimes.process.tree`), so that nothing is left behind, even if a process leaves
its session. Images, users, networks and devices have no effect here; :attr:`ProcessRuntime.warnings`
names what a project asks for in vain. Nothing is asked or polled while a request runs.

Linux only, since ``/proc`` is how processes that left their session are found.
"""

from __future__ import annotations

import asyncio
import logging
import os
import platform
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType

from engine.errors import (
    CommandLost,
    ContainerLost,
    ExecFailed,
    LaunchFailed,
    NotReady,
    RemovalFailed,
    RuntimeUnavailable,
    StartAgain,
)
from engine.model.main_command import Decision
from engine.model.results import LeftProcess, Span
from engine.model.service_change import ServiceChange
from engine.model.spec import HealthCheck, Project
from engine.ownership import leases
from engine.ownership.owner import Owner
from engine.runtimes.base import (
    Checked,
    Cleanup,
    Container,
    ContainerProcesses,
    ExecRequest,
    ExecResult,
    Happening,
    Notice,
    Observation,
)
from engine.runtimes.health_gate import TIMEOUT_S, probe_command
from engine.runtimes.local_files import fetch_local
from engine.runtimes.main_commands import MainCommands
from engine.runtimes.process import inventory
from engine.runtimes.process.backend import Backend, claim_mark, owner_mark, up_mark
from engine.runtimes.process.files import tail
from engine.runtimes.process.service import Host, ineffective
from engine.runtimes.process.starting import probe, start_main, start_request
from engine.runtimes.process.tree import stuck
from engine.runtimes.service_check import ServiceCheck
from engine.spool import MainLog
from engine.util import procfs
from engine.util.clock import utc_now
from engine.util.waiting import cancelled, first

__all__ = ["ProcessRuntime"]

_LOG = logging.getLogger(__name__)

_LAST_BYTES = 2**20

_SETTLE_S = 0.2
"""For so long a main process without a health check must run to be ready: what cannot run at all
(a missing library, a bad option) ends sooner. A later end is reported by a notice."""


class ProcessRuntime:
    """Runs the services of a project as local processes.

    Args:
        project: the project; its images are not used.
        keep_alive: for services whose own command does not stay, the command to run instead.
        undecided: the services whose first start decides whether their own command runs.
        decided: what an earlier controller decided for these.
        unchecked: the services whose health check is left to the caller.
        labels: further labels; processes carry only that of ``dockwarden up``.
        owner: whose the processes are; None for this process.

    Attributes:
        warnings: by service, what of it has no effect here, one sentence each.
    """

    name = "process"

    def __init__(
        self,
        project: Project,
        *,
        keep_alive: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
        undecided: Collection[str] = (),
        decided: Mapping[str, Decision] = MappingProxyType({}),
        unchecked: Collection[str] = (),
        labels: Mapping[str, str] | None = None,
        owner: Owner | None = None,
    ) -> None:
        self._owner = owner or Owner.current()
        marks = owner_mark(self._owner), claim_mark() | up_mark(labels or {})
        self._host = Host(project, MainCommands(keep_alive, undecided, decided), *marks)
        self._unchecked = unchecked
        self._backends: dict[str, Backend] = {}
        self._on_notice: Callable[[Notice], None] | None = None
        self.warnings: Mapping[str, tuple[str, ...]] = {
            name: found
            for name, service in project.services.items()
            if (found := tuple(ineffective(service)))
        }

    @property
    def cleanup(self) -> Cleanup:
        """How its processes are ended when this one dies."""
        return Cleanup(self.name, self._owner)

    @property
    def description(self) -> str:
        """One line that says what runs the services, and what that leaves out."""
        return (
            f"local processes on {platform.node()}, without a container engine:"
            " images, users, networks and limits have no effect"
        )

    async def open(self, on_notice: Callable[[Notice], None]) -> None:
        """Begin to watch; see :class:`engine.runtimes.base.Runtime` for this and the methods below."""
        if not os.access("/proc/self/environ", os.R_OK):
            raise RuntimeUnavailable(
                f"the process runtime needs Linux's /proc, which {platform.system()} does not show"
                " here; mount it, or use the docker runtime"
            )
        self._on_notice = on_notice
        for backend in self._backends.values():
            self._watch(backend)

    async def close(self) -> None:
        """Stop watching; what runs goes on."""
        self._on_notice = None
        for backend in self._backends.values():
            await cancelled(backend.watch)
            backend.watch = None

    async def prepare(self, services: Sequence[str]) -> None:
        """Check that the executable of each service can be found."""
        for service in services:
            if not self._host.finds(service):
                raise LaunchFailed(
                    service,
                    f"its command starts {self._host.command(service)[0]!r}, which is not an"
                    " executable on this machine; install it, declare a keep-alive command for the"
                    " backend, or use the docker runtime",
                    curable=False,
                )

    def change(self, service: str, change: ServiceChange | None) -> None:
        """Start the service's next main process with a change; see :class:`Changeable`."""
        self._host.changes.set(service, change)

    async def adopt(
        self,
        service: str,
        folder: Path,
        request: ExecRequest | None = None,
    ) -> Container | None:
        """Nothing is taken over: what a dead controller left goes with the next launch."""
        return None

    async def attach(self, container: Container, request: ExecRequest) -> ExecResult:
        """Nothing can be attached to, since nothing is taken over."""
        raise CommandLost(container.service, f"{request.id} was begun by an earlier controller")

    async def launch(self, service: str, folder: Path) -> Container:
        """Start the service's main process; what it writes goes to ``main.log`` in the folder."""
        before = self._backends.get(service)
        if before is not None and before.runs():
            raise LaunchFailed(
                service, f"it runs already, as {before.container.id}; remove it before a new launch"
            )
        await self._end_for_launch(service)
        backend = await start_main(self._host, service, folder)
        if service in self._unchecked:
            backend.health = None
        self._backends[service] = backend
        self._watch(backend)
        return backend.container

    async def relaunch(self, container: Container, *, recreate: bool, folder: Path) -> Container:
        """End the backend's processes and start it again; in place and recreated are the same here."""
        main = self._host.main_of(container.service)
        if main.on_trial:  # it has stayed up for a while
            self._host.main.settle(container.service, main)
        await self._end_for_launch(container.service)
        return await self.launch(container.service, folder)

    async def gate(self, container: Container) -> None:
        """Wait until the main process has stayed, or has passed the service's health check."""
        backend = self._current(container)
        if backend is None:
            raise NotReady(container.service, f"{container.id} is gone; launch it again")
        check = self._host.service(container.service).healthcheck
        command = None if container.service in self._unchecked else probe_command(check)
        proved: asyncio.Future[None] | None = None
        if check is None or command is None:
            await first(backend.main.wait(), asyncio.sleep(_SETTLE_S))
        else:
            backend.health = "starting"
            _, proved = await first(backend.main.wait(), ServiceCheck(check, self).prove(container))
        if not backend.runs():
            code = await backend.main.wait()
            service = container.service
            on_trial = self._host.main_of(service).on_trial
            if on_trial and self._host.main.ended(self._host.project.services[service], code):
                raise StartAgain(service, str(self._host.main_of(service)))
            raise NotReady(service, f"its main process ended with exit code {code}")
        if proved is not None:
            backend.health = "healthy" if proved.exception() is None else "unhealthy"
            proved.result()

    async def health_check(self, container: Container) -> HealthCheck | None:
        """The health check that is left to the caller."""
        check = self._host.service(container.service).healthcheck
        return check if container.service in self._unchecked and probe_command(check) else None

    async def check(self, container: Container, check: HealthCheck) -> Checked:
        """Run a health check once."""
        backend = self._current(container)
        if backend is None or not backend.runs():
            raise ContainerLost(container.service, f"{container.id} does not run")
        command = probe_command(check) or ()
        return await probe(self._host, backend, command, check.timeout_s or TIMEOUT_S)

    async def complete(self, container: Container) -> int:
        """Wait for the end of a one-shot service."""
        backend = self._current(container)
        if backend is None:
            raise ContainerLost(container.service, f"{container.id} is gone; launch it again")
        code = await backend.main.wait()
        if backend.ending:
            raise ContainerLost(container.service, f"{container.id} was ended before it was done")
        return code

    async def execute(self, container: Container, request: ExecRequest) -> ExecResult:
        """Run a command beside the main process, its output to the request's folder."""
        backend = self._current(container)
        if backend is None or not backend.runs():
            raise ExecFailed(container.service, f"{container.id} does not run; restart the backend")
        started = await start_request(self._host, backend, request)
        began_at = utc_now()
        if isinstance(started, ExecResult):
            return started
        try:
            ended, lost = await first(started.wait(), backend.main.wait())
            by_itself = request.id not in backend.killed
        finally:
            backend.killed.discard(request.id)
        span = Span(began_at, utc_now())
        result = ExecResult(ended.result(), span, by_itself) if ended else None
        if result and not backend.ending and not (started.signalled and not backend.runs()):
            backend.requests.pop(request.id, None)
            return result
        await backend.end_request(request.id, 0)
        what = f"ended with exit code {lost.result()}" if lost else "was ended"
        error = ContainerLost(
            container.service, f"its main process {what} while {request.id} ran; run it again"
        )
        if by_itself and not started.signalled:
            error.ended = result
        raise error

    async def fetch(
        self, container: Container, request: ExecRequest, into: Path
    ) -> tuple[str, ...]:
        """Copy files from where a command wrote them, on this machine."""
        place = partial(self._host.file, container.service, request.working_dir)
        return await asyncio.to_thread(fetch_local, request.measure, place, into)

    async def kill(self, container: Container, request: ExecRequest, *, grace_s: float) -> bool:
        """End the process tree of a request."""
        backend = self._current(container)
        if backend is None:  # it was ended with all that ran in it
            return True
        return not await backend.end_request(request.id, grace_s)

    async def leftovers(
        self, container: Container, request: ExecRequest
    ) -> tuple[LeftProcess, ...]:
        """Return the running processes that a request started."""
        backend = self._current(container)
        return () if backend is None else backend.leftovers(request.id)

    async def inspect(self, service: str) -> Observation | None:
        """Inspect the service's main process; its health is the last known."""
        backend = self._backends.get(service)
        if backend is None:
            return None
        if backend.runs():
            return Observation(
                backend.container,
                running=True,
                paused=backend.main.identity.is_stopped(),
                health=backend.health,
            )
        code = await backend.main.wait()
        return Observation(backend.container, running=False, exit_code=code)

    async def pids(self, container: Container) -> frozenset[int] | None:
        """Everything that runs in the backend."""
        backend = self._backends.get(container.service)
        if backend is None:
            return None
        return frozenset(process.pid for process in backend.processes())

    async def processes(self, container: Container) -> ContainerProcesses | None:
        """Everything that runs in the backend, and what of it descends from its main process."""
        backend = self._backends.get(container.service)
        if backend is None:
            return None
        found = {process.pid for process in backend.processes()}
        main = backend.main.identity.pid
        service = frozenset({main, *procfs.below(main)} & found)
        return ContainerProcesses(frozenset(found), service)

    async def logs(self, service: str, lines: int) -> list[str]:
        """The last lines of the main process."""
        backend = self._backends.get(service)
        if backend is None:
            return []
        if backend.kept is not None:
            return backend.kept.last_lines(lines, _LAST_BYTES)
        return tail(backend.log, lines)

    async def keep_log(self, container: Container, log: MainLog) -> None:
        """Have the main process's output lie among the results, where it is written on."""
        backend = self._current(container)
        if backend is not None:
            try:
                await asyncio.to_thread(log.take, backend.log)
                backend.kept = log
            except OSError as error:
                _LOG.warning("%s: its log cannot be kept: %s", container.service, error)

    async def caught_up(self, container: Container) -> None:
        """All is there at once."""

    async def remove(self, service: str, *, grace_s: float) -> None:
        """End every process of the service's backend, and of those that dead controllers have left."""
        for found in inventory.take(self._host.project.name):
            if found.service == service and found.orphaned:
                reason = await inventory.remove(found, grace_s)
                if reason:
                    raise RemovalFailed(service, reason, curable=False)
        backend = self._backends.get(service)
        if backend is None:
            return
        backend.ending = True
        left = await backend.end(grace_s)
        if left:
            raise RemovalFailed(service, stuck(left), curable=False)
        await cancelled(backend.watch)
        if backend.kept is not None:
            with suppress(OSError):  # it is kept, only longer than it should be
                await asyncio.to_thread(backend.kept.trim)
        if self._backends.get(service) is backend:
            del self._backends[service]

    async def sweep(self) -> Mapping[str, str]:
        """There are no networks to remove; only claims that dead controllers have left."""
        leases.tidy()
        return {}

    def _current(self, container: Container) -> Backend | None:
        backend = self._backends.get(container.service)
        return backend if backend is not None and backend.container.id == container.id else None

    async def _end_for_launch(self, service: str) -> None:
        try:
            await self.remove(service, grace_s=self._host.service(service).stop_grace_period_s)
        except RemovalFailed as error:
            raise LaunchFailed(service, error.reason, curable=False) from error

    def _watch(self, backend: Backend) -> None:
        if backend.watch is None:
            backend.watch = asyncio.create_task(self._until_death(backend))

    async def _until_death(self, backend: Backend) -> None:
        """When a main process ends by itself, all in its backend ends, as in a container."""
        await backend.main.wait()
        if not backend.ending:
            await backend.end(0)
        if not backend.ending and self._on_notice is not None:
            container = backend.container
            self._on_notice(Notice(Happening.DIED, container.service, container.id))
