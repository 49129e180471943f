"""Commands in containers: started detached, and known to have ended by the engine's event.

A command's output goes straight from its process into files, mostly in a folder that the container shares
with this machine (see :mod:`engine.runtimes.docker.commands.output`), so nothing passes through a connection that
could lose it, no thread waits, and it goes on when the controller dies. Its exit code comes with the engine's ``exec_die`` event; after a gap in the
event stream everything is inspected instead. Podman's events do not say which exec has ended, and come only once it is inspected: until an
engine has announced an end, execs are inspected now and then. An engine that has been restarted has forgotten its execs,
and what it had started may run on: then the exit code that the command's shell notes is waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, Final

import docker.errors
from attrs import frozen

from engine.errors import CommandLost, ContainerLost, ExecFailed, RuntimeFault
from engine.model.results import LeftProcess
from engine.runtimes.base import Container, ExecRequest, ExecResult
from engine.runtimes.docker.commands.leftovers import Leftovers
from engine.runtimes.docker.commands.output import Output
from engine.runtimes.docker.daemon.client import ENGINE_ERRORS, Calls, said
from engine.runtimes.docker.ownership import adoption
from engine.runtimes.exit_status import Noted, noted
from engine.runtimes.in_container import MARK, RUN
from engine.util.clock import now_s
from engine.util.futures import forget

__all__ = ["Execs"]

_LOG: Final = logging.getLogger(__name__)

_SHELL: Final = ("/bin/sh", "-c")
_VERIFY_S: Final = 30.0
"""How long ending a process tree may take on top of its grace."""

_DEATH_S: Final = 2.0
"""How long a container's own death may come after that of what ran in it."""


_NOTED_EVERY_S: Final = 0.5
"""How often a noted exit code is looked for, on this machine, where no event tells of it."""

_LIST_EVERY_S: Final = 30.0
"""How often it is then asked whether the command still runs."""


_ANNOUNCED_S: Final = 0.3
"""How often an exec is inspected on an engine that has not announced the end of one yet."""

_UNLIKELY: Final = (0, 2)
"""The exit codes of a program in the shell's place that does nothing, and of a shell that cannot open its files."""

_UNNOTED: Final = "the shell around it ended without a note of its end: it was replaced, or could not write its files"

_UNKNOWN: Final[dict[str, Any]] = {"Running": False, "ExitCode": None}
"""An exec that the engine does not know any more."""


class _Forgotten(Exception):
    """The engine does not know an exec any more, and its container runs on."""


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


