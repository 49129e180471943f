"""Commands in containers: started detached, and known to have ended by the engine's event.

A command's output goes straight from its process into files, mostly in a folder that the container shares
with this machine (see :mod:`engine.runtimes.docker.commands.output`), so nothing passes through a connection that
could lose it, no thread waits, and it goes on when the controller dies. Its exit code comes with the engine's
``exec_die`` event (see :mod:`engine.runtimes.docker.commands.ends`). An engine that has been restarted has forgotten its execs,
and what it had started may run on: then the exit code that the command's shell notes is waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

from engine.errors import CommandLost, ContainerLost, ExecFailed, RuntimeFault
from engine.model.results import LeftProcess
from engine.runtimes.base import Container, ContainerProcesses, ExecRequest, ExecResult
from engine.runtimes.docker.commands.ends import Ends, Forgotten
from engine.runtimes.docker.commands.following import followed, prepared
from engine.runtimes.docker.commands.leftovers import Leftovers
from engine.runtimes.docker.commands.output import Output
from engine.runtimes.docker.commands.starting import Starts, Unheard
from engine.runtimes.docker.daemon.client import ENGINE_ERRORS, Calls, said
from engine.runtimes.docker.ownership import adoption
from engine.runtimes.exit_status import Noted, begun, noted
from engine.runtimes.in_container import MARK, RUN
from engine.spool import handed_variables
from engine.util.clock import now_s

__all__ = ["Execs"]

_LOG: Final = logging.getLogger(__name__)

_SHELL: Final = ("/bin/sh", "-c")
_VERIFY_S: Final = 30.0
"""How long ending a process tree may take on top of its grace."""

_DEATH_S: Final = 2.0
"""How long a container's own death may come after that of what ran in it."""

_STARTS: Final = 4
"""How many execs may be created for one command, each because the engine went away before the command began."""

_NOTED_EVERY_S: Final = 0.5
"""How often a noted exit code is looked for, on this machine, where no event tells of it."""

_LIST_EVERY_S: Final = 30.0
"""How often it is then asked whether the command still runs."""


_NOT_RUN: Final = 2
"""The exit code of the shell where it does not run its command: another one does, or its files cannot be opened."""

_UNLIKELY: Final = (0, _NOT_RUN)
"""That, and 0: the exit code of a program in the shell's place that does nothing."""

_UNNOTED: Final = "the shell around it ended without a note of its end: it was replaced, or could not write its files"


