"""Starting what runs in a backend: its main process, a request, a probe of its health check."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from engine.errors import ExecFailed, LaunchFailed
from engine.runtimes.base import Checked, Container, ExecRequest, ExecResult
from engine.runtimes.exit_status import CANNOT_RUN
from engine.runtimes.health_gate import probe_command
from engine.runtimes.process.backend import MAIN_LOG, Backend, Tag
from engine.runtimes.process.files import create, tail
from engine.runtimes.process.service import Host
from engine.runtimes.process.spawn import Child, NotStarted, Supervisor
from engine.runtimes.process.tree import Identity, end
from engine.spool import handed_variables
from engine.util import procfs
from engine.util.clock import utc_now

__all__ = ["HEALTH_LOG", "SHOWN_LINES", "probe", "start_main", "start_request"]

SHOWN_LINES = 5
"""So many lines of output an error message shows."""

HEALTH_LOG = "health.log"
_HEALTH = "health/check"
"""The id of a health check among the requests; theirs are plain file names, so none has it."""


async def start_main(host: Host, service: str, folder: Path) -> Backend:
    """Start a service's main process.

    Raises:
        LaunchFailed: and nothing of it is left.
    """
    tag = Tag.new(host.project.name, service)
    environment = host.environment(service)
    supervisor: Supervisor | None = None
    try:
        with create(folder / MAIN_LOG, append=True) as log:
            supervisor = await Supervisor.start(environment | tag.mark())
            main = await supervisor.spawn(
                host.command(service),
                environment=environment | tag.mark(),
                directory=host.folder(service),
                stdout=log,
                stderr=log,
            )
    except BaseException as error:
        if supervisor is not None:
            await end(partial(_below, supervisor), 0)
            await supervisor.end()
        if isinstance(error, NotStarted):
            curable = error.exit_code is None
            raise LaunchFailed(service, str(error), curable=curable) from error
        if isinstance(error, OSError):
            reason = f"its output cannot be written: {error}; make the folder writable"
            raise LaunchFailed(service, reason, curable=False) from error
        raise
    container = Container(
        service, str(main.identity), utc_now().isoformat(), main=host.main_of(service)
    )
    health = "starting" if probe_command(host.service(service).healthcheck) else None
    return Backend(container, tag, supervisor, main, folder, environment, health=health)


def _below(supervisor: Supervisor) -> set[Identity]:
    below = procfs.below(supervisor.identity.pid)
    return {Identity(pid, its.start_ticks) for pid, its in below.items()}


async def start_request(host: Host, backend: Backend, request: ExecRequest) -> Child | ExecResult:
    """Start a request's command; one that cannot be run ends as in a shell, with 126 or 127.

    Raises:
        ExecFailed: it could not be tried.
    """
    service = backend.container.service
    if not request.command:
        reason = f"the request {request.id} has no command; give it one"
        raise ExecFailed(service, reason, curable=False)
    with ExitStack() as files:
        try:
            stdout = files.enter_context(create(request.folder / "stdout"))
            stderr = files.enter_context(create(request.folder / "stderr"))
        except OSError as error:
            reason = (
                f"the output of {request.id} cannot be written: {error}; make the folder writable"
            )
            raise ExecFailed(service, reason, curable=False) from error
        request.before()
        try:
            with backend.starting(request.id):
                child = backend.requests[request.id] = await backend.supervisor.spawn(
                    host.request_command(service, request),
                    environment={
                        **backend.environment,
                        **request.environment,
                        **handed_variables(str(request.folder)),
                        **backend.tag.mark(request.id),
                    },
                    directory=host.folder(service, request.working_dir),
                    stdout=stdout,
                    stderr=stderr,
                )
        except NotStarted as error:
            if error.exit_code is None:
                raise ExecFailed(service, str(error)) from error
            stderr.write(f"dockwarden: {error}\n".encode(errors="replace"))
            return ExecResult(error.exit_code)
    return child


async def probe(host: Host, backend: Backend, command: Sequence[str], timeout_s: float) -> Checked:
    """Run a health check once, and leave nothing of it running."""
    log_path = backend.folder / HEALTH_LOG
    try:
        with create(log_path) as log, backend.starting(_HEALTH):
            child = backend.requests[_HEALTH] = await backend.supervisor.spawn(
                command,
                environment={**backend.environment, **backend.tag.mark(_HEALTH)},
                directory=host.folder(backend.container.service),
                stdout=log,
                stderr=log,
            )
    except (NotStarted, OSError) as error:
        return Checked(str(error), cannot_run=True)
    try:
        code = await asyncio.wait_for(child.wait(), timeout_s)
    except TimeoutError:
        return Checked(f"it took longer than its timeout of {timeout_s:g} s")
    finally:
        await backend.end_request(_HEALTH, 0)
        backend.killed.discard(_HEALTH)
    if code == 0:
        return Checked()
    said = " | ".join(tail(log_path, SHOWN_LINES)) or "no output"
    return Checked(f"exit code {code}: {said}", cannot_run=code in CANNOT_RUN)
