"""The face for programs without an event loop: start, execute, restart, tear down, from any thread."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import tempfile
import warnings
import weakref
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeVar

from engine.backend.lifecycle import BackendLifecycle
from engine.compose.files import DEFAULT_FILE
from engine.control.loop_thread import LoopThread, Worker
from engine.control.transition_stream import TransitionStream
from engine.control.usability import Use
from engine.controller import Controller
from engine.errors import DispatchError, DockwardenError, UsedAfterClose, UseError
from engine.health.gpu import Action, ContainerHealthStatus, Health
from engine.model.measurements import Declared
from engine.model.results import Ended, Ending, Fault, Leftovers, Transition
from engine.model.spec import Project
from engine.policy import BackendPolicy
from engine.runtimes.base import MAX_OUTPUT_BYTES, Runtime
from engine.runtimes.selection import (
    RuntimeName,
    choose_runtime,
    read_project,
)
from engine.spool import close_to_others
from states import BACKEND, Lifecycle, TransitionRefused

if TYPE_CHECKING:
    from python_on_whales import DockerClient

    from engine.backend import Effect, Fact

__all__ = ["ContainerManager"]

_LOG: Final = logging.getLogger(__name__)

T = TypeVar("T")


class ContainerManager:
    """Long-running backend containers of one compose project, under control.

    Use it as a context manager: everything is torn down at the end, also after an error. Its methods
    block, and may be called from several threads at once; each backend runs one command at a time. Once it
    is closed, and in forked copies of its process, they raise a :class:`~engine.errors.UseError`.

    Args:
        compose_file: the compose file, or several that are merged in their order; relative to
            ``project_dir``, or to the working directory. Beside one file with a default name an
            override file is merged, as Compose does.
        project_dir: the folder that relative paths in the compose files start from; None for the
            first file's own.
        runtime: ``docker``; ``compose``, where real Compose makes the containers (it needs the extra of
            that name); ``process``; or ``auto`` for Docker, and for processes only where no engine is
            configured or installed and no service asks for one.
            ``simulated`` is in memory: nothing runs, every command takes a second and succeeds.
        docker_client: a python-on-whales ``DockerClient`` for the compose runtime, which it implies. The
            engine that it names is used; so are its compose files, where ``compose_file`` is left out.
        adopt_compose: whether a container that the user's own ``docker compose up`` made for a service is
            taken over. It is used as it is, restarted in place, and left running at the end.
        policies: how each backend is run, by service.
        profiles: the profiles to activate, beside those in ``COMPOSE_PROFILES``.
        project_name: the project's name, for two managers of one file on one engine; None for
            Compose's own rules.
        experiment_command: what :meth:`execute_experiment` runs, before the configuration file.
        output_dir: where the output of commands is kept; None for a temporary folder, which goes at the
            end of the ``with`` block.
        on_transition: called with each transition of each backend, in a thread of the manager's own; it
            must not call the manager. See also :meth:`transitions`.
        secrets: the names of variables whose values are kept out of all that is said, besides those
            whose names tell; see :mod:`engine.util.redaction`.
        lifecycle: the table that backends are run by, an extension of :data:`states.BACKEND` say, or an
            :class:`~engine.backend.lifecycle.BackendLifecycle`.
        effects: a function for each action that an extended table adds, by name. It runs on the
            manager's event loop.
        facts: a function for each fact that it adds, by name.
        on_controller_exit: what to do with the backends when this process dies without a teardown,
            by SIGKILL for one: ``remove`` has a small companion process watch it, and remove them;
            ``keep`` leaves them running.

    Raises:
        ComposeError: the compose file cannot be used.
        RuntimeUnavailable: the runtime cannot work here.
        MissingExtra: an optional package that the runtime needs is not installed.

    Example:
        >>> with ContainerManager("docker-compose.yml") as manager:  # doctest: +SKIP
        ...     manager.start_services(["pytorch"])
        ...     ended = manager.execute("pytorch", ["python3", "kernels.py", "matmul"])
        ...     print(ended.exit_code, ended.stdout.read_text())
    """

    def __init__(
        self,
        compose_file: str | Path | Sequence[str | Path] = DEFAULT_FILE,
        project_dir: str | Path | None = None,
        *,
        runtime: RuntimeName = "auto",
        docker_client: DockerClient | None = None,
        adopt_compose: bool = False,
        policies: Mapping[str, BackendPolicy] | None = None,
        profiles: Iterable[str] = (),
        project_name: str | None = None,
        experiment_command: Sequence[str] = ("lem", "experiment"),
        output_dir: str | Path | None = None,
        on_transition: Callable[[Transition], None] | None = None,
        secrets: Collection[str] = (),
        on_controller_exit: Literal["remove", "keep"] = "remove",
        lifecycle: Lifecycle | BackendLifecycle = BACKEND,
        effects: Mapping[str, Effect] | None = None,
        facts: Mapping[str, Fact] | None = None,
    ) -> None:
        if docker_client is not None and runtime == "auto":
            runtime = "compose"
        if isinstance(lifecycle, Lifecycle):
            lifecycle = BackendLifecycle(lifecycle, effects or {}, facts or {})
        project = read_project(
            runtime,
            compose_file,
            project_dir,
            profiles=profiles,
            project_name=project_name,
            docker_client=docker_client,
        )
        for warning in project.warnings:
            _LOG.warning("%s: %s", project.name, warning)
        self._experiment_command = tuple(experiment_command)
        self._ids = count(1)
        self._use = Use("ContainerManager")
        self._stream = TransitionStream(self._use)
        self._keep = on_controller_exit == "keep"
        self._temporary = output_dir is None
        self._folder = _output_folder(output_dir)
        self._at_exit = partial(_remove_at_exit, self._folder, os.getpid())
        if self._temporary:
            atexit.register(self._at_exit)
        self._worker = self._hire()
        try:
            self._controller = self._wait(
                "ContainerManager",
                self._make(
                    project,
                    runtime,
                    policies or {},
                    docker_client,
                    secrets,
                    adopt_compose=adopt_compose,
                    lifecycle=lifecycle,
                ),
            )
        except BaseException:
            self._let_go()
            raise
        self._forgotten = weakref.finalize(
            self,
            _put_away,
            self._worker,
            self._controller,
            self._folder if self._temporary else None,
        )
        self._forgotten.atexit = (
            False  # then no thread can be started any more; the watchdog removes all
        )
        self._controller.on_transition(self._stream.add)
        if on_transition is not None:
            self._controller.on_transition(on_transition)

    async def _make(
        self,
        project: Project,
        runtime: RuntimeName,
        policies: Mapping[str, BackendPolicy],
        docker_client: DockerClient | None,
        secrets: Collection[str],
        *,
        adopt_compose: bool,
        lifecycle: BackendLifecycle,
    ) -> Controller:
        hands = await self._hands(
            runtime, project, policies, docker_client=docker_client, adopt_compose=adopt_compose
        )
        return Controller(
            project,
            hands,
            self._folder,
            policies,
            lifecycle=lifecycle,
            marked=secrets,
            hold=None if self._keep else "watchdog",
        )

    # What the manager of the tests has otherwise; see engine.testing.manager

    def _hire(self) -> Worker:
        """Return the worker that runs the manager's coroutines."""
        return LoopThread()

    async def _hands(
        self,
        runtime: RuntimeName,
        project: Project,
        policies: Mapping[str, BackendPolicy],
        *,
        docker_client: DockerClient | None,
        adopt_compose: bool,
    ) -> Runtime:
        """The runtime that it uses."""
        return await choose_runtime(
            runtime, project, policies, docker_client=docker_client, adopt_compose=adopt_compose
        )

    # Starting and stopping

    def start_services(self, backends: Iterable[str], wait: bool = True) -> None:  # noqa: FBT001, FBT002
        """Start these backends and what they depend on, and nothing else.

        Args:
            backends: names of services of the compose file.
            wait: whether to wait until all of them are proved ready.

        Raises:
            ComposeError: a service is unknown, or asks for something the runtime cannot do.
            StartError: one of them did not become ready (a RuntimeError).
        """
        self._wait("start_services", self._controller.start(backends, wait=wait))

    def restart_service(self, service: str, *, recreate: bool = False) -> bool:
        """Restart a backend that is ready or unhealthy, and wait until it has settled.

        Such a restart is the caller's wish and costs nothing of the restart budget.

        Args:
            recreate: whether to make a new container rather than restart this one.

        Returns:
            whether it is ready.

        Raises:
            DispatchError: it has not been started, or is in a state that has no restart.
        """
        return self._wait("restart_service", self._restart(service, recreate=recreate)) == "ready"

    def check_health(
        self, service: str, gpu_memory_threshold_pct: float = 90.0
    ) -> ContainerHealthStatus:
        """Check a backend now: whether it runs, and its GPUs from inside its container.

        An experiment that runs in it is not disturbed: then only known facts are reported. A finding
        is reported at once; it makes the backend ``unhealthy`` once it counts by its policy.

        Args:
            gpu_memory_threshold_pct: from which share of all GPU memory in use, in percent, it is taken
                for unhealthy.
        """
        return self._wait("check_health", self._check(service, gpu_memory_threshold_pct))

    async def _check(self, service: str, threshold_pct: float) -> ContainerHealthStatus:
        backend = self._controller.backends.get(service)
        if backend is None:
            return ContainerHealthStatus(service, healthy=False, reason="it has not been started")
        if backend.state == "busy":
            reason = "it is busy; no check enters it while an experiment runs"
            return ContainerHealthStatus(
                service, healthy=True, reason=reason, verdict=Health.UNKNOWN
            )
        try:
            return await backend.look(threshold_pct=threshold_pct)
        except DispatchError as error:
            return ContainerHealthStatus(service, healthy=False, reason=str(error))

    def check_and_recover(
        self, service: str, gpu_memory_threshold_pct: float = 90.0, max_restarts: int = 3
    ) -> ContainerHealthStatus:
        """Check a backend; if it is unhealthy, restart it within the budget and check again.

        Memory that other processes hold is left alone: restarting the backend would not free it.

        Args:
            gpu_memory_threshold_pct: see :meth:`check_health`.
            max_restarts: once so many restarts have been spent on it, it is left as it is; the policy's
                own limit holds besides.
        """
        return self._wait(
            "check_and_recover", self._recover(service, gpu_memory_threshold_pct, max_restarts)
        )

    async def _recover(
        self, service: str, threshold_pct: float, max_restarts: int
    ) -> ContainerHealthStatus:
        backend = self._controller.backends.get(service)
        spent = 0 if backend is None else backend.history.spent
        status = await self._check(service, threshold_pct)
        if status.healthy or backend is None or spent >= max_restarts:
            return status
        if status.action is Action.WAIT:
            return status
        if backend.state == "ready":  # by its policy the finding does not count yet; here it does
            backend.report(_fault(status))
        if backend.state == "unhealthy":  # where recovering is left to the caller, who is us
            backend.recover()
        await backend.settled()
        return await self._check(service, threshold_pct)

    async def _restart(self, service: str, *, recreate: bool) -> str:
        backend = self._controller.backend(service)
        try:
            backend.restart("asked for", recreate=recreate)
        except TransitionRefused as refused:
            raise DispatchError(f"{service} cannot be restarted now: {refused}") from refused
        return await backend.settled()

    def teardown(self, timeout: float | None = 30) -> None:
        """Take everything down and forget the services; harmless when repeated.

        Args:
            timeout: how long each graceful end may take, in seconds; None for what the policy or the
                compose file says.

        Raises:
            TeardownError: something could not be removed; it names each.
        """
        self._use.check_process("teardown")
        if not self._use.closed:
            self._wait("teardown", self._controller.teardown(grace_s=timeout))
        elif self._controller.opened:
            self._worker.wait_last("teardown", self._controller.teardown(grace_s=timeout))

    def close(self) -> None:
        """Let go of the manager's thread and its temporary folder; tears nothing down.

        Calls that still wait in other threads raise :class:`~engine.errors.UsedAfterClose`. Backends that
        are up stay until this process ends; then the watchdog removes them, unless they are to be kept.
        Harmless when repeated; does nothing in a forked copy of the process.
        """
        if self._use.forked:
            return
        first = self._forgotten.detach() is not None
        try:
            if first and self._controller.opened:
                # Its names would be kept from the next manager, which may have to clean up.
                self._worker.wait_last("close", self._controller.runtime.close())
        except UsedAfterClose:
            pass  # another thread was faster
        finally:
            self._let_go()

    def _let_go(self) -> None:
        self._use.closed = True
        self._worker.close()
        self._stream.close()
        if self._temporary:
            shutil.rmtree(self._folder, ignore_errors=True)
            atexit.unregister(self._at_exit)

    def __enter__(self) -> Self:
        self._use.check("with")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._use.forked:  # a forked copy leaves the block, too: the backends are not its own
            return
        # From now on: a call that came after the teardown would start again what is down.
        self._use.closed = True
        try:
            self._leave(timeout=None)
        except KeyboardInterrupt:
            _LOG.warning("interrupted while tearing down; the backends get no more time to end")
            self._leave(timeout=0)
            raise
        finally:
            self.close()

    def _leave(self, timeout: float | None) -> None:
        self._worker.wait_last("with", self._controller.teardown(grace_s=timeout))

    # Using them

    def execute(
        self,
        service: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        working_dir: str | None = None,
        user: str | None = None,
        timeout_s: float | None = None,
        silence_s: float | None = None,
        grace_s: float = 10.0,
        leftovers: Literal["end", "keep", "fail"] = "end",
        max_output_bytes: int | None = MAX_OUTPUT_BYTES,
        measure: Declared | None = None,
    ) -> Ended:
        """Run a command in a backend's container and wait for its end.

        Args:
            command: the argument vector; never joined into a shell string.
            environment: added to the container's own.
            timeout_s: wall clock limit in seconds; then its whole process tree is ended.
            silence_s: how long it may write nothing, in seconds; then likewise.
            grace_s: seconds between TERM and KILL, when it has to be ended.
            leftovers: what to do with processes that still run when the command has ended: ``end`` them,
                ``keep`` them for the service, or end them and let the command ``fail``.
            max_output_bytes: how much it may write, 1 GiB unless it is said otherwise; then it is ended
                likewise, and so much is kept. None for any amount.
            measure: which metrics and artifacts are collected, besides what the command puts at
                ``DOCKWARDEN_METRICS`` and ``DOCKWARDEN_ARTIFACTS``.

        Returns:
            how it ended, with the files that hold its output, its metrics and its artifacts.

        Raises:
            DispatchError: it could not be handed over; it has not run.
        """
        return self._wait(
            "execute",
            self._controller.execute(
                service,
                command,
                id=self._new_id(service),
                environment=environment,
                working_dir=working_dir,
                user=user,
                timeout_s=timeout_s,
                silence_s=silence_s,
                grace_s=grace_s,
                leftovers=Leftovers(leftovers),
                max_output_bytes=max_output_bytes,
                measure=measure,
            ),
        )

    def _new_id(self, service: str) -> str:
        """A name that no command has had, also where an earlier manager used the same output folder."""
        names = (f"command-{number}" for number in self._ids)
        return next(one for one in names if not os.path.lexists(self._folder / service / one))

    def execute_experiment(
        self,
        service: str,
        config_path: str | Path,
        extra_args: Sequence[str] | None = None,
        env_vars: Mapping[str, str] | None = None,
    ) -> tuple[str, int]:
        """Run ``lem experiment CONFIG --yes`` in a backend's container.

        Args:
            config_path: the configuration file, as the container sees it.
            extra_args: further arguments.
            env_vars: added to the container's environment.

        Returns:
            its standard output and its exit code; ``(message, 1)`` when it could not be run at all.

        Raises:
            UseError: the manager cannot be used here, or any more.
        """
        command = [*self._experiment_command, str(config_path), "--yes", *(extra_args or ())]
        try:
            ended = self.execute(service, command, environment=env_vars)
        except UseError:
            raise
        except DockwardenError as error:
            return str(error), 1
        if ended.exit_code is None:
            return ended.reason, 1
        # What it wrote is not what it should be, or lies where its container may replace it.
        if ended.ending is Ending.OUTPUT or not ended.kept:
            return ended.reason, ended.exit_code or 1
        return ended.stdout.read_text(errors="replace"), ended.exit_code

    # Reading their state

    @property
    def project(self) -> Project:
        """The project of the compose files."""
        return self._controller.project

    @property
    def states(self) -> dict[str, str]:
        """The state of each backend that has been started, by service; after the end, the last one.

        Raises:
            UsedInFork: in a forked copy of the process, which does not hear of what happens.
        """
        self._use.check_process("states")
        return {name: backend.state for name, backend in self._controller.backends.items()}

    def transitions(self) -> Iterator[Transition]:
        """Every transition of every backend, from the first on; waits for the next.

        Ends when the manager is closed. For a separate thread: ``for step in manager.transitions()``.

        Raises:
            UsedInFork: in a forked copy of the process, which does not hear of what happens.
        """
        self._use.check_process("transitions")
        return iter(self._stream)

    def connect(self, listener: Callable[[Controller], Any]) -> None:
        """Call ``listener`` with the controller, in the manager's thread, so that it can subscribe."""

        async def connected() -> None:
            listener(self._controller)

        self._wait("connect", connected())

    def is_service_running(self, service: str) -> bool:
        """Whether inspection shows that a service's container runs."""
        observation = self._wait("is_service_running", self._controller.runtime.inspect(service))
        return observation is not None and observation.running

    def _wait(self, call: str, work: Coroutine[Any, Any, T]) -> T:
        try:
            self._use.check(call)
        except UseError:
            work.close()
            raise
        return self._worker.wait(call, work)


