"""From a runtime's name to the runtime, with ``auto`` resolved for this machine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from engine.errors import InputError, RuntimeUnavailable
from engine.model.main_command import Decision
from engine.model.spec import Project
from engine.policy import BackendPolicy, KeepAlive
from engine.policy.health import unchecked
from engine.policy.keep_alive import keep_alives, undecided
from engine.runtimes.base import Runtime
from engine.runtimes.provider import ProjectFiles, RuntimeRequest
from engine.runtimes.registry import AUTO, provider

if TYPE_CHECKING:
    from python_on_whales import DockerClient

__all__ = ["RuntimeName", "choose_runtime", "read_project", "resolved"]

_LOG: Final = logging.getLogger(__name__)

RuntimeName = str
"""``auto``, or the name of a provider; see :mod:`engine.runtimes.registry`."""


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
    files = ProjectFiles(compose_file, project_dir, tuple(profiles), project_name, docker_client)
    project = provider("docker" if name == AUTO else name).read_project(files)
    _LOG.info("the compose file was read by %s", project.read_by)
    return project


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
    decided: Mapping[str, Decision] | None = None,
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
        decided: what an earlier controller decided to run as main processes, by service.

    Raises:
        InputError: there is no runtime of that name, another one is given a ``docker_client``, it has
            nothing to take over, or a policy asks for what only an image could say and it uses none.
        MissingExtra: the runtime's packages are not installed.
        RuntimeUnavailable: its programs are not, or ``auto`` finds no engine and must not do without.
    """
    name = await asyncio.to_thread(resolved, name, project, services, needs_engine)
    chosen = provider(name)
    if docker_client is not None and not chosen.takes_docker_client:
        raise InputError(f"docker_client is for the compose runtime, and not for {name!r}")
    if adopt_compose and not chosen.adopts_compose:
        raise InputError(f"adopt: compose takes containers over, and the {name} runtime has none")
    if not chosen.uses_images:
        _refuse_images(chosen.name, project, policies, services)
    return chosen.create(
        RuntimeRequest(
            project,
            keep_alive=keep_alives(project, policies),
            undecided=undecided(project, policies),
            decided=decided or {},
            unchecked=unchecked(project, policies),
            labels=labels,
            adopt_compose=adopt_compose,
            docker_client=docker_client,
        )
    )


def resolved(
    name: RuntimeName,
    project: Project,
    services: Collection[str] | None = None,
    needs_engine: Sequence[str] = (),
) -> RuntimeName:
    """The name of a provider: what ``auto`` is here, and any other name as it is. Blocks.

    Args:
        services: those that are going to be started; None for any of the project.
        needs_engine: what else asks for an engine, in words.

    Raises:
        RuntimeUnavailable: no engine answers, and commands must not run on this machine itself.
    """
    if name != AUTO:
        return name
    return _resolve(project, project.services if services is None else services, needs_engine)


def _refuse_images(
    runtime: str,
    project: Project,
    policies: Mapping[str, BackendPolicy],
    services: Collection[str] | None,
) -> None:
    """See that no policy asks for what only an image could say.

    Raises:
        InputError: one does.
    """
    for name in policies.keys() & (project.services if services is None else services):
        spec, policy = project.services[name], policies[name]
        without = f"its compose file gives none, and the {runtime} runtime uses no image"
        if policy.keep_alive is KeepAlive.NEVER and not spec.entrypoint and not spec.command:
            raise InputError(
                f"{name}: keep_alive: never has its own command run, and {without}; give it a command, or use the"
                " docker runtime"
            )
        if policy.through_entrypoint and not spec.entrypoint:
            raise InputError(
                f"{name}: through_entrypoint needs an entrypoint, and {without}; give it one, or use the docker"
                " runtime"
            )


def _resolve(
    project: Project, services: Collection[str], needs_engine: Sequence[str]
) -> Literal["docker", "process"]:
    """Choose the runtime for ``auto``.

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
