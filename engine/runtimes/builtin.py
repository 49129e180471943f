"""The providers of the runtimes that come with dockwarden. Their packages are imported when they are used."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from attrs import evolve

from engine.errors import TeardownError
from engine.model.spec import Project
from engine.ownership.owner import Owner
from engine.runtimes.base import Runtime
from engine.runtimes.by_hand import Entry
from engine.runtimes.provider import ProjectFiles, RuntimeProvider, RuntimeRequest
from engine.runtimes.resource import Resource

__all__ = ["ComposeProvider", "DockerProvider", "ProcessProvider", "SimulatedProvider"]

if TYPE_CHECKING:
    from python_on_whales import DockerClient


class _Containers(RuntimeProvider):
    """Containers on the engine that the environment names."""

    adopts_compose = True
    cleans_up = True

    def enter(self, project: Project, entry: Entry, *, adopts_compose: bool) -> int:
        from engine.runtimes.docker.by_hand import enter

        return enter(project, entry, adopts_compose=adopts_compose)

    def remove_owned(self, owner: Owner, *, grace_s: float) -> Sequence[str]:
        from engine.runtimes.docker.ownership.inventory import remove_all, take

        found = [one for one in take().everything if one.owner == owner]
        remove_all(found, project=None, grace_s=grace_s)
        return [f"{one.kind} {one.name}" for one in found]


class DockerProvider(_Containers):
    """Containers made through the Docker SDK."""

    name = "docker"

    def read_project(self, files: ProjectFiles) -> Project:
        """By real Compose where that is to be had, else by dockwarden's own reader."""
        return _with_proxies(_by_compose(files) or super().read_project(files))

    def create(self, request: RuntimeRequest) -> Runtime:
        from engine.runtimes.compose.installed import InstalledCompose
        from engine.runtimes.docker.runtime import DockerRuntime
        from engine.runtimes.docker.sdk_provisioner import SdkMaker

        program = request.project.compose
        compose = None if program is None else InstalledCompose(program, request.project)
        return DockerRuntime(
            request.project,
            keep_alive=request.keep_alive,
            undecided=request.undecided,
            decided=request.decided,
            unchecked=request.unchecked,
            labels=request.labels,
            maker=partial(SdkMaker, compose=compose),
            adopt_compose=request.adopt_compose,
        )

    def list_resources(self, project: str | None) -> Sequence[Resource]:
        """Of the runtime ``compose``, too: what it makes carries the same labels."""
        from engine.runtimes.docker.ownership.inventory import take

        return take(project).everything

    def remove_resources(
        self, resources: Sequence[Resource], *, project: str | None, grace_s: float
    ) -> None:
        from engine.runtimes.docker.ownership.inventory import remove_all

        remove_all(resources, project=project, grace_s=grace_s)


class ComposeProvider(_Containers):
    """Containers made by real Compose."""

    name = "compose"
    takes_docker_client = True

    def read_project(self, files: ProjectFiles) -> Project:
        """By real Compose, and by nothing else."""
        from engine.runtimes.compose.project import read

        return _with_proxies(
            read(
                files.compose_file,
                files.project_dir,
                profiles=files.profiles,
                project_name=files.project_name,
                docker_client=files.docker_client,
            )
        )

    def create(self, request: RuntimeRequest) -> Runtime:
        from engine.runtimes.compose.client import client
        from engine.runtimes.compose.provisioner import ComposeProvisioner
        from engine.runtimes.docker.runtime import DockerRuntime

        return DockerRuntime(
            request.project,
            keep_alive=request.keep_alive,
            undecided=request.undecided,
            decided=request.decided,
            unchecked=request.unchecked,
            labels=request.labels,
            maker=partial(ComposeProvisioner, client(request.docker_client)),
            engine=engine_variables(request.docker_client),
            adopt_compose=request.adopt_compose,
        )


class ProcessProvider(RuntimeProvider):
    """Processes on this machine, without containers."""

    name = "process"
    uses_images = False
    cleans_up = True

    def create(self, request: RuntimeRequest) -> Runtime:
        from engine.runtimes.process import ProcessRuntime

        return ProcessRuntime(
            request.project,
            keep_alive=request.keep_alive,
            undecided=request.undecided,
            decided=request.decided,
            unchecked=request.unchecked,
            labels=request.labels,
        )

    def enter(self, project: Project, entry: Entry, *, adopts_compose: bool) -> int:
        from engine.runtimes.process.by_hand import enter

        return enter(project, entry)

    def list_resources(self, project: str | None) -> Sequence[Resource]:
        from engine.runtimes.process.inventory import take

        return take(project)

    def remove_resources(
        self, resources: Sequence[Resource], *, project: str | None, grace_s: float
    ) -> None:
        from engine.runtimes.process.inventory import remove_all

        remove_all(resources, grace_s=grace_s)

    def remove_owned(self, owner: Owner, *, grace_s: float) -> Sequence[str]:
        import asyncio

        from engine.runtimes.process.backend import owner_mark
        from engine.runtimes.process.tree import end, find, stuck

        mark = owner_mark(owner)
        # With a session's leader come the processes in it that have removed the mark.
        found = find(mark, find(mark))
        left = asyncio.run(end(lambda: find(mark, find(mark)), grace_s)) if found else set()
        if left:
            raise TeardownError({"processes": stuck(left)})
        return [f"process {one.pid}" for one in sorted(found, key=lambda one: one.pid)]


class SimulatedProvider(RuntimeProvider):
    """Containers in memory, in which nothing runs."""

    name = "simulated"
    real = False

    def read_project(self, files: ProjectFiles) -> Project:
        """As the runtime ``docker`` would, so that a simulation is of the same services."""
        return _by_compose(files) or super().read_project(files)

    def create(self, request: RuntimeRequest) -> Runtime:
        from engine.runtimes.simulated import SimulatedRuntime

        return SimulatedRuntime(request.project, keep_alive=request.keep_alive)


def engine_variables(docker_client: DockerClient | None) -> dict[str, str] | None:
    """The environment variables that lead to a client's engine; None where the environment's own do."""
    if docker_client is None:
        return None
    from engine.runtimes.compose.client import engine_of

    return engine_of(docker_client)


def _by_compose(files: ProjectFiles) -> Project | None:
    """A project as real Compose reads it; None where there is no Compose."""
    from engine.runtimes.compose.reader import read_by_compose

    return read_by_compose(
        files.compose_file,
        files.project_dir,
        profiles=files.profiles,
        project_name=files.project_name,
    )


def _with_proxies(project: Project) -> Project:
    from engine.runtimes.docker.daemon.proxies import proxies

    # Variables of containers may hold passwords, which are kept out of all that is shown.
    return evolve(project, variables={**proxies(), **project.variables})