def _remove_at_exit(folder: Path, maker: int) -> None:
    """Remove the temporary folder of a manager that was not closed; the watchdog removes its backends."""
    if os.getpid() == maker:
        shutil.rmtree(folder, ignore_errors=True)


def _put_away(worker: Worker, controller: Controller, folder: Path | None) -> None:
    """Take down, in the background, what a manager that was forgotten without a close has left up."""

    async def put_away() -> None:
        try:
            await controller.teardown()
        finally:
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)

    if controller.opened:
        warnings.warn(
            "a ContainerManager was forgotten with its backends up, and is torn down now;"
            " use it as a context manager: with ContainerManager(...) as manager",
            ResourceWarning,
            stacklevel=2,
        )
    worker.close_after(put_away)


def _fault(status: ContainerHealthStatus) -> Fault:
    """Make a fault of a status: what is wrong with the backend, and whether a restart can help."""
    return Fault(
        status.reason,
        curable=status.action is not Action.GIVE_UP,
        recreate=status.action is Action.RECREATE,
    )


def _output_folder(chosen: str | Path | None) -> Path:
    if chosen is None:
        return Path(tempfile.mkdtemp(prefix="dockwarden-")).resolve()
    folder = Path(chosen).resolve()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    close_to_others(folder)
    return folder
