"""The provider of a runtime: chooses it by name, lists what it left, and cleans up after it.

A package offers a custom runtime by a subclass of :class:`RuntimeProvider`, which it names under the entry
points ``dockwarden.runtimes``; see :mod:`engine.runtimes.registry`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from attrs import field, frozen

from engine.errors import InputError
from engine.model.main_command import Decision
from engine.model.spec import Project
from engine.ownership.owner import Owner
from engine.runtimes.base import Runtime
from engine.runtimes.by_hand import Entry
from engine.runtimes.resource import Resource

if TYPE_CHECKING:
    from python_on_whales import DockerClient

__all__ = ["ProjectFiles", "RuntimeProvider", "RuntimeRequest"]


@frozen
class ProjectFiles:
    """The compose files of a project; see :func:`engine.compose.load_project`.

    Attributes:
        docker_client: the python-on-whales client to read them with; for the runtime ``compose``.
    """

    compose_file: str | Path | Sequence[str | Path]
    project_dir: str | Path | None = None
    profiles: tuple[str, ...] = ()
    project_name: str | None = None
    docker_client: DockerClient | None = None


@frozen
class RuntimeRequest:
    """The request to make a runtime.

    Attributes:
        keep_alive: the command that keeps a service up, for those that have one.
        undecided: the services whose own command is to run, unless it is a bare shell or ends at once with
            exit code 0. A runtime that ignores this uses ``keep_alive`` alone.
        decided: what an earlier controller decided for these, by service.
        labels: further labels for what the runtime creates, where it has labels.
        adopt_compose: whether containers that the user's own Compose made are taken over.
        unchecked: the services whose health check is left to the caller, where the runtime can do so
            (:class:`~engine.runtimes.base.Checkable`).
        docker_client: the python-on-whales client to use.
    """

    project: Project
    keep_alive: Mapping[str, tuple[str, ...]] = field(factory=dict)
    undecided: Collection[str] = ()
    decided: Mapping[str, Decision] = field(factory=dict)
    unchecked: Collection[str] = ()
    labels: Mapping[str, str] | None = None
    adopt_compose: bool = False
    docker_client: DockerClient | None = None


class RuntimeProvider(ABC):
    """One kind of runtime. Instances have no state.

    Attributes:
        name: what campaign files and ``--runtime`` call it. :attr:`Runtime.name` of what it creates is the same.
        real: whether commands run in truth. A campaign cannot name a runtime that only simulates.
        takes_docker_client: whether it uses a python-on-whales client.
        adopts_compose: whether it can take over containers that the user's own Compose made.
        uses_images: whether services run from their images, so that an image's own command and entrypoint count.
        cleans_up: whether :meth:`remove_owned` removes what a runtime leaves when its process dies. Where it does,
            its runtimes are :class:`~engine.runtimes.base.Outlasting`, and the watchdog guards them.
    """

    name: ClassVar[str]
    real: ClassVar[bool] = True
    takes_docker_client: ClassVar[bool] = False
    adopts_compose: ClassVar[bool] = False
    uses_images: ClassVar[bool] = True
    cleans_up: ClassVar[bool] = False

    def read_project(self, files: ProjectFiles) -> Project:
        """Read compose files.

        Raises:
            ComposeError: they cannot be used.
            MissingExtra: the runtime's packages are not installed.
            RuntimeUnavailable: its programs are not.
        """
        from engine.compose import load_project

        return load_project(
            files.compose_file,
            files.project_dir,
            profiles=files.profiles,
            project_name=files.project_name,
        )

    @abstractmethod
    def create(self, request: RuntimeRequest) -> Runtime:
        """Make a runtime for one project. Nothing is started.

        Raises:
            MissingExtra: its packages are not installed.
            RuntimeUnavailable: its programs are not.
        """

    def list_resources(self, project: str | None) -> Sequence[Resource]:
        """List what runtimes of this kind, of any controller, have made and not removed.

        Args:
            project: the compose project to keep to; None for all.

        Raises:
            RuntimeUnavailable: it cannot be seen now.
            MissingExtra: its packages are not installed.
        """
        return ()

    def remove_resources(  # noqa: B027 - a runtime that lists nothing has nothing to remove
        self, resources: Sequence[Resource], *, project: str | None, grace_s: float
    ) -> None:
        """Remove what :meth:`list_resources` listed, and verify that it is gone.

        Args:
            project: as it was given to :meth:`list_resources`.
            grace_s: how long each may take to end, in seconds.

        Raises:
            TeardownError: something is left; it names each.
            RuntimeUnavailable: it cannot be reached any more.
        """

    def enter(self, project: Project, entry: Entry, *, adopts_compose: bool) -> int:
        """Run a command by hand in a backend that is up, with the input and output of this process.

        Args:
            adopts_compose: whether containers count that the user's own Compose made.

        Returns:
            its exit code, as a shell tells it.

        Raises:
            DispatchError: the backend is not up.
            OwnedElsewhere: a campaign uses it.
            ExecFailed: the command cannot be run.
            InputError: runtimes of this kind run no commands by hand.
        """
        raise InputError(
            f"the {self.name} runtime runs no commands by hand; use a runtime that does (--runtime)"
        )

    def remove_owned(self, owner: Owner, *, grace_s: float) -> Sequence[str]:
        """Remove what is an owner's, whose process has died.

        Runs in the watchdog's process, again and again until nothing is found.

        Args:
            grace_s: between the request to end and the kill, in seconds.

        Returns:
            what was removed, in words; empty once nothing is left.

        Raises:
            Exception: something could not be removed now; the watchdog tries again.
        """
        return ()
