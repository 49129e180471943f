"""The runtime protocol: the hands of the engine.

A runtime does what a row's action asks for, to one service's container at a time, and reports what it
sees. It decides nothing: no retries, no restarts, no states. Everything above this line is the same for
Docker, for local processes and for a simulation.

All methods are coroutines on the controller's event loop. A method that is cancelled first settles what
it has under way (no call that creates something is left in flight), then raises ``CancelledError``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from attrs import frozen

from engine.model.container import (
    Checked,
    Container,
    ContainerProcesses,
    Happening,
    Notice,
    Observation,
)
from engine.model.exec import MAX_OUTPUT_BYTES, ExecRequest, ExecResult, nothing
from engine.model.results import LeftProcess
from engine.model.service_change import ServiceChange
from engine.model.spec import HealthCheck
from engine.ownership.owner import Owner
from engine.spool.main_log import MainLog

__all__ = [
    "MAX_OUTPUT_BYTES",
    "Attributing",
    "Changeable",
    "Checkable",
    "Checked",
    "Cleanup",
    "Container",
    "ContainerProcesses",
    "Describing",
    "ExecRequest",
    "ExecResult",
    "Fetching",
    "Happening",
    "Limited",
    "Logging",
    "Notice",
    "Observation",
    "Outlasting",
    "Probing",
    "Runtime",
    "nothing",
]


class Runtime(Protocol):
    """The protocol of a runtime. One instance serves one project."""

    @property
    def name(self) -> str:
        """The runtime's name in campaign files: docker, process."""

    @property
    def description(self) -> str:
        """One line that says which engine is in use."""

    async def open(self, on_notice: Callable[[Notice], None]) -> None:
        """Connect, and begin to watch.

        Args:
            on_notice: called on the event loop for each notice.

        Raises:
            RuntimeUnavailable: it cannot work here; the message suggests a fix.
        """

    async def close(self) -> None:
        """Stop watching and let go. Removes nothing. Never raises."""

    async def prepare(self, services: Sequence[str]) -> None:
        """Make sure that the images, networks and volumes of these services are there.

        Removes nothing: what a dead controller left is for :meth:`adopt` and :meth:`launch` to see to.

        Raises:
            LaunchFailed: an image can neither be found, built nor pulled.
            OwnedElsewhere: a network or a container of that name is there and is not ours.
        """

    async def adopt(
        self, service: str, folder: Path, request: ExecRequest | None = None
    ) -> Container | None:
        """Take over the container that a dead controller left running for the service.

        That is one which shares the same folder, was made from the same specification, and in which
        nothing of a controller's runs but ``request``.

        Args:
            folder: as for :meth:`launch`.
            request: what may still run in it.

        Returns:
            the container, not looked into any further; None where there is none to take over. What else
            is left of the service then goes with the next :meth:`launch`.

        Raises:
            LaunchFailed: it could not be inspected.
        """

    async def launch(self, service: str, folder: Path) -> Container:
        """Create and start the service's container, in place of what a dead controller left.

        Args:
            folder: on this machine; everything that runs in the container may write its output there.
                Exists already.

        Raises:
            LaunchFailed: and nothing of it is left.
        """

    async def relaunch(self, container: Container, *, recreate: bool, folder: Path) -> Container:
        """End everything that runs in the container and start it again, in place or as a new container.

        Raises:
            LaunchFailed: what is left of it is removed by :meth:`remove`.
        """

    async def gate(self, container: Container) -> None:
        """Wait until the container is proved ready: running, and healthy where it has a health check.

        Has no deadline: the caller sets one.

        Raises:
            NotReady: it ended, or its health check failed for good.
        """

    async def complete(self, container: Container) -> int:
        """Wait until the main process of a one-shot service ends, and return its exit code."""

    async def execute(self, container: Container, request: ExecRequest) -> ExecResult:
        """Run a command in the container and wait for its end.

        When cancelled, the command goes on: end it with :meth:`kill`.

        Raises:
            ExecFailed: it could not be started.
            ContainerLost: the container went away under it, or after its end, which the error then has.
        """

    async def attach(self, container: Container, request: ExecRequest) -> ExecResult:
        """Wait for the end of a command that an earlier controller began in an adopted container.

        It may have ended since. Nothing is run in the container, and when cancelled the command goes on.

        Args:
            request: as it was given to :meth:`execute`.

        Raises:
            CommandLost: nothing of it is left, and its exit code was not observed.
            ContainerLost: as for :meth:`execute`.
        """

    async def kill(self, container: Container, request: ExecRequest, *, grace_s: float) -> bool:
        """End all that a request started: TERM, after ``grace_s`` seconds KILL.

        Returns:
            whether a look from outside shows that nothing of it is left, doubtful processes aside.
        """

    async def leftovers(
        self, container: Container, request: ExecRequest
    ) -> tuple[LeftProcess, ...]:
        """Return the running processes that a request started, in any environment or session, of any user.

        Found from outside, without running anything in the container. The service's own processes, and
        those of other execs, are not among them.

        Raises:
            ContainerLost: the container went away.
            RuntimeFault: it cannot be found out.
        """

    async def inspect(self, service: str) -> Observation | None:
        """Inspect the service's container; None when it has none that dockwarden made."""

    async def pids(self, container: Container) -> frozenset[int] | None:
        """The processes that run in the container, by the whole machine's numbers; None if unknown.

        Found without running anything in the container.
        """

    async def logs(self, service: str, lines: int) -> list[str]:
        """The last lines that the container's main process wrote, stdout and stderr mixed."""

    async def remove(self, service: str, *, grace_s: float) -> None:
        """End and remove every container that dockwarden made for the service; verify by inspection.

        Harmless when there is none. Takes at most ``grace_s`` seconds for a graceful end, then kills.

        Raises:
            RemovalFailed: something is left, with the reason.
        """

    async def sweep(self) -> Mapping[str, str]:
        """Remove the project's networks once its containers are gone. Named volumes stay.

        Returns:
            what could not be removed, and why, by name.
        """


