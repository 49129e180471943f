"""From a runtime's name to the runtime. Its packages are imported here and no earlier."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, get_args

from attrs import evolve

from engine.compose import load_project
from engine.compose.node import nearest
from engine.errors import InputError, RuntimeUnavailable
from engine.model.spec import Project
from engine.policy import BackendPolicy
from engine.policy.keep_alive import keep_alives
from engine.runtimes.base import Runtime

if TYPE_CHECKING:
    from python_on_whales import DockerClient

__all__ = [
    "REAL_RUNTIMES",
    "RealRuntimeName",
    "RuntimeName",
    "choose_runtime",
    "engine_variables",
    "read_project",
]

_LOG: Final = logging.getLogger(__name__)

RealRuntimeName = Literal["auto", "docker", "compose", "process"]
RuntimeName = RealRuntimeName | Literal["simulated"]

REAL_RUNTIMES: Final[tuple[RealRuntimeName, ...]] = get_args(RealRuntimeName)
"""Those that a campaign may name: nobody is to take simulated results for real ones."""

_RUNTIMES: Final = (*REAL_RUNTIMES, "simulated")


def read_project(
    name: RuntimeName,
    compose_file: str | Path | Sequence[str | Path],
    project_dir: str | Path | None = None,
    *,
    profiles: Iterable[str] = (),
    project_name: str | None = None,
    docker_client: DockerClient | None = None,
) -> Project:
    """Read compose files: by real Compose where that is to be had, else by our own reader.

    The runtime ``process`` takes our own reader, for it needs no Compose; the runtime ``compose`` takes
    none but real Compose. ``Project.read_by`` says which one read.

    See :func:`engine.compose.load_project` for which files are read.

    Args:
        docker_client: for the compose runtime: the python-on-whales client to use.

    Raises:
        ComposeError: they cannot be used.
        InputError: there is no runtime of that name.
        MissingExtra: the runtime's packages are not installed.
        RuntimeUnavailable: its programs are not.
    """
    _check(name)
    if name == "compose":
        from engine.runtimes.compose.project import read

        project = read(
            compose_file,
            project_dir,
            profiles=profiles,
            project_name=project_name,
            docker_client=docker_client,
        )
    else:
        project = _read(name, compose_file, project_dir, tuple(profiles), project_name)
    _LOG.info("the compose file was read by %s", project.read_by)
    if name in {"process", "simulated"}:
        return project
    from engine.runtimes.docker.daemon.proxies import proxies

    # What containers are given may hold passwords, which are kept out of whatever is shown.
    return evolve(project, variables={**proxies(), **project.variables})


def _read(
    name: RuntimeName,
    compose_file: str | Path | Sequence[str | Path],
    project_dir: str | Path | None,
    profiles: Sequence[str],
    project_name: str | None,
) -> Project:
    """By real Compose where that is to be had and containers are wanted; else by our own reader."""
    if name != "process":
        from engine.runtimes.compose.reader import read_by_compose

        project = read_by_compose(
            compose_file, project_dir, profiles=profiles, project_name=project_name
        )
        if project is not None:
            return project
    return load_project(compose_file, project_dir, profiles=profiles, project_name=project_name)


async def choose_runtime(
    name: RuntimeName,
    project: Project,
    policies: Mapping[str, BackendPolicy],
    labels: Mapping[str, str] | None = None,
    *,
    docker_client: DockerClient | None = None,
    adopt_compose: bool = False,
    services: Collection[str] | None = None,
    needs_engine: Sequence[str] = (),
) -> Runtime:
    """The runtime of that name for a project.

    Args:
        name: ``auto`` is Docker; local processes only where no engine is configured or installed, and
            nothing asks for one (see :mod:`engine.runtimes.fallback`). ``simulated`` is in memory, and
            nothing runs.
        policies: how the backends are run, by service; they may declare a keep-alive.
        labels: further labels for what the runtime creates, where it has labels.
        docker_client: for the compose runtime: the python-on-whales client to use.
        adopt_compose: whether containers that the user's own Compose made are taken over.
        services: those that are going to be started; None for any of the project.
        needs_engine: what else asks for an engine, in words.

    Raises:
        InputError: there is no runtime of that name, another one is given a ``docker_client``, or it has
            nothing to take over.
        MissingExtra: the runtime's packages are not installed.
        RuntimeUnavailable: its programs are not, or ``auto`` finds no engine and must not do without.
    """
    _check(name)
    keep_alive = keep_alives(project, policies)
    if docker_client is not None and name != "compose":
        raise InputError(f"docker_client is for the compose runtime, and not for {name!r}")
    if name == "compose":
        from engine.runtimes.compose.client import client
        from engine.runtimes.compose.provisioner import ComposeProvisioner
        from engine.runtimes.docker.runtime import DockerRuntime

        return DockerRuntime(
            project,
            keep_alive=keep_alive,
            labels=labels,
            maker=partial(ComposeProvisioner, client(docker_client)),
            engine=engine_variables(docker_client),
            adopt_compose=adopt_compose,
        )
    if name == "simulated":
        from engine.runtimes.simulated import SimulatedRuntime

        return SimulatedRuntime(project, keep_alive=keep_alive)
    if name == "auto":
        asked = project.services if services is None else services
        name = await asyncio.to_thread(_resolve, project, asked, needs_engine)
    if name == "docker":
        from engine.runtimes.compose.installed import InstalledCompose
        from engine.runtimes.docker.runtime import DockerRuntime
        from engine.runtimes.docker.sdk_provisioner import SdkMaker

        program = project.compose
        compose = None if program is None else InstalledCompose(program, project)
        return DockerRuntime(
            project,
            keep_alive=keep_alive,
            labels=labels,
            maker=partial(SdkMaker, compose=compose),
            adopt_compose=adopt_compose,
        )
    if adopt_compose:
        raise InputError("adopt: compose takes containers over, and the process runtime has none")
    from engine.runtimes.process import ProcessRuntime

    return ProcessRuntime(project, keep_alive=keep_alive)


def engine_variables(docker_client: DockerClient | None) -> dict[str, str] | None:
    """The environment variables that lead to a client's engine; None where the environment's own do."""
    if docker_client is None:
        return None
    from engine.runtimes.compose.client import engine_of

    return engine_of(docker_client)


def _check(name: str) -> None:
    """See that a runtime of that name exists.

    Raises:
        InputError: none does; lists those that do.
    """
    if name not in _RUNTIMES:
        known = ", ".join(_RUNTIMES)
        raise InputError(
            f"there is no runtime {name!r}{nearest(name, _RUNTIMES)}; the runtimes are {known}"
        )


def _resolve(
    project: Project, services: Collection[str], needs_engine: Sequence[str]
) -> Literal["docker", "process"]:
    """Which runtime ``auto`` is here.

    Raises:
        RuntimeUnavailable: no engine answers, and commands must not run on this machine itself.
    """
    from engine.runtimes.docker.daemon.client import connect
    from engine.runtimes.fallback import refusal

    try:
        connect().close()
    except RuntimeUnavailable as unavailable:
        reason = refusal(project, services, needs_engine)
        if reason:
            raise RuntimeUnavailable(
                f"{unavailable}. Nothing runs on this machine itself instead, since {reason}"
            ) from unavailable
        _LOG.warning(
            "no Docker engine is configured or installed here: commands run on this machine itself,"
            " without containers; set runtime: process to ask for that, or install an engine"
        )
        return "process"
    return "docker"
