"""Starting services in the order of their dependencies, each of them once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from attrs import define, field

from engine.backend import Backend
from engine.backend.last_lines import Subject, quoted
from engine.errors import RuntimeFault, StartError
from engine.model.spec import Condition, Project
from engine.runtimes.base import Logging, Runtime
from engine.spool import MainLog
from engine.util.futures import forget

__all__ = ["StartUp"]


@define(eq=False)
class StartUp:
    """The starts of a controller's services, from the first call that asks for one until it is stopped.

    Args:
        project: what the compose file says.
        runtime: runs the one-shot services.
        backends: the controller's backends, by service; those that are missing are added.
        make: makes the backend of a service.
        folder_of: the folder that a service writes to; made if it does not exist.
        hide: takes secrets out of a text.
        output: the folder of all output.
    """

    _project: Project
    _runtime: Runtime
    _backends: dict[str, Backend]
    _make: Callable[[str], Backend]
    _folder_of: Callable[[str], Path]
    _hide: Callable[[str], str]
    _output: Path
    _tasks: dict[str, asyncio.Task[None]] = field(factory=dict, init=False)

    def __contains__(self, service: str) -> bool:
        """Whether its start has begun, and it has not been stopped since."""
        return service in self._tasks

    def __iter__(self) -> Iterator[str]:
        """The services whose start has begun; a service comes after what it depends on."""
        return iter(tuple(self._tasks))

    def task(self, service: str) -> asyncio.Task[None] | None:
        """The start of a service; None where it has not begun."""
        return self._tasks.get(service)

    def succeeded(self, service: str) -> bool:
        """Whether a service was started and was ready then."""
        task = self._tasks.get(service)
        return task is not None and task.done() and not task.cancelled() and not task.exception()

    def dependencies(self, service: str) -> list[str]:
        """Return the dependencies of a service whose start has begun."""
        return [
            other for other in self._project.services[service].depends_on if other in self._tasks
        ]

    def begin(self, order: Sequence[str]) -> dict[str, asyncio.Task[None]]:
        """Begin to start services; those whose start has begun already are left alone.

        Args:
            order: the services, each after what it depends on.

        Returns:
            the start of each.
        """
        one_shots = self._one_shots(order)
        for name in order:
            if name in self._tasks:  # perhaps by another call that needs it as well
                continue
            if name in one_shots:
                work = self._complete(name)
            else:
                if name not in self._backends:
                    self._backends[name] = self._make(name)
                work = self._bring(name)
            self._tasks[name] = asyncio.create_task(work, name=f"start {name}")
            self._tasks[name].add_done_callback(forget)
        return {name: self._tasks[name] for name in order}

    async def cut_short(self, services: Iterable[str], by: str) -> None:
        """Cancel the starts of services, and see them end.

        Args:
            by: the reason, for the callers that wait for them.
        """
        tasks = {task for name in services if (task := self._tasks.get(name)) is not None}
        for task in tasks:
            task.cancel(f"{by} cut its start short")
        if tasks:
            await asyncio.wait(tasks)

    def forget(self, service: str, start: asyncio.Task[None]) -> None:
        """Forget a start that has been undone, unless another one has begun since."""
        if self._tasks.get(service) is start:
            del self._tasks[service]

    def forget_all(self) -> None:
        """Forget all starts: everything is down."""
        self._tasks.clear()

    def _one_shots(self, services: Iterable[str]) -> set[str]:
        """The services among these that another one waits for to complete."""
        return {
            other
            for name in services
            for other, dependency in self._project.services[name].depends_on.items()
            if dependency.condition is Condition.COMPLETED
        }

    async def _bring(self, name: str) -> None:
        """Start a backend once its dependencies allow it, and see it settled."""
        backend = self._backends[name]
        await self._await_dependencies(name)
        backend.start()
        state = await backend.settled()
        if state != "ready":
            said = await backend.log.last_lines()
            reason = backend.fault.reason if backend.fault else f"it is {state}"
            raise StartError({name: reason}, {name: said} if said else None)

    async def _complete(self, name: str) -> None:
        """Run a one-shot service to its end."""
        await self._await_dependencies(name)
        try:
            folder = self._folder_of(name)
            container = await self._runtime.launch(name, folder)
            log = MainLog.of(self._output, name, 1, container.id)
            if isinstance(self._runtime, Logging):
                await self._runtime.keep_log(container, log)
            exit_code = await self._runtime.complete(container)
        except RuntimeFault as fault:
            raise StartError({name: self._hide(fault.reason)}) from fault
        if exit_code != 0:
            reason = f"it ended with exit code {exit_code}"
            subject = Subject(container, log, 1)
            said = await quoted(self._runtime, subject, reason, self._hide)
            raise StartError({name: reason}, {name: said})

    async def _await_dependencies(self, name: str) -> None:
        for other in self.dependencies(name):
            condition = self._project.services[name].depends_on[other].condition
            try:
                if condition is Condition.STARTED and other in self._backends:
                    await self._backends[other].launched()
                else:
                    await asyncio.shield(self._tasks[other])
            except StartError as error:
                raise StartError({name: f"not started, because {other} failed"}) from error


async def started(starts: Mapping[str, asyncio.Task[None]]) -> None:
    """Wait until all of these services are ready. A caller that is cancelled leaves them starting.

    Raises:
        StartError: some did not become ready; it names all of them.
    """
    await asyncio.wait(starts.values())
    reasons: dict[str, str] = {}
    quotes: dict[str, str] = {}
    for name, start in starts.items():
        try:
            start.result()
        except StartError as error:
            reasons.update(error.reasons)
            quotes.update(error.quoted)
        except asyncio.CancelledError as cancelled:
            reasons[name] = str(*cancelled.args[:1]) or "its start was cancelled"
    if reasons:
        raise StartError(reasons, quotes)