@frozen
class Cleanup:
    """The watchdog's instructions to remove what a runtime leaves when its process dies.

    Attributes:
        runtime: docker, compose or process: how it is removed.
        owner: whose containers or processes go.
        engine: variables that lead to the engine; None where the environment's own do.
    """

    runtime: str
    owner: Owner
    engine: Mapping[str, str] | None = None


@runtime_checkable
class Outlasting(Protocol):
    """A :class:`Runtime` whose containers outlast its process."""

    @property
    def cleanup(self) -> Cleanup:
        """How they are removed then."""


@runtime_checkable
class Describing(Protocol):
    """A :class:`Runtime` that describes its engine and images, for results.

    ``provenance.json`` has what it gives, as it is.
    """

    async def facts(self, services: Sequence[str]) -> Mapping[str, Any]:
        """Describe the engine and the images of these services, as plain data: ``engine``, and ``images`` by service.

        Raises:
            RuntimeFault: it is not known now.
        """


@runtime_checkable
class Limited(Protocol):
    """A :class:`Runtime` that lacks something that services may ask for."""

    @property
    def warnings(self) -> Mapping[str, tuple[str, ...]]:
        """By service, what of it has no effect on this runtime, one sentence each."""


@runtime_checkable
class Logging(Protocol):
    """A :class:`Runtime` that keeps the output of main processes.

    It keeps on until the container is started again or removed, and sees that all is in the log before that.
    """

    async def keep_log(self, container: Container, log: MainLog) -> None:
        """Keep what a container writes, from its latest start on, in a log; never raises."""

    async def caught_up(self, container: Container) -> None:
        """Wait, for some seconds at most, until all is in its log that a container wrote which has ended."""


@runtime_checkable
class Attributing(Protocol):
    """A :class:`Runtime` that can distinguish a service's own processes from others in its container."""

    async def processes(self, container: Container) -> ContainerProcesses | None:
        """Return the processes of the container, found without running anything in it; None if unknown."""


@runtime_checkable
class Fetching(Protocol):
    """A :class:`Runtime` that can fetch files from where its commands write them."""

    async def fetch(
        self, container: Container, request: ExecRequest, into: Path
    ) -> tuple[str, ...]:
        """Copy the files that ``request.measure.fetched`` names out of a container, running or not.

        Only regular files are copied, each one whole or not at all, up to ``max_artifacts_bytes``, and no
        link is followed out of the container. Nothing is run in it.

        Args:
            request: a command that has ended; relative patterns begin at its working directory.
            into: a folder that the container does not see. A file comes to lie at its path, without the
                first slash, or where the pattern is relative, at that path.

        Returns:
            what could not be copied, one sentence each. What is not there is not among it: the program may
            have written it elsewhere, and the caller sees what came.

        Raises:
            RuntimeFault: the container cannot be looked into.
        """


@runtime_checkable
class Checkable(Protocol):
    """A :class:`Runtime` that can leave health checks to its caller.

    Of those that it leaves (see :class:`~engine.runtimes.provider.RuntimeRequest`), :meth:`Runtime.gate` waits for
    none, and nothing runs one but :meth:`check`.
    """

    async def health_check(self, container: Container) -> HealthCheck | None:
        """The health check of a container that is left to the caller, of its service or else of its image.

        Raises:
            RuntimeFault: it is not known now.
        """

    async def check(self, container: Container, check: HealthCheck) -> Checked:
        """Run a health check once, for as long as its timeout allows.

        Raises:
            ContainerLost: the container does not run.
        """


@runtime_checkable
class Probing(Protocol):
    """A :class:`Runtime` that knows of the health checks that its engine runs."""

    def probes(self, container: Container) -> int | None:
        """How many the engine has begun in a container so far; None where it runs none, or does not tell."""


@runtime_checkable
class Changeable(Protocol):
    """A :class:`Runtime` that can make a service's container with a change."""

    def change(self, service: str, change: ServiceChange | None) -> None:
        """Make the service's containers with a change from now on; one that is there stays as it is.

        :meth:`Runtime.adopt` then takes over only a container that was made with it.

        Args:
            change: in place of an earlier one; None for as the compose file has it.
        """
