"""Many backends of one project, in parallel, on one runtime.

This is the asynchronous heart: :class:`engine.manager.ContainerManager` is its face for programs without
an event loop, and :mod:`engine.campaign` runs campaigns on it.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import random
import threading
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePath
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeVar

from attrs import define, evolve, field

from engine.backend import Backend, Effect, Fact
from engine.backend.execution import Limits
from engine.backend.handover import Heritage
from engine.backend.lifecycle import BackendLifecycle
from engine.backend.machine import Machine
from engine.compose import needed
from engine.control.calls_in_flight import InFlight
from engine.control.runtime_session import Hold, Opening
from engine.control.startup import StartUp, started
from engine.control.usability import Use
from engine.errors import (
    DispatchError,
    InputError,
    RuntimeFault,
    SetupError,
    StartError,
    TeardownError,
    UsedOnOtherLoop,
)
from engine.model.measurements import Declared
from engine.model.results import Ended, GpuLook, Leftovers, Transition
from engine.model.secrets import project_secrets
from engine.model.service_change import ServiceChange
from engine.model.spec import Condition, Project
from engine.policy import BackendPolicy
from engine.runtimes.base import MAX_OUTPUT_BYTES, ExecRequest, Notice, Runtime, nothing
from engine.spool import Spool
from engine.util.futures import forget
from engine.util.names import RULE, is_plain
from engine.util.redaction import Secrets
from engine.watchdog import watchdog
from states import BACKEND, Lifecycle

__all__ = ["Controller", "Hold"]

_LOG: Final = logging.getLogger(__name__)
_T = TypeVar("_T")


_CUT_SHORT: Final = "a teardown"
_UNDER_WAY: Final = "a teardown is under way; start it again once that has ended"
_LAST_S: Final = 60.0
"""How long calls may take to return, in seconds, once everything that they wait for is down."""


@define(eq=False)
class Controller:
    """Runs the backends of a project, on the event loop that it is first used on.

    Use it as an asynchronous context manager: everything is torn down at the end, also after an error.

    Args:
        project: what the compose file says.
        runtime: the hands; opened by :meth:`start`, closed by :meth:`teardown`.
        folder: an existing folder; the output of what has run in a backend is below ``folder/<service>``.
        policies: how each backend is run, by service; those that are not named run by default.
        seed: of the random generator (the jitter of backoffs).
        lifecycle: the table that backends are run by, :data:`states.BACKEND` or an extension of it; or
            a :class:`~engine.backend.lifecycle.BackendLifecycle`, which has its functions with it.
        effects: a function for each action that an extended table adds, by name.
        facts: a function for each fact that it adds, by name.
        marked: the names of variables whose values are kept secret regardless of their names; see
            :mod:`engine.util.redaction`.
        hold: called in a thread before anything is started; what it returns is released once all is
            down. By default that is the watchdog, a process which removes what this controller started
            if this process dies (:func:`engine.watchdog.watchdog`); it is left out where nothing outlives
            the process, as with the simulated runtime. None for no watchdog: the backends stay.
        heritages: what an earlier controller knew of backends, by service; each counts when its backend
            is first started.

    Attributes:
        backends: those that have been asked for, by service, and what they depend on.

    Example:
        >>> async with Controller(project, runtime, folder) as controller:  # doctest: +SKIP
        ...     await controller.start(["pytorch"])
        ...     ended = await controller.execute("pytorch", ["python3", "kernels.py"], id="first")
    """

    project: Project
    runtime: Runtime
    folder: Path
    policies: Mapping[str, BackendPolicy] = field(factory=dict)
    seed: int | None = None
    lifecycle: Lifecycle | BackendLifecycle = BACKEND
    effects: Mapping[str, Effect] = field(factory=dict)
    facts: Mapping[str, Fact] = field(factory=dict)
    marked: Collection[str] = ()
    hold: Callable[[], Hold] | Literal["watchdog"] | None = "watchdog"
    heritages: Mapping[str, Heritage] = field(factory=dict)

    backends: dict[str, Backend] = field(factory=dict, init=False)
    _spools: dict[str, Spool] = field(factory=dict, init=False)
    _lifecycle: BackendLifecycle = field(init=False)
    _secrets: Secrets = field(init=False)
    _machine: Machine = field(init=False)
    _rng: random.Random = field(init=False)
    _startup: StartUp = field(init=False)
    _changes: dict[str, ServiceChange | None] = field(factory=dict, init=False)
    _opening: Opening = field(init=False)
    _use: Use = field(factory=partial(Use, "Controller"), init=False)
    _loop: asyncio.AbstractEventLoop | None = field(default=None, init=False)
    _calls: InFlight = field(factory=InFlight, init=False)
    _preparing: set[asyncio.Task[Any]] = field(factory=set, init=False)
    _down: asyncio.Task[None] | None = field(default=None, init=False)
    _hurries: set[asyncio.Task[None]] = field(factory=set, init=False)
    _grace_s: float | None = field(default=None, init=False)
    _listeners: list[Callable[[Transition], None]] = field(factory=list, init=False)
    _onlookers: list[Callable[[GpuLook], None]] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        given = self.lifecycle
        if isinstance(given, Lifecycle):
            given = BackendLifecycle(given, self.effects, self.facts)
        self._lifecycle = given
        self._secrets = project_secrets(self.project, self.marked)
        self._machine = Machine(given.table)
        self._rng = random.Random(self.seed)  # noqa: S311 - jitter, not cryptography
        self._startup = StartUp(
            *(
                self.project,
                self.runtime,
                self.backends,
                self._backend,
                self._folder_of,
                self._hide,
            ),
            output=self.folder,
        )
        hold = watchdog(self.runtime) if self.hold == "watchdog" else self.hold
        self._opening = Opening(self.runtime, hold)

    @property
    def table(self) -> Lifecycle:
        """The states and transitions that its backends are run by."""
        return self._lifecycle.table

    def on_transition(self, listener: Callable[[Transition], None]) -> None:
        """Call ``listener`` with each transition from now on, before its action begins."""
        self._listeners.append(listener)

    def on_look(self, listener: Callable[[GpuLook], None]) -> None:
        """Call ``listener`` with the result of each GPU check from now on."""
        self._onlookers.append(listener)

    async def start(self, services: Iterable[str], *, wait: bool = True) -> None:
        """Start these services and what they depend on, and nothing else.

        A service is started once its dependencies have reached what it asks of them. Those that are
        running already are left alone. A caller that is cancelled gives up waiting: what has begun to
        start goes on, until :meth:`stop` or :meth:`teardown`.

        Args:
            wait: whether to wait until all of them are ready.

        Raises:
            ComposeError: a service is unknown, or asks for something that the runtime cannot do.
            RuntimeUnavailable: the runtime cannot work here.
            StartError: something did not become ready, or a teardown came first.
            UseError: this controller cannot be used here; see :class:`engine.errors.UseError`.
        """
        order = needed(self.project, services)
        with self._call("start"):
            await self._before_teardown(self._prepare(order), order)
            starts = self._startup.begin(order)
            if wait:
                await started(starts)

    async def _prepare(self, order: Sequence[str]) -> None:
        """See to what has to be there before any of these services starts."""
        await self._opening.open(self._observe)
        try:
            await self.runtime.prepare([name for name in order if name not in self._startup])
        except RuntimeFault as fault:
            raise StartError({fault.service: self._hide(fault.reason)}) from fault

    async def clear(self, services: Iterable[str]) -> None:
        """Remove what dead controllers have left of services that are not started here.

        What else they have left goes with the teardown.

        Raises:
            RuntimeUnavailable: the runtime cannot work here.
            RemovalFailed: something could not be removed; what comes after it has not been tried.
            StartError: a teardown came first.
            UseError: this controller cannot be used here.
        """
        services = list(services)
        with self._call("clear"):
            await self._before_teardown(self._clear(services), services)

    async def _clear(self, services: Iterable[str]) -> None:
        await self._opening.open(self._observe)
        for name in services:
            if name not in self._startup:
                await self.runtime.remove(name, grace_s=0)

    async def _before_teardown(self, work: Coroutine[Any, Any, _T], services: Iterable[str]) -> _T:
        """Do what a teardown has to see the end of before it knows what there is to take down.

        Raises:
            StartError: a teardown is under way, or came before its end.
        """
        if self._tearing_down():
            work.close()
            raise StartError(dict.fromkeys(services, _UNDER_WAY))
        task = asyncio.create_task(work, name="before the start")
        self._preparing.add(task)
        task.add_done_callback(self._preparing.discard)
        try:
            done = await task
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if not self._tearing_down() or (caller is not None and caller.cancelling()):
                raise
        else:
            if not self._tearing_down():
                return done
        raise StartError(dict.fromkeys(services, f"{_CUT_SHORT} cut its start short"))

    @contextmanager
    def _call(self, name: str) -> Iterator[None]:
        """Let a call in, where it can work, and have a teardown wait for its end."""
        self._check(name)
        with self._calls.call(name):
            yield

    def _check(self, call: str) -> None:
        self._use.check_process(call)
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise UsedOnOtherLoop(self._other_loop(call, self._loop), call=call)

    def _other_loop(self, call: str, first: asyncio.AbstractEventLoop) -> str:
        said = f"{call} was called on another event loop than the one that this Controller was first used on"
        if not first.is_closed():
            return f"{said}; call it there (asyncio.run_coroutine_threadsafe)"
        up = ", ".join(name for name, one in self.backends.items() if one.state != "stopped")
        if not up or not self.opened:
            return f"{said}, which is closed; make a new Controller"
        return (
            f"{said}, which was closed while these were up: {up}. Remove them with dockwarden down"
            + ("" if self.hold is None else "; the watchdog does when this process ends")
            + ". Next time, tear down before the loop ends: async with Controller(...)"
        )

    def _tearing_down(self) -> bool:
        return self._down is not None

    @property
    def opened(self) -> bool:
        """Whether the runtime is in use: from the first start on until all is down."""
        return self._opening.is_open

    @property
    def up(self) -> tuple[str, ...]:
        """The services whose start has begun; each comes after what it depends on."""
        return tuple(self._startup)

    def started(self, service: str) -> bool:
        """Whether a service has been started and was ready then; what became of it, its backend knows."""
        return self._startup.succeeded(service)

    def change(self, service: str, change: ServiceChange | None) -> None:
        """Have the service's containers made with a change from its next start, reset or recreation on.

        Args:
            change: in place of an earlier one; None for the service as the compose file has it.

        Raises:
            InputError: the runtime cannot make changed containers.
        """
        if change is not None:
            self._secrets |= Secrets.of(change.environment, marked=self.marked)
        if service in self.backends:
            self.backends[service].alter(change)
        self._changes[service] = change

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
        leftovers: Leftovers = Leftovers.END,
        max_output_bytes: int | None = MAX_OUTPUT_BYTES,
        before: Callable[[], None] = nothing,
        measure: Declared | None = None,
        counted: bool = True,
        targets: Sequence[str] = (),
    ) -> Ended:
        """Run a command in a service's container, and wait for its end.

        Args:
            command: the argument vector.
            id: unique within the project's run; a plain file name.
            folder: where its ``stdout`` and ``stderr`` are in the end, relative to the service's folder;
                made then. None for ``id``.
            timeout_s: wall clock limit in seconds; then its whole process tree is ended.
            silence_s: how long it may write nothing, in seconds; then likewise.
            grace_s: seconds between TERM and KILL, when it has to be ended.
            leftovers: what to do with processes that still run when the command has ended.
            max_output_bytes: how much it may write; then it is ended likewise, and so much is kept. None
                for any amount.
            before: see :class:`~engine.runtimes.base.ExecRequest`.
            measure: which metrics and artifacts are collected, besides what the command puts at
                ``DOCKWARDEN_METRICS`` and ``DOCKWARDEN_ARTIFACTS``.
            targets: the services that it measures: each is ready when it begins, nothing checks it or runs
                in it meanwhile, and the command is lost where one of them is.
            counted: whether it is one of the commands that ``since_restart`` counts; not so a command that
                prepares another one, say.

        Raises:
            DispatchError: it could not be handed over; it has not run.
            InputError: its id is no plain file name, or its folder would not lie within its service's.
            SetupError: its folder cannot be made, or there is something in it already.
            UseError: this controller cannot be used here.
        """
        with self._call("execute"):
            backend = self.backend(service)
            if self._tearing_down():
                raise DispatchError(f"{service} takes no experiment: {_UNDER_WAY}")
            if environment:
                self._secrets |= Secrets.of(environment, marked=self.marked)
            if PurePath(id).name != id or id.startswith("."):
                raise InputError(f"the id {id!r} is no plain file name; its output goes to it")
            request = ExecRequest(
                id=id,
                command=command,
                folder=backend.folder / id,
                environment=environment or {},
                working_dir=working_dir,
                user=user,
                before=before,
                results=self._results(service, folder or id),
                max_output_bytes=max_output_bytes,
                measure=measure or Declared(),
            )
            limits = Limits(timeout_s, silence_s, grace_s, leftovers)
            measured = [self.backend(name) for name in targets]
            return await backend.execute(request, limits, counted=counted, targets=measured)

    async def outlived(self, service: str) -> Ended | None:
        """Wait for the end of the command that an earlier controller left running in a service.

        Returns:
            how it ended; None where there is nothing to wait for: no such command, or its container is
            gone, or was not fit to be taken over.

        Raises:
            DispatchError: the service has not been started.
        """
        with self._call("outlived"):
            backend, starting = self.backend(service), self._startup.task(service)
            outlived = asyncio.create_task(backend.outlived(), name=f"outlived {service}")
            try:
                waited = {outlived, starting} if starting is not None else {outlived}
                await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
                if backend.state == "stopped" and not outlived.done():  # its start was given up
                    return None
                return await outlived
            finally:
                outlived.cancel()

    async def stop(self, services: Iterable[str]) -> None:
        """Stop these backends and forget that they were started; what they depend on stays.

        A teardown that is under way stops them as well, and is waited for.

        Raises:
            RemovalFailed: one could not be removed; those after it have not been tried.
            UseError: this controller cannot be used here.
        """
        self._check("stop")
        while self._down is not None:
            await asyncio.wait({self._down})
        with self._call("stop"):
            for name in services:
                start = self._startup.task(name)
                if start is not None:
                    await self._startup.cut_short([name], by="a stop")
                    await self._stop(name, None, "not needed any more")
                    self._startup.forget(name, start)

    async def teardown(self, *, grace_s: float | None = None) -> None:
        """Stop everything, dependants before their dependencies, and leave no container or network.

        Harmless when repeated; works from every state. Named volumes stay. One member that cannot be
        removed does not hold up the others. It goes on when its caller is cancelled, and a second call
        waits for the same end: with a grace of 0 it hurries it. Calls that are under way return or raise
        before it ends.

        Args:
            grace_s: how long each graceful end may take, in seconds; None for each backend's own.

        Raises:
            TeardownError: something could not be removed; it names each.
            UseError: this controller cannot be used here.
        """
        self._use.check_process("teardown")
        if self._down is None and not self.opened and not self._preparing:
            return
        self._check("teardown")
        if self._down is None:
            self._grace_s = grace_s
            self._down = asyncio.create_task(self._take_down(), name="teardown")
            self._down.add_done_callback(forget)
        elif grace_s == 0:
            self._hurry()
        await asyncio.shield(self._down)

    async def __aenter__(self) -> Self:
        """Nothing is started yet."""
        self._check("async with")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Tear everything down; in a forked copy of the process, whose backends these are not, do nothing."""
        if not self._use.forked:
            await self.teardown()

    # Taking it down

    async def _take_down(self) -> None:
        try:
            try:
                await self._remove_all()
            except asyncio.CancelledError:
                # The loop is about to end, and its tasks have been cancelled: there is no time to be graceful.
                self._grace_s = 0
                await self._remove_all()
        finally:
            self._down = None

    async def _remove_all(self) -> None:
        for task in (preparing := set(self._preparing)):
            task.cancel()
        if preparing:  # what they have begun is known after them
            await asyncio.wait(preparing)
        await self._startup.cut_short(self._startup, by=_CUT_SHORT)
        leftovers = await self._stop_all()
        leftovers.update(await self.runtime.sweep())
        leftovers = {name: self._hide(reason) for name, reason in leftovers.items()}
        if leftovers:
            raise TeardownError(leftovers)
        late = await self._calls.ended(within_s=_LAST_S)
        if late:
            _LOG.warning("all is down, and these calls are still under way: %s", ", ".join(late))
        await self._clear_spools()
        self._startup.forget_all()
        await self._opening.close()

    async def _stop_all(self) -> dict[str, str]:
        """Stop every backend; returns what could not be removed, and why."""
        stops: dict[str, asyncio.Task[None]] = {}
        services = list(self._startup)
        for name in reversed(services):  # a dependant comes after what it depends on
            after = [stops[other] for other in stops if name in self._startup.dependencies(other)]
            stops[name] = asyncio.create_task(self._take(name, after), name=f"stop {name}")
        for name in self.heritages.keys() - {*services}:  # it was not taken over
            stops[name] = asyncio.create_task(self._stop(name, 0), name=f"stop {name}")
        leftovers: dict[str, str] = {}
        for name, stop in stops.items():
            try:
                await stop
            except RuntimeFault as fault:
                leftovers[name] = fault.reason
        return leftovers

    def _hurry(self) -> None:
        """Leave what is being taken down no more time to end by itself."""
        self._grace_s = 0
        for backend in self.backends.values():
            if backend.stopping:
                task = asyncio.create_task(backend.stop(grace_s=0), name=f"hurry {backend.name}")
                self._hurries.add(task)
                task.add_done_callback(self._hurries.discard)
                task.add_done_callback(forget)

    # How it is done

    def _backend(self, name: str) -> Backend:
        backend = Backend(
            spec=self.project.services[name],
            runtime=self.runtime,
            machine=self._machine,
            policy=self.policies.get(name, BackendPolicy()),
            spool=self._spool(name),
            on_transition=self._tell,
            on_look=self._tell_look,
            rng=self._rng,
            effects=self._lifecycle.effects,
            facts=self._lifecycle.facts,
            heritage=self.heritages.get(name),
            hide=self._hide,
            needs=self._needs(name),
            siblings=partial(self._others, name),
        )
        backend.alter(self._changes.get(name))
        return backend

    def _others(self, name: str) -> list[Backend]:
        return [one for other, one in self.backends.items() if other != name]

    def _needs(self, name: str) -> tuple[Backend, ...]:
        """The backends that a service depends on, and that have to stay up."""
        depends_on = self.project.services[name].depends_on.items()
        return tuple(
            self.backends[other]
            for other, dependency in depends_on
            if other in self.backends and dependency.condition is not Condition.COMPLETED
        )

    def _folder_of(self, service: str) -> Path:
        """The folder that a service's container mounts; made if it is not there. See :meth:`_spool`."""
        return self._spool(service).folder

    def _spool(self, service: str) -> Spool:
        """Return the spool of a service; it is made if it is missing.

        Raises:
            InputError: no folder may be called that; a project that real Compose has read may have it.
            SetupError: it cannot be made.
        """
        if not is_plain(service):
            raise InputError(
                f"no folder can be named like the service {service!r}; it takes {RULE}"
            )
        # Only a runtime in memory may say that nothing is written.
        kept: bool = getattr(self.runtime, "keeps_output", True)
        spool = self._spools[service] = Spool(self.folder, service, kept=kept)
        try:
            spool.make()
        except OSError as error:
            raise _no_folder(spool.folder, error) from error
        return spool

    def _results(self, service: str, folder: str) -> PurePath:
        """Return the folder of a command's output, relative to the controller's folder.

        Raises:
            InputError: it would not lie within its service's folder.
            SetupError: something is there already.
        """
        output, root = os.path.realpath(self.folder), os.path.realpath(self.folder / service)
        found = os.path.realpath(os.path.join(root, folder))  # noqa: PTH118 - "a/.." may lead elsewhere
        if os.path.commonpath((found, root)) != root or found == root:
            raise InputError(
                f"the folder {folder!r} leads out of that of {service}; name one within"
            )
        try:
            taken = bool(os.listdir(found))  # noqa: PTH208 - it is text
        except FileNotFoundError:
            taken = False
        except OSError:
            taken = True
        if taken:
            there = FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
            raise _no_folder(Path(found), there)
        return PurePath(os.path.relpath(found, output))

    async def _clear_spools(self) -> None:
        """Remove what containers have written to, once they are gone and what they wrote is kept."""
        wanted = {
            name: [known.under_way.request.id]
            for name, known in self.heritages.items()
            if known.under_way is not None
        }
        for name, spool in self._spools.items():
            await asyncio.to_thread(spool.clear, wanted.get(name, ()))

    def _hide(self, text: str) -> str:
        return self._secrets.hide(text)

    async def _take(self, name: str, after: Sequence[asyncio.Task[None]]) -> None:
        if after:
            await asyncio.wait(after)
        await self._stop(name, self._grace_s)

    async def _stop(self, name: str, grace_s: float | None, reason: str = "teardown") -> None:
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
        # A listener must stop neither a teardown nor the event loop that all backends share.
        except BaseException as error:
            _LOG.exception("a listener failed on %s", what)
            ctrl_c = threading.current_thread() is threading.main_thread()
            if isinstance(error, KeyboardInterrupt) and ctrl_c:  # it only happened to come here
                raise


def _no_folder(folder: Path, error: OSError) -> SetupError:
    return SetupError(
        f"the folder {folder} cannot be made: {error.strerror or error}; free some space, or make the"
        " folder above it writable"
    )
