"""What makes, starts and stops a project's containers: the one part in which ways to use an engine differ.

Everything that follows (commands, health, events, inspection, removal) is the same for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from attrs import field, frozen

from engine.model.spec import Mount, Project, ServiceSpec
from engine.runtimes.changes import Changes

__all__ = ["INSIDE", "ComposeTools", "Maker", "Making"]

INSIDE: Final = "/run/dockwarden"
"""Where a container has the folder that takes the output of what runs in it."""


@frozen
class Making:
    """What is to be made.

    Attributes:
        project: what the compose file says.
        keep_alive: the command that keeps a container up, by service, for those that have none.
        labels: further labels for everything that is created.
        changes: what of services is changed at present.
    """

    project: Project
    keep_alive: Mapping[str, tuple[str, ...]]
    labels: Mapping[str, str]
    changes: Changes = field(factory=Changes)

    def spec(self, service: str) -> ServiceSpec:
        """The service as its next container is made."""
        return self.changes.spec(self.project, service)

    def keep_alive_of(self, service: str) -> tuple[str, ...] | None:
        """The command that keeps its next container up; None for the service's own."""
        return self.changes.keep_alive(self.keep_alive, service)


class ComposeTools(Protocol):
    """What real Compose does for containers that the SDK creates."""

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
        """

    async def start(self, spec: ServiceSpec, container_id: str) -> None:
        """Start a container that has ended."""

    async def stop(self, spec: ServiceSpec, container_id: str, grace_s: float) -> None:
        """End a container's processes; harmless when it does not run.

        Args:
            grace_s: between the stop signal and KILL, in seconds; the engine counts whole ones.
        """
