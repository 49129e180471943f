"""Many backends of one project, in parallel, on one runtime.

This is the asynchronous heart: :class:`engine.manager.ContainerManager` is its face for programs without
an event loop of their own, and :mod:`engine.campaign` runs campaigns on it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import accumulate, islice
from pathlib import Path, PurePath
from typing import Final, Protocol, TypeVar

from attrs import define, evolve, field

from engine.backend import Backend, Effect, Fact
from engine.compose import needed
from engine.dispatch import Limits
from engine.errors import (
    DispatchError,
    InputError,
    RuntimeFault,
    SetupError,
    StartError,
    TeardownError,
)
from engine.heritage import Heritage
from engine.machine import Machine
from engine.names import RULE, is_plain
from engine.policy import BackendPolicy
from engine.record import Ended, GpuLook, Transition
from engine.runtimes.base import ExecRequest, Notice, Runtime, nothing
from engine.secrets import Secrets
from engine.spec import Condition, Project
from states import BACKEND, Lifecycle

__all__ = ["Controller", "Hold"]

_LOG: Final = logging.getLogger(__name__)
_T = TypeVar("_T")


class Hold(Protocol):
    """What is let go of once all is down."""

    def release(self) -> None:
        """Let go; harmless when repeated."""


@define(eq=False)
class Controller:
    """Runs the backends of a project.

    Args:
        project: what the compose file says.
        runtime: the hands; opened by :meth:`start`, closed by :meth:`teardown`.
        folder: an existing folder; what runs in a backend writes below ``folder/<service>``.
        policies: how each backend is run, by service; those that are not named run by default.
        seed: of the random generator (the jitter of backoffs).
        lifecycle: the table that backends live by; :data:`states.BACKEND` or an extension of it.
        effects: what the actions of an extended lifecycle do.
        facts: what its guards are told.
        marked: the names of variables whose values are kept secret whatever they are called; see
            :mod:`engine.secrets`.
        hold: called before anything is started; what it returns is released once all is down. See
            :meth:`engine.leash.Leash.hold`.
        heritages: what an earlier controller knew of backends, by service; each counts when its backend
            is first started.

    Attributes:
        backends: those that have been asked for, by service, and what they depend on.
    """

    project: Project
    runtime: Runtime
    folder: Path
    policies: Mapping[str, BackendPolicy] = field(factory=dict)
    seed: int | None = None
    lifecycle: Lifecycle = BACKEND
    effects: Mapping[str, Effect] = field(factory=dict)
    facts: Mapping[str, Fact] = field(factory=dict)
    marked: Collection[str] = ()
    hold: Callable[[], Hold] | None = None
    heritages: Mapping[str, Heritage] = field(factory=dict)

    backends: dict[str, Backend] = field(factory=dict, init=False)
    _starting: dict[str, asyncio.Task[None]] = field(factory=dict, init=False)
    _roots: dict[str, str] = field(factory=dict, init=False)
    _secrets: Secrets = field(init=False)
    _machine: Machine = field(init=False)
    _rng: random.Random = field(init=False)
    _open: bool = field(default=False, init=False)
    _opening: asyncio.Lock = field(factory=asyncio.Lock, init=False)
    _held: Hold | None = field(default=None, init=False)
    _listeners: list[Callable[[Transition], None]] = field(factory=list, init=False)
    _onlookers: list[Callable[[GpuLook], None]] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        lifecycle = self.lifecycle
        undone = sorted(lifecycle.actions.keys() - BACKEND.actions.keys() - self.effects.keys())
        if undone:
            raise InputError(
                f"the lifecycle {lifecycle.name!r} has actions that nothing does:"
                f" {', '.join(undone)}; pass a function for each under effects"
            )
        untold = sorted(lifecycle.facts.keys() - BACKEND.facts.keys() - self.facts.keys())
        if untold:
            raise InputError(
                f"the lifecycle {lifecycle.name!r} has facts that nobody tells:"
                f" {', '.join(untold)}; pass a function for each under facts"
            )
        self._secrets = Secrets.of_project(self.project, self.marked)
        self._machine = Machine(self.lifecycle)
        self._rng = random.Random(self.seed)  # noqa: S311 - jitter, not cryptography

    def on_transition(self, listener: Callable[[Transition], None]) -> None:
        """Call ``listener`` with each transition from now on, before its action begins."""
        self._listeners.append(listener)

    def on_look(self, listener: Callable[[GpuLook], None]) -> None:
        """Call ``listener`` with what each look at a backend's GPUs shows from now on."""
        self._onlookers.append(listener)

    async def start(self, services: Iterable[str], *, wait: bool = True) -> None:
        """Start these services and what they depend on, and nothing else.

        A service is started once its dependencies have reached what it asks of them. Those that are
        running already are left alone.

        Args:
            wait: whether to wait until all of them are ready.

        Raises:
            ComposeError: a service is unknown, or asks for something that the runtime cannot do.
            RuntimeUnavailable: the runtime cannot work here.
            StartError: something did not become ready.
        """
        order = needed(self.project, services)
        await self._begin()
        try:
            await self.runtime.prepare([name for name in order if name not in self._starting])
        except RuntimeFault as fault:
            raise StartError({fault.service: self._hide(fault.reason)}) from fault
        one_shots = self._completing(order)
        for name in order:
            if name in self._starting:  # perhaps only since: by somebody who needs it as well
                continue
            if name in one_shots:
                bring = self._complete(name)
            else:
                if name not in self.backends:
                    self.backends[name] = self._backend(name)
                bring = self._bring(name)
            self._starting[name] = asyncio.create_task(bring, name=f"start {name}")
        if wait:
            await self._started(order)

    async def _begin(self) -> None:
        async with self._opening:
            if not self._open:
                await self.runtime.open(self._observe)
                self._open = True
        if self.hold is not None and self._held is None:
            self._held = self.hold()

    async def clear(self, services: Iterable[str]) -> None:
        """Remove what dead controllers have left of services that are not started here.

        What else they have left goes with the teardown.

        Raises:
            RuntimeUnavailable: the runtime cannot work here.
            RemovalFailed: something could not be removed; what comes after it has not been tried.
        """
        await self._begin()
        for name in services:
            if name not in self._starting:
                await self.runtime.remove(name, grace_s=0)

    @property
    def opened(self) -> bool:
        """Whether the runtime is in use: from the first start on until all is down."""
        return self._open

    def started(self, service: str) -> bool:
        """Whether a service has been started and was ready then; what became of it, its backend knows."""
        task = self._starting.get(service)
        return task is not None and task.done() and not task.cancelled() and not task.exception()

    def backend(self, service: str) -> Backend:
        """The backend of a service that has been started.

        Raises:
            DispatchError: it has not been.
        """
        if service not in self.backends:
            started = ", ".join(self.backends) or "none"
            raise DispatchError(
                f"{service} has not been started (started: {started}); start it first"
            )
        return self.backends[service]

    async def execute(
        self,
        service: str,
        command: Sequence[str],
        *,
        id: str,  # noqa: A002 - the word for it everywhere else
        folder: str | None = None,
        environment: Mapping[str, str] | None = None,
        working_dir: str | None = None,
        user: str | None = None,
        timeout_s: float | None = None,
        silence_s: float | None = None,
        grace_s: float = 10.0,
        before: Callable[[], None] = nothing,
    ) -> Ended:
        """Run a command in a service's container, and wait for its end.

        Args:
            command: the argument vector.
            id: unique within the project's run; a plain file name.
            folder: where its ``stdout`` and ``stderr`` go, relative to the service's folder; made if it
                is not there. None for ``id``.
            timeout_s: wall clock limit in seconds; then its whole process tree is ended.
            silence_s: how long it may write nothing, in seconds; then likewise.
            grace_s: seconds between TERM and KILL, when it has to be ended.
            before: see :class:`~engine.runtimes.base.ExecRequest`.

        Raises:
            DispatchError: it could not be handed over; it has not run.
            InputError: its folder would not lie within its service's.
            SetupError: its folder cannot be made.
        """
        backend = self.backend(service)
        if environment:
            self._secrets |= Secrets.of(environment, marked=self.marked)
        request = ExecRequest(
            id=id,
            command=command,
            folder=backend.folder / (folder or id),
            environment=environment or {},
            working_dir=working_dir,
            user=user,
            before=before,
        )
        if not _lies_within(folder or id, self._roots[service]):
            raise InputError(
                f"the folder {folder!r} leads out of that of {service}; name one within"
            )
        try:
            _make(request.folder)
        except OSError as error:
            raise _no_folder(request.folder, error) from error
        return await backend.execute(request, Limits(timeout_s, silence_s, grace_s))

    async def outlived(self, service: str) -> Ended | None:
        """Wait for the end of the command that an earlier controller left running in a service.

        Returns:
            how it ended; None where there is nothing to wait for: no such command, or its container is
            gone, or was not fit to be taken over.

        Raises:
            DispatchError: the service has not been started.
        """
        backend, starting = self.backend(service), self._starting[service]
        outlived = asyncio.create_task(backend.outlived(), name=f"outlived {service}")
        await asyncio.wait({outlived, starting}, return_when=asyncio.FIRST_COMPLETED)
        if backend.state == "stopped" and not outlived.done():  # its start was given up
            outlived.cancel()
            return None
        return await outlived

    async def stop(self, services: Iterable[str]) -> None:
        """Stop these backends and forget that they were started; what they depend on stays.

        Raises:
            RemovalFailed: one could not be removed; those after it have not been tried.
        """
        for name in services:
            starting = self._starting.get(name)
            if starting is not None:
                starting.cancel()
                await asyncio.gather(starting, return_exceptions=True)
                await self._stop(name, None, (), "not needed any more")
                # Somebody else may have stopped it as well meanwhile.
                if self._starting.get(name) is starting:
                    del self._starting[name]

    async def teardown(self, *, grace_s: float | None = None) -> None:
        """Stop everything, dependants before what they depend on, and leave nothing of ours.

        Harmless when repeated; works from every state. Named volumes stay. One member that cannot be
        removed does not hold up the others.

        Args:
            grace_s: how long each graceful end may take, in seconds; None for each backend's own.

        Raises:
            TeardownError: something could not be removed; it names each.
        """
        if not self._open:
            return
        for task in self._starting.values():
            task.cancel()
        await asyncio.gather(*self._starting.values(), return_exceptions=True)
        stops: dict[str, asyncio.Task[None]] = {}
        for name in reversed(self._starting):  # a dependant comes after what it depends on
            after = [stops[other] for other in stops if name in self._dependencies(other)]
            stops[name] = asyncio.create_task(self._stop(name, grace_s, after), name=f"stop {name}")
        leftovers: dict[str, str] = {}
        for name in self.heritages.keys() - self._starting.keys():  # nobody came to take it over
            stops[name] = asyncio.create_task(self._stop(name, 0, ()), name=f"stop {name}")
        for name, stop in stops.items():
            try:
                await stop
            except RuntimeFault as fault:
                leftovers[name] = fault.reason
        leftovers.update(await self.runtime.sweep())
        leftovers = {name: self._hide(reason) for name, reason in leftovers.items()}
        if leftovers:
            raise TeardownError(leftovers)
        self._starting.clear()
        self._open = False
        await self.runtime.close()
        if self._held is not None:
            self._held.release()
            self._held = None

    # How it is done

    def _backend(self, name: str) -> Backend:
        folder = self._folder_of(name)
        self._roots[name] = os.path.realpath(folder)
        return Backend(
            spec=self.project.services[name],
            runtime=self.runtime,
            machine=self._machine,
            policy=self.policies.get(name, BackendPolicy()),
            folder=folder,
            on_transition=self._tell,
            on_look=self._tell_look,
            rng=self._rng,
            effects=self.effects,
            facts=self.facts,
            heritage=self.heritages.get(name),
            hide=self._hide,
        )

    def _folder_of(self, service: str) -> Path:
        """Where what runs in a service writes; made if it is not there.

        Raises:
            InputError: no folder may be called that; a project that real Compose has read may have it.
            SetupError: it cannot be made.
        """
        if not is_plain(service):
            raise InputError(
                f"no folder can be named like the service {service!r}; it takes {RULE}"
            )
        folder = self.folder / service
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise _no_folder(folder, error) from error
        return folder

    def _hide(self, text: str) -> str:
        return self._secrets.hide(text)

    def _dependencies(self, name: str) -> list[str]:
        """What ``name`` depends on, as far as it is here."""
        return [
            other for other in self.project.services[name].depends_on if other in self._starting
        ]

    def _completing(self, services: Iterable[str]) -> set[str]:
        """The one-shot services among ``services``: those that somebody waits for to complete."""
        return {
            other
            for name in services
            for other, dependency in self.project.services[name].depends_on.items()
            if dependency.condition is Condition.COMPLETED
        }

    async def _bring(self, name: str) -> None:
        """Start a backend once its dependencies allow it, and see it settled."""
        backend = self.backends[name]
        await self._await_dependencies(name)
        backend.start()
        state = await backend.settled()
        if state != "ready":
            raise StartError({name: backend.fault.reason if backend.fault else f"it is {state}"})

    async def _complete(self, name: str) -> None:
        """Run a one-shot service to its end."""
        await self._await_dependencies(name)
        try:
            container = await self.runtime.launch(name, self._folder_of(name))
            exit_code = await self.runtime.complete(container)
        except RuntimeFault as fault:
            raise StartError({name: self._hide(fault.reason)}) from fault
        if exit_code != 0:
            last = "".join(f"\n    {line}" for line in await self.runtime.logs(name, 20))
            last = self._hide(last)
            raise StartError({name: f"it ended with exit code {exit_code}; its last lines:{last}"})

    async def _await_dependencies(self, name: str) -> None:
        for other in self._dependencies(name):
            condition = self.project.services[name].depends_on[other].condition
            try:
                if condition is Condition.STARTED and other in self.backends:
                    await self.backends[other].launched()
                else:
                    await asyncio.shield(self._starting[other])
            except StartError as error:
                raise StartError({name: f"not started, because {other} failed"}) from error

    async def _started(self, services: Sequence[str]) -> None:
        """Wait until all of ``services`` are ready; raise for all that are not, at once."""
        tasks = [self._starting[name] for name in services]
        reasons: dict[str, str] = {}
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        for name, outcome in zip(services, outcomes, strict=True):
            if isinstance(outcome, StartError):
                reasons.update(outcome.reasons)
            elif isinstance(outcome, asyncio.CancelledError):
                reasons[name] = "a teardown cut its start short"
            elif isinstance(outcome, BaseException):
                raise outcome
        if reasons:
            raise StartError(reasons)

    async def _stop(
        self,
        name: str,
        grace_s: float | None,
        after: Sequence[asyncio.Task[None]],
        reason: str = "teardown",
    ) -> None:
        if after:
            await asyncio.wait(after)
        backend = self.backends.get(name)
        if backend is not None:
            await backend.stop(grace_s=grace_s, reason=reason)
        else:
            spec_s = self.project.services[name].stop_grace_period_s
            await self.runtime.remove(name, grace_s=spec_s if grace_s is None else grace_s)

    def _observe(self, notice: Notice) -> None:
        for backend in self.backends.values():
            if notice.service in (None, backend.name):
                backend.observe(notice)

    def _tell_look(self, look: GpuLook) -> None:
        _each(self._onlookers, evolve(look, reason=self._hide(look.reason)))

    def _tell(self, transition: Transition) -> None:
        _LOG.info(
            "%s: %s -> %s (%s: %s)",
            transition.backend,
            transition.source,
            transition.target,
            transition.event,
            transition.reason,
        )
        _each(self._listeners, transition)


def _each(listeners: Iterable[Callable[[_T], None]], what: _T) -> None:
    """Tell it to each of them."""
    for listener in listeners:
        try:
            listener(what)
        except Exception:  # noqa: BLE001 - a listener of the user's own must not stop a teardown
            _LOG.exception("a listener failed on %s", what)


def _lies_within(folder: str, root: str) -> bool:
    """Whether a folder, wherever links in it lead, lies within the one that it is named from.

    Args:
        root: the real path of that one.
    """
    steps = PurePath(folder).parts
    if steps[:1] != ("/",) and ".." not in steps:
        on_the_way = accumulate(steps, "{}/{}".format, initial=root)
        if not any(map(os.path.islink, islice(on_the_way, 1, None))):
            return True
    return os.path.commonpath((os.path.realpath(Path(root, folder)), root)) == root


def _make(folder: Path) -> None:
    """Make a request's folder. A controller that died before it handed the request over left it empty."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        if not folder.is_dir() or any(folder.iterdir()):
            raise


def _no_folder(folder: Path, error: OSError) -> SetupError:
    return SetupError(
        f"the folder {folder} cannot be made: {error.strerror or error}; free some space, or make the"
        " folder above it writable"
    )