class Execs:
    """Starts execs and tells when they have ended.

    Args:
        calls: the way to the engine.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._killed: set[str] = set()
        self._over: set[str] = set()
        self._ends = Ends(calls)
        self._starts = Starts(calls, self._ends)
        self._leftovers = Leftovers(calls, self._starts.run)

    async def execute(
        self, container: Container, request: ExecRequest, output: Output
    ) -> ExecResult:
        """Run a request's command; see :meth:`Runtime.execute`.

        Args:
            output: how what it writes gets here.
        """
        began_ns = time.time_ns()
        try:  # side by side: what is created does not run yet
            exec_id, _, _ = await asyncio.gather(
                self._create_for(container, request, output, number=1),
                prepared(output, container, request),
                self._leftovers.begin(container, request, output.inside(request)),
            )
        except ENGINE_ERRORS as error:
            raise await self._starts.failure(container, error) from error
        async with self._end_kept(container, request, output):
            async with followed(output, container, request):
                exit_code = await self._once(container, request, output, exec_id)
                self._is_over(request)
            return await self._result(container, request, output, exit_code, began_ns)

    async def _once(
        self, container: Container, request: ExecRequest, output: Output, exec_id: str
    ) -> int:
        """Run a command once, however often the engine goes away while it is to start it.

        An engine that went away can have handed the start on, so that the command begins late, beside a
        later exec for it. The shells around them settle which one runs it (see ``run.sh``); then only what
        that one notes tells how the command ended.

        Args:
            exec_id: of the first exec, which has been created.
        """
        for number in range(1, _STARTS + 1):
            try:
                exit_code = await self._starts.begin(container, exec_id)
            except Unheard:
                last = number == _STARTS or request.id in self._killed
                if last or not await self._never_began(container, request, output):
                    break
                _LOG.info(
                    "%s: %s had not begun when the engine went away, and is started again",
                    container.service,
                    request.id,
                )
                try:
                    exec_id = await self._create_for(container, request, output, number=number + 1)
                except ENGINE_ERRORS as error:
                    raise await self._starts.failure(container, error) from error
            except (Forgotten, ExecFailed) as error:
                failed = isinstance(error, ExecFailed)
                if failed and not await self._began(container, request, output):
                    raise
                break
            else:
                if number > 1:
                    with contextlib.suppress(CommandLost):
                        return await self._until_noted(container, request, output)
                return exit_code
        return await self._until_noted(container, request, output)

    async def _never_began(
        self, container: Container, request: ExecRequest, output: Output
    ) -> bool:
        """Whether nothing at all is seen of a command: no shell, no note, and nothing that it started.

        A note alone proves nothing, since the container can remove it.

        Raises:
            ContainerLost: its container does not run.
        """
        if not await self._is_gone(container, request, output):
            return False
        if await asyncio.to_thread(begun, request.folder):
            return False
        try:
            found = await self._leftovers.of(container, request)
        except ENGINE_ERRORS as error:
            _LOG.warning("%s: what runs in it cannot be seen: %s", container.service, said(error))
            return False
        return all(one.doubtful for one in found)

    async def _create_for(
        self, container: Container, request: ExecRequest, output: Output, *, number: int
    ) -> str:
        """Create an exec for a request's command.

        Args:
            number: of the execs for this command, beginning with 1.
        """
        folder = output.inside(request)
        return await self._starts.create(
            container,
            [*_SHELL, RUN, "dockwarden", folder, str(number), *request.command],
            environment={**request.environment, **handed_variables(folder), MARK: request.id},
            user=request.user,
            working_dir=request.working_dir,
        )

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
        async with self._end_kept(container, request, output):
            async with followed(output, container, request):
                exit_code = await self._end_of(container, request, output)
                self._is_over(request)
            return await self._result(container, request, output, exit_code, began_ns)

    def _is_over(self, request: ExecRequest) -> None:
        """Take note that a command has ended: a kill from now on did not end it."""
        if request.id not in self._killed:
            self._over.add(request.id)

    @asynccontextmanager
    async def _end_kept(
        self, container: Container, request: ExecRequest, output: Output
    ) -> AsyncIterator[None]:
        """Give a loss of the container the end that the command had come to before.

        What the shell around the command has noted is here only after all of the output is.
        """
        try:
            yield
            await output.release(container, request)
        except CommandLost:
            await output.release(container, request)  # what is lost does not begin late
            raise
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
                return await self._ends.wait(container, exec_id)
        except Forgotten:
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
        # the command's, which perhaps has not even run. Nor is the shell's own beside a note that says otherwise.
        forged = exit_code == _NOT_RUN and found is not None and found.exit_code != exit_code
        unnoted = request.id not in self._killed and (
            (found is None and exit_code in _UNLIKELY) or (forged and not away)
        )
        by_itself = request.id not in self._killed or (
            found is not None and not found.may_be_killed and found.exit_code == exit_code
        )
        code = found.exit_code if found is not None and away else exit_code
        ran = found.ran if found is not None else None
        problem = output.problem(request) or (_UNNOTED if unnoted else "")
        return ExecResult(code, ran, by_itself, problem, output.warnings(request))

    async def end(self, container: Container, request: ExecRequest, *, grace_s: float) -> bool:
        """End all that a request started; see :meth:`Runtime.kill`."""
        if request.id not in self._over:
            self._killed.add(request.id)
        try:
            async with asyncio.timeout(grace_s + _VERIFY_S):
                while True:
                    with contextlib.suppress(Forgotten):
                        return await self._leftovers.end(container, request, grace_s=grace_s)
        except ContainerLost:  # gone, and all of it with it; or only paused
            return await self._ends.runs(container) is False
        except (TimeoutError, ExecFailed):
            return False
        except ENGINE_ERRORS as error:
            if await self._ends.runs(container) is False:
                return True
            _LOG.warning("%s: what runs in it cannot be seen: %s", container.service, said(error))
            return False

    async def processes(self, container: Container) -> ContainerProcesses:
        """Return the processes of a container; raises the engine's errors."""
        return await self._leftovers.processes(container)

    async def leftovers(
        self, container: Container, request: ExecRequest
    ) -> tuple[LeftProcess, ...]:
        """Return the running processes that a request started; see :meth:`Runtime.leftovers`."""
        try:
            return await self._leftovers.of(container, request)
        except ENGINE_ERRORS as error:
            if await self._ends.runs(container) is False:
                lost = f"its container went away: {said(error)}"
                raise ContainerLost(container.service, lost) from error
            unseen = f"what {request.id} left running cannot be seen: {said(error)}"
            raise RuntimeFault(container.service, unseen) from error

    def on_event(self, event: Mapping[str, Any]) -> None:
        """Take in an event of the engine's."""
        self._ends.on_event(event)

    def on_blind(self) -> None:
        """Inspect everything that is waited for: its end may have been missed."""
        self._ends.on_blind()

    async def _until_noted(self, container: Container, request: ExecRequest, output: Output) -> int:
        """Wait until the shell around a command has noted its end, which the engine knows nothing of.

        Raises:
            CommandLost: nothing of it runs, and nothing is noted.
            ContainerLost: the container went away under it.
        """
        listed_s = -math.inf
        with self._ends.death(container, f"end of {request.id}") as death:
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

        An engine that is stopping says so of a command that it has just begun, since its parts have ended.

        Raises:
            ContainerLost: its container does not run.
        """
        gone = await self._is_gone(container, request, output)
        return not gone or await _noted(request) is not None

    async def _is_gone(self, container: Container, request: ExecRequest, output: Output) -> bool:
        """Whether it is certain that a command does not run; then all of its output is here.

        Raises:
            ContainerLost: its container does not run, or has been started again.
        """
        lost = ContainerLost(container.service, "its container went away under what ran in it")
        if await self._ends.runs(container) is False:
            raise lost
        try:
            running = await self._calls(partial(adoption.forgotten, container.id))
        except ENGINE_ERRORS as error:
            if await self._ends.runs(container) is False:
                raise lost from error
            _LOG.warning("%s: what runs in it cannot be seen: %s", container.service, said(error))
            return False
        if output.inside(request) in running:
            return False
        await output.collect(container, request)
        return True

    async def _await_death(self, container: Container, request: ExecRequest) -> None:
        """Raise if the container dies, or has died, within a moment."""
        with self._ends.death(container, f"death under {request.id}") as death:
            if await self._ends.runs(container) is not False:
                await asyncio.wait({death}, timeout=_DEATH_S)
                if not death.done():
                    return
        raise ContainerLost(container.service, "its container died under what ran in it")


async def _noted(request: ExecRequest) -> Noted | None:
    """Read the notes of the shell around a command, in files that its container can write to."""
    return await asyncio.to_thread(noted, request.folder)