class Execs:
    """Starts execs and tells when they have ended.

    Args:
        calls: the way to the engine.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._pending: dict[str, _Pending] = {}
        self._checks: set[asyncio.Task[None]] = set()
        self._killed: set[str] = set()
        self._over: set[str] = set()
        self._announces = False
        self._leftovers = Leftovers(calls, self._run)

    async def execute(
        self, container: Container, request: ExecRequest, output: Output
    ) -> ExecResult:
        """Run a request's command; see :meth:`Runtime.execute`.

        Args:
            output: how what it writes gets here.
        """
        began_ns = time.time_ns()
        argv = [*_SHELL, RUN, "dockwarden", output.inside(request), *request.command]
        creating = self._create(
            container,
            argv,
            environment={**request.environment, MARK: request.id},
            user=request.user,
            working_dir=request.working_dir,
        )
        try:  # side by side: what is created does not run yet
            exec_id, _, _ = await asyncio.gather(
                creating,
                _prepared(output, container, request),
                self._leftovers.begin(container, request, output.inside(request)),
            )
        except ENGINE_ERRORS as error:
            raise await self._not_started(container, error) from error
        async with self._end_kept(request):
            async with _followed(output, container, request):
                try:
                    exit_code = await self._begin(container, exec_id)
                except (_Forgotten, ExecFailed) as error:
                    failed = isinstance(error, ExecFailed)
                    if failed and not await self._began(container, request, output):
                        raise
                    exit_code = await self._until_noted(container, request, output)
                self._is_over(request)
            return await self._result(container, request, output, exit_code, began_ns)

    async def take_over(self, container: Container, request: ExecRequest, output: Output) -> None:
        """Take note of what runs in a container beside a command that an earlier controller began."""
        try:
            await self._leftovers.take_over(container, request, output.inside(request))
        except ENGINE_ERRORS as error:
            _LOG.warning("%s: what runs in it cannot be seen: %s", container.service, said(error))

    async def attach(
        self, container: Container, request: ExecRequest, output: Output
    ) -> ExecResult:
        """Wait for the end of what an earlier controller began; see :meth:`Runtime.attach`."""
        began_ns = time.time_ns()
        async with self._end_kept(request):
            async with _followed(output, container, request):
                exit_code = await self._end_of(container, request, output)
                self._is_over(request)
            return await self._result(container, request, output, exit_code, began_ns)

    def _is_over(self, request: ExecRequest) -> None:
        """Take note that a command has ended: a kill from now on did not end it."""
        if request.id not in self._killed:
            self._over.add(request.id)

    @asynccontextmanager
    async def _end_kept(self, request: ExecRequest) -> AsyncIterator[None]:
        """Give a loss of the container the end that the command had come to before.

        What the shell around the command has noted is here only after all of the output is.
        """
        try:
            yield
        except ContainerLost as lost:
            found = await _noted(request)
            if found is not None and not found.may_be_killed:
                lost.ended = ExecResult(found.exit_code, found.ran)
            raise
        finally:
            self._over.discard(request.id)
            self._killed.discard(request.id)

    async def _end_of(self, container: Container, request: ExecRequest, output: Output) -> int:
        find = partial(adoption.exec_of, container.id, output.inside(request))
        try:
            exec_id = await self._calls(find)
            if exec_id is not None:
                return await self._wait(container, exec_id, start=False)
        except _Forgotten:
            _LOG.debug("%s: the engine has forgotten the exec of %s", container.service, request.id)
        except ENGINE_ERRORS as error:
            _LOG.warning("%s: its execs cannot be seen: %s", container.service, said(error))
        return await self._until_noted(container, request, output)

    async def _result(
        self,
        container: Container,
        request: ExecRequest,
        output: Output,
        exit_code: int,
        began_ns: int,
    ) -> ExecResult:
        """How a command ended whose exec ended with ``exit_code``.

        The engine's word counts where it was there all the time. One that was killed and started again makes
        it up: it says 127 of what it has lost sight of, whether that runs on or not. Then what the shell
        around the command has noted counts, though the container may have written that, too.

        Args:
            began_ns: since when the engine should have been there, in nanoseconds since the epoch.
        """
        away = self._calls.patience.away_since(began_ns)
        found = await _noted(request)
        if found is None and request.id not in self._killed:
            if away:
                with contextlib.suppress(CommandLost):
                    await self._until_noted(container, request, output)
                    found = await _noted(request)
            if found is None:
                # Not even the shell around the command lived to note its exit code. That is how the
                # death of the whole container looks from here, a moment before it is announced.
                await self._await_death(container, request)
        # A shell that no signal ended notes the end of its command. Without a note these exit codes are not
        # the command's, which perhaps has not even run.
        unnoted = found is None and request.id not in self._killed and exit_code in _UNLIKELY
        by_itself = request.id not in self._killed or (
            found is not None and not found.may_be_killed and found.exit_code == exit_code
        )
        code = found.exit_code if found is not None and away else exit_code
        ran = found.ran if found is not None else None
        problem = output.problem(request) or (_UNNOTED if unnoted else "")
        return ExecResult(code, ran, by_itself, problem)

    async def end(self, container: Container, request: ExecRequest, *, grace_s: float) -> bool:
        """End all that a request started; see :meth:`Runtime.kill`."""
        if request.id not in self._over:
            self._killed.add(request.id)
        try:
            async with asyncio.timeout(grace_s + _VERIFY_S):
                while True:
                    with contextlib.suppress(_Forgotten):
                        return await self._leftovers.end(container, request, grace_s=grace_s)
        except ContainerLost:  # gone, and all of it with it; or only paused
            return await self._runs(container) is False
        except (TimeoutError, ExecFailed):
            return False
        except ENGINE_ERRORS as error:
            if await self._runs(container) is False:
                return True
            _LOG.warning("%s: what runs in it cannot be seen: %s", container.service, said(error))
            return False

    async def leftovers(
        self, container: Container, request: ExecRequest
    ) -> tuple[LeftProcess, ...]:
        """What runs of all that a request started; see :meth:`Runtime.leftovers`."""
        try:
            return await self._leftovers.of(container, request)
        except ENGINE_ERRORS as error:
            if await self._runs(container) is False:
                lost = f"its container went away: {said(error)}"
                raise ContainerLost(container.service, lost) from error
            unseen = f"what {request.id} left running cannot be seen: {said(error)}"
            raise RuntimeFault(container.service, unseen) from error

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
                self._resolve(exec_id, int(exit_code))
            else:
                self._look_at(actor["ID"])
        elif event["Action"] in ("die", "destroy"):
            for exec_id, pending in list(self._pending.items()):
                if pending.container.id == actor["ID"]:
                    self._resolve(exec_id, None)

    def on_blind(self) -> None:
        """Look at everything that is waited for: its end may have been missed."""
        self._look_at(None)

    def _look_at(self, container_id: str | None) -> None:
        """Inspect what is waited for in a container; in all of them where it is None."""
        for exec_id, pending in self._pending.items():
            if container_id in (None, pending.container.id):
                check = asyncio.create_task(self._check(exec_id))
                self._checks.add(check)
                check.add_done_callback(self._checks.discard)

    async def _run(self, container: Container, argv: Sequence[str], user: str | None) -> int:
        """Create an exec, start it and wait for its end; see :meth:`_begin`."""
        try:
            exec_id = await self._create(container, argv, user=user)
        except ENGINE_ERRORS as error:
            raise await self._not_started(container, error) from error
        return await self._begin(container, exec_id)

    async def _create(
        self,
        container: Container,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        user: str | None = None,
        working_dir: str | None = None,
    ) -> str:
        created = await self._calls(
            lambda client: client.exec_create(
                container.id,
                list(argv),
                environment=dict(environment or {}),
                user=user or "",
                workdir=working_dir,
                stdout=False,
                stderr=False,
            )
        )
        return str(created["Id"])

    async def _begin(self, container: Container, exec_id: str) -> int:
        """Start an exec and wait for its end.

        Raises:
            ExecFailed: it could not be started.
            ContainerLost: its container went away.
            _Forgotten: the engine has forgotten it.
        """
        try:
            return await self._wait(container, exec_id, start=True)
        except ENGINE_ERRORS as error:
            raise await self._not_started(container, error) from error

    async def _wait(self, container: Container, exec_id: str, *, start: bool) -> int:
        """Wait for the end of an exec.

        Args:
            start: whether to start it before; else it runs already, or has ended.
        """
        ended: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._pending[exec_id] = _Pending(container, ended, started=not start)
        try:
            if start:
                await self._start(container, exec_id)
                self._pending[exec_id] = _Pending(container, ended)
            else:
                await self._check(exec_id)
            while not (self._announces or ended.done()):
                await asyncio.wait({ended}, timeout=_ANNOUNCED_S)
                await self._check(exec_id)
            exit_code = await ended
        finally:
            del self._pending[exec_id]
            if ended.done():  # the start may have said the same
                forget(ended)
        if exit_code is None:
            raise ContainerLost(container.service, "its container went away under what ran in it")
        return exit_code

    async def _start(self, container: Container, exec_id: str) -> None:
        """Start an exec. Where the call is cut off, only a look tells whether it was heard.

        Raises:
            ContainerLost: nobody tells; nothing else may be started beside what perhaps runs.
            _Forgotten: the engine has been restarted meanwhile.
        """
        began_ns = time.time_ns()
        try:
            await self._calls(lambda client: client.exec_start(exec_id, detach=True))
        except docker.errors.APIError:
            raise
        except ENGINE_ERRORS:
            try:
                found = await self._calls(lambda client: client.exec_inspect(exec_id))
            except ENGINE_ERRORS as error:
                forgotten = isinstance(error, docker.errors.NotFound)
                if forgotten and await self._runs(container):
                    raise _Forgotten from error
                reason = f"the engine does not say whether its command runs: {said(error)}"
                raise ContainerLost(container.service, reason) from error
            if not found["Running"] and found["ExitCode"] is None:
                if self._calls.patience.away_since(began_ns):
                    raise _Forgotten from None
                raise
            if found["ExitCode"] == 0 and not await self._tells_unstarted(container):
                reason = "the engine does not say whether its command has run"
                raise ContainerLost(container.service, reason) from None
            if not found["Running"]:
                self._resolve(exec_id, found["ExitCode"])

    async def _tells_unstarted(self, container: Container) -> bool:
        """Whether the engine tells an exec that has never been started from one that has succeeded."""
        try:
            exec_id = await self._create(container, ["true"])
            found = await self._calls(lambda client: client.exec_inspect(exec_id))
        except ENGINE_ERRORS:
            return False
        return found["ExitCode"] is None

    async def _until_noted(self, container: Container, request: ExecRequest, output: Output) -> int:
        """Wait until the shell around a command has noted its end, which the engine knows nothing of.

        Raises:
            CommandLost: nothing of it runs, and nothing is noted.
            ContainerLost: the container went away under it.
        """
        listed_s = -math.inf
        with self._death(container, f"end of {request.id}") as death:
            while not death.done():
                gone = False
                if now_s() - listed_s >= _LIST_EVERY_S:
                    gone, listed_s = await self._is_gone(container, request, output), now_s()
                found = await _noted(request)
                if found is not None:
                    return found.exit_code
                if gone and not death.done():
                    lost = f"nothing of {request.id} runs, and it noted no exit code: it was ended, or never began"
                    raise CommandLost(container.service, lost)
                await asyncio.wait({death}, timeout=_NOTED_EVERY_S)
        raise ContainerLost(container.service, "its container went away under what ran in it")

    async def _began(self, container: Container, request: ExecRequest, output: Output) -> bool:
        """Whether a command runs, or ran, though the engine says that it could not be started.

        One on its way out says so of what it has just begun, since nobody answers it any more.

        Raises:
            ContainerLost: its container does not run.
        """
        gone = await self._is_gone(container, request, output)
        return not gone or await _noted(request) is not None

    async def _is_gone(self, container: Container, request: ExecRequest, output: Output) -> bool:
        """Whether it is certain that a command does not run; then all of its output is here.

        Raises:
            ContainerLost: its container does not run, or has been started anew.
        """
        lost = ContainerLost(container.service, "its container went away under what ran in it")
        if await self._runs(container) is False:
            raise lost
        try:
            running = await self._calls(partial(adoption.forgotten, container.id))
        except ENGINE_ERRORS as error:
            if await self._runs(container) is False:
                raise lost from error
            _LOG.warning("%s: what runs in it cannot be seen: %s", container.service, said(error))
            return False
        if output.inside(request) in running:
            return False
        await output.collect(container, request)
        return True

    async def _not_started(self, container: Container, error: Exception) -> RuntimeFault:
        reason = said(error)
        if await self._runs(container, awake=True) is not True:
            return ContainerLost(container.service, f"its container does not run: {reason}")
        if "/bin/sh" in reason:
            reason += "; dockwarden needs /bin/sh in the image to run experiments in it"
        return ExecFailed(container.service, f"the command could not be started: {reason}")

    async def _await_death(self, container: Container, request: ExecRequest) -> None:
        """Raise if the container dies, or has died, within a moment."""
        with self._death(container, f"death under {request.id}") as death:
            if await self._runs(container) is not False:
                await asyncio.wait({death}, timeout=_DEATH_S)
                if not death.done():
                    return
        raise ContainerLost(container.service, "its container died under what ran in it")

    @contextmanager
    def _death(self, container: Container, watch: str) -> Iterator[asyncio.Future[int | None]]:
        """What is done once a container has died.

        Args:
            watch: by which name it is waited for; one for each who waits.
        """
        death: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._pending[watch] = _Pending(container, death, known=False)
        try:
            yield death
        finally:
            del self._pending[watch]

    async def _runs(self, container: Container, *, awake: bool = False) -> bool | None:
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

    async def _check(self, exec_id: str) -> None:
        pending = self._pending.get(exec_id)
        if pending is None:
            return
        if not pending.known:
            if await self._runs(pending.container) is False:
                self._resolve(exec_id, None)
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
                match await self._runs(pending.container):
                    case False:
                        self._resolve(exec_id, None)
                    case True if exec_id in self._pending and not pending.ended.done():
                        pending.ended.set_exception(_Forgotten())
                        forget(pending.ended)  # perhaps nobody waits any more
            elif not found["Running"]:
                self._resolve(exec_id, found["ExitCode"])

    def _resolve(self, exec_id: str, exit_code: int | None) -> None:
        pending = self._pending.get(exec_id)
        if pending is not None and not pending.ended.done():
            pending.ended.set_result(exit_code)


async def _noted(request: ExecRequest) -> Noted | None:
    """What the shell around a command has noted, in files that its container can write to."""
    return await asyncio.to_thread(noted, request.folder)


async def _prepared(output: Output, container: Container, request: ExecRequest) -> None:
    """Do what has to be done before a command may start."""
    await output.open(container, request)
    request.before()


@asynccontextmanager
async def _followed(
    output: Output, container: Container, request: ExecRequest
) -> AsyncIterator[None]:
    """Bring a command's output while it runs, and all of it when it has ended, or its container has."""
    follow = asyncio.create_task(output.follow(container, request), name=f"follow {request.id}")
    try:
        yield
    except ContainerLost:
        await _ended(follow)
        with contextlib.suppress(ContainerLost, CommandLost):  # what is still to be had
            await output.collect(container, request)
        raise
    finally:
        await _ended(follow)
    await output.collect(container, request)


async def _ended(task: asyncio.Task[None]) -> None:
    if not task.done():  # of a folder that is shared there is nothing to bring
        task.cancel()
        await asyncio.wait({task})
    forget(task)
