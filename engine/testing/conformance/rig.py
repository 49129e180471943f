"""A runtime, opened on a scratch folder, with the short words that its tests are written in."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TypeVar

from attrs import define, field, frozen

from engine.runtimes.base import Container, ExecRequest, Happening, Notice, Runtime
from engine.spool import Spool
from engine.testing.conformance.scripts import LISTS_RUNNING, Script, Spelling, spelt

__all__ = ["PATIENCE_S", "Finished", "Rig", "until"]

PATIENCE_S = 120.0
"""For so long something may take that must happen. Not an expectation: machines are shared."""

_PAUSE_S = 0.02

_Found = TypeVar("_Found")


async def until(look: Callable[[], Awaitable[_Found]], what: str) -> _Found:
    """Look again and again until what is found is true, and return it.

    Raises:
        AssertionError: it did not come true, naming ``what`` was waited for.
    """
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                found = await look()
                if found:
                    return found
                await asyncio.sleep(_PAUSE_S)
    except TimeoutError as error:
        raise AssertionError(f"waited in vain for {what}") from error


@frozen
class Finished:
    """A command that has ended, and what it wrote."""

    exit_code: int
    stdout: bytes
    stderr: bytes
    by_itself: bool = True


@define
class Rig:
    """A runtime at work.

    Attributes:
        folder: a scratch folder; the outputs go there.
        services: those of the project, all of which are removed in the end.
        spell: makes a command of a script, for the runtime.
        notices: those of the runtime so far.
    """

    runtime: Runtime
    folder: Path
    services: tuple[str, ...]
    spell: Spelling = spelt
    notices: list[Notice] = field(factory=list)
    numbers: itertools.count[int] = field(factory=lambda: itertools.count(1))

    async def open(self) -> None:
        await self.runtime.open(self.notices.append)

    async def tear_down(self) -> None:
        """Remove everything that a test has started, also after a failure."""
        try:
            async with asyncio.TaskGroup() as group:
                for service in self.services:
                    group.create_task(self.runtime.remove(service, grace_s=0))
            await self.runtime.sweep()
        finally:
            await self.runtime.close()

    def spool_of(self, service: str) -> Spool:
        """Return the spool of a service."""
        (self.folder / "output").mkdir(exist_ok=True)
        spool = Spool(self.folder / "output", service)
        spool.make()
        return spool

    def folder_of(self, service: str) -> Path:
        """The folder that the service's container mounts."""
        return self.spool_of(service).folder

    async def start(self, service: str) -> Container:
        """Prepare and launch a service."""
        await self.runtime.prepare([service])
        return await self.runtime.launch(service, self.folder_of(service))

    async def ready(self, service: str) -> Container:
        """Start a service and wait until it is ready."""
        container = await self.start(service)
        async with asyncio.timeout(PATIENCE_S):
            await self.runtime.gate(container)
        return container

    def request(
        self,
        container: Container,
        *command: str,
        environment: Mapping[str, str] | None = None,
        working_dir: str | None = None,
    ) -> ExecRequest:
        name = f"request-{next(self.numbers)}"
        slot = self.spool_of(container.service).begin(name)
        slot.close()
        return ExecRequest(name, command, slot.folder, environment or {}, working_dir)

    async def run(self, container: Container, request: ExecRequest) -> Finished:
        """Run a request to its end."""
        async with asyncio.timeout(PATIENCE_S):
            result = await self.runtime.execute(container, request)
        written = output(request), output(request, "stderr")
        return Finished(result.exit_code, *written, by_itself=result.by_itself)

    async def do(self, container: Container, script: Script, *arguments: str) -> Finished:
        """Run a script to its end."""
        command = self.spell(script, *arguments)
        return await self.run(container, self.request(container, *command))

    async def begin(
        self, container: Container, script: Script, *arguments: str
    ) -> tuple[ExecRequest, asyncio.Task[Finished]]:
        """Start a script and wait until it says ``ready``; it goes on."""
        request = self.request(container, *self.spell(script, *arguments))
        task = asyncio.create_task(self.run(container, request))

        async def has_begun() -> bool:
            if task.done():
                raise AssertionError(f"{script.name} ended before it was ready: {task}")
            return output(request).startswith(b"ready")

        await until(has_begun, f"the output of {script.name}")
        return request, task

    async def survivors(self, container: Container, token: str) -> list[str]:
        """The pids of the processes in the container that have the token as an argument."""
        half = len(token) // 2
        listed = await self.do(container, LISTS_RUNNING, token[:half], token[half:])
        return listed.stdout.decode().split()

    async def until_ended(self, service: str) -> None:
        """Wait until the service's main process is seen not to run."""

        async def has_ended() -> bool:
            seen = await self.runtime.inspect(service)
            return seen is None or not seen.running

        await until(has_ended, f"the end of {service}")

    async def until_noticed(self, happening: Happening, container: Container) -> None:
        async def noticed() -> bool:
            return any(
                notice.happening is happening and notice.container_id == container.id
                for notice in self.notices
            )

        await until(noticed, f"a notice {happening.value} of {container.id}")


def output(request: ExecRequest, stream: str = "stdout") -> bytes:
    """Return the output of a request so far."""
    path = request.folder / stream
    return path.read_bytes() if path.exists() else b""
