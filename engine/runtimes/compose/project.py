"""A project as real Compose reads it: ``docker compose config``, and our own types made of that."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker.errors
from attrs import evolve

from engine.compose.cli_variables import is_compatible
from engine.compose.files import DEFAULT_FILE
from engine.compose.project import located
from engine.errors import ComposeError, InputError
from engine.model.spec import Project
from engine.runtimes.compose.client import client, for_files, refused
from engine.runtimes.compose.handles import lifeline
from engine.runtimes.compose.reader import excuse, project_from

if TYPE_CHECKING:
    from python_on_whales import DockerClient
    from python_on_whales.components.compose.cli_wrapper import ComposeCLI

__all__ = ["read"]


def read(
    compose_file: str | Path | Sequence[str | Path],
    project_dir: str | Path | None = None,
    *,
    profiles: Iterable[str] = (),
    project_name: str | None = None,
    docker_client: DockerClient | None = None,
) -> Project:
    """Read compose files by real Compose: includes, extensions, several files, everything resolved.

    Nothing is refused for being beyond us: what real Compose accepts, it makes.

    Args:
        compose_file: the file, or several that are merged in order; relative to ``project_dir``, or to
            the working directory.
        project_dir: the folder that relative paths start from; by default the first file's.
        profiles: the profiles to activate, beside the client's.
        project_name: the project's name; by default the client's, or as Compose derives it.
        docker_client: the user's client, whose own compose files, folder, project name and profiles
            hold; None for one that follows the environment.

    Raises:
        ComposeError: Compose does not accept the files; with its words.
        InputError: both ``compose_file`` and the client name files, or ``COMPOSE_COMPATIBILITY`` is on.
        MissingExtra: python-on-whales is not installed.
        RuntimeUnavailable: the Docker CLI is not.
    """
    whales = client(docker_client)
    config = whales.client_config
    named = [compose_file] if isinstance(compose_file, str | Path) else list(compose_file)
    if config.compose_files:
        if named not in ([DEFAULT_FILE], list(config.compose_files)):
            raise InputError(
                f"docker_client names its own compose files ({', '.join(map(str, config.compose_files))}):"
                " leave them out there, or compose_file here"
            )
        named = list(config.compose_files)
    place = located(
        named if config.compose_files else compose_file,
        project_dir or config.compose_project_directory,
    )
    try:
        with refused(), lifeline() as (line, _):
            compose = for_files(
                whales, place.files, lifeline=line, directory=place.directory, project=project_name
            ).compose
            printed = _config(compose)
    except docker.errors.DockerException as error:
        raise ComposeError(f"Compose says: {error}", file=place.named[0]) from error
    project = project_from(
        printed, place, "Docker Compose", profiles=(*config.compose_profiles, *profiles)
    )
    if is_compatible(project.variables):
        raise InputError(
            "COMPOSE_COMPATIBILITY gives containers other names than dockwarden looks for: unset it, or use"
            " the docker runtime (--runtime docker), which ignores it"
        )
    services = {
        name: evolve(spec, refusals=(), warnings=()) for name, spec in project.services.items()
    }
    return evolve(project, services=services, refusals=(), warnings=())


def _config(compose: ComposeCLI) -> dict[str, Any]:
    """Return Compose's output for the files, without a check that would refuse unrelated services."""
    from python_on_whales.exceptions import DockerException
    from python_on_whales.utils import run

    try:
        printed: dict[str, Any] = compose.config(return_json=True)
    except DockerException as error:
        option = excuse(error.stderr or "")
        if option is None:
            raise
        words = [*compose.docker_compose_cmd, "config", "--format", "json", option]
        printed = json.loads(str(run(words, capture_stdout=True)))
    return printed
