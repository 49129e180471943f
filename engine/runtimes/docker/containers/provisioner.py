"""Makes, starts and stops a project's containers: the one part in which ways to use an engine differ.

Everything that follows (commands, health, events, inspection, removal) is the same for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, Protocol

from attrs import evolve, field, frozen

from engine.model.main_command import MainCommand
from engine.model.spec import HealthCheck, Mount, Project, ServiceSpec
from engine.runtimes.changes import Changes
from engine.runtimes.main_commands import GIVEN, MainCommands

__all__ = ["INSIDE", "NO_CHECK", "ComposeTools", "EndedAtOnce", "Maker", "Making"]

INSIDE: Final = "/run/dockwarden"
"""The path in a container of the folder that takes the output of its commands."""

NO_CHECK: Final = HealthCheck(("NONE",))
"""Turns the health check of an image off."""


class EndedAtOnce(Exception):
    """A container ended while it was still being started, and has been removed.

    Attributes:
        exit_code: of its main process.
        lines: the last ones that it wrote.
    """

    def __init__(self, exit_code: int, lines: Sequence[str]) -> None:
        super().__init__(f"it ended with exit code {exit_code} while it was being started")
        self.exit_code = exit_code
        self.lines = lines


@frozen
class Making:
    """A container to be made.

    Attributes:
        project: what the compose file says.
        main: what containers run as their main process.
        labels: further labels for everything that is created.
        unchecked: the services whose containers the engine does not check.
        changes: what of services is changed at present.
    """

    project: Project
    main: MainCommands
    labels: Mapping[str, str]
    unchecked: Collection[str] = ()
    changes: Changes = field(factory=Changes)

    def spec(self, service: str) -> ServiceSpec:
        """The service as its next container is made."""
        spec = self.changes.spec(self.project, service)
        return evolve(spec, healthcheck=NO_CHECK) if service in self.unchecked else spec

    def health_check(self, service: str) -> HealthCheck | None:
        """The health check that the file gives the service, whether the engine or dockwarden runs it."""
        return self.changes.spec(self.project, service).healthcheck

    def main_of(self, service: str) -> MainCommand:
        """Return the main process of the service's next container, as it was decided."""
        return GIVEN if self.changes.gives_command(service) else self.main.of(service)

    def main_alternatives(self, spec: ServiceSpec) -> list[MainCommand]:
        """Return the main processes that a container of an earlier controller may have."""
        given = self.changes.gives_command(spec.name)
        return [GIVEN] if given else self.main.alternatives(spec)

    def settle_main(self, spec: ServiceSpec, main: MainCommand) -> None:
        """Keep to what a container that was taken over runs."""
        if not self.changes.gives_command(spec.name):
            self.main.settle(spec.name, main)


class ComposeTools(Protocol):
    """Tools of real Compose for containers that the SDK creates."""

    def config_hashes(
        self, services: Sequence[str], containers: Mapping[str, str]
    ) -> dict[str, str]:
        """The digests by which Compose sees that the container of a service is up to date, by service.

        Args:
            services: their names.
            containers: the ids of the containers that these services refer to, by service.

        Raises:
            docker.errors.DockerException: Compose gives none; with its words.
        """

    @property
    def builds(self) -> bool:
        """Whether it builds images with BuildKit, and so with every key that a file can have."""

    def build(self, service: str, on_cut: Callable[[Callable[[], None]], None]) -> None:
        """Build the image of a service.

        Args:
            service: its name.
            on_cut: takes what ends the build before its time.

        Raises:
            docker.errors.DockerException: it cannot be built; with Compose's words.
        """


class Maker(Protocol):
    """Makes containers. What the engine refuses is raised as the SDK's own errors."""

    @property
    def name(self) -> str:
        """The name of the runtime that it makes: docker, compose."""

    async def prepare(self, specs: Sequence[ServiceSpec]) -> None:
        """Have the images, networks and volumes of these services ready.

        Raises:
            LaunchFailed: one can neither be found nor made.
        """

    async def launch(self, spec: ServiceSpec, output: Mount) -> str:
        """Create and start a service's container; if that fails, nothing of it is left.

        Args:
            output: a further mount, for :data:`INSIDE`.

        Returns:
            the container's id.

        Raises:
            EndedAtOnce: it ended before its start was complete.
        """

    async def start(self, spec: ServiceSpec, container_id: str) -> None:
        """Start a container that has ended."""

    async def stop(self, spec: ServiceSpec, container_id: str, grace_s: float) -> None:
        """End a container's processes; harmless when it does not run.

        Args:
            grace_s: between the stop signal and KILL, in seconds; the engine counts whole ones.
        """
