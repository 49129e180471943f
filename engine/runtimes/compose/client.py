"""Clients of python-on-whales for real Compose: the user's, or one that follows the environment."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import docker.errors

from engine.errors import InputError, MissingExtra, RuntimeUnavailable
from engine.runtimes.docker.daemon.endpoint import leading_to

if TYPE_CHECKING:
    from python_on_whales import DockerClient

__all__ = ["DETACHED", "client", "engine_of", "for_files", "refused"]

DETACHED: Final = str(Path(__file__).with_name("detached.py"))
"""The script that runs a command in a separate session; see there."""

_PROGRESS: Final = re.compile(r" ?(Container|Image|Network|Volume|service:\S+) |time=\"")


def client(given: DockerClient | None) -> DockerClient:
    """The user's client, or one that follows the environment.

    Raises:
        MissingExtra: python-on-whales is not installed.
        RuntimeUnavailable: the Docker CLI is not.
    """
    try:
        import python_on_whales
    except ImportError as error:
        raise MissingExtra("the compose runtime", "compose") from error
    found = python_on_whales.DockerClient() if given is None else given
    program = found.client_config.client_call[0]
    if shutil.which(program) is None:
        raise RuntimeUnavailable(
            f"the compose runtime runs {program!r}, which is not on the PATH: install the Docker CLI and its"
            " Compose plugin, or use the docker runtime (--runtime docker), which needs neither"
        )
    return found


def for_files(
    given: DockerClient,
    files: Sequence[Path | str],
    *,
    lifeline: str,
    directory: Path | None = None,
    project: str | None = None,
    profiles: Sequence[str] = ("*",),
) -> DockerClient:
    """A client like ``given``, for these compose files.

    Args:
        lifeline: what its commands live by, see :func:`engine.runtimes.compose.handles.lifeline`.
        directory: that relative paths start from; None for the client's own, or the first file's.
        project: the project's name; None for the client's own, or as Compose derives it.
        profiles: those that are active; all by default.
    """
    config = given.client_config
    call = [sys.executable, "-IS", DETACHED, lifeline, *config.client_call]
    return type(given)(
        client_config=dataclasses.replace(
            config,
            compose_files=[str(file) for file in files],
            compose_profiles=list(profiles),
            compose_project_directory=directory or config.compose_project_directory,
            compose_project_name=project or config.compose_project_name,
            client_call=call,
            _client_call_with_path=None,
        )
    )


def engine_of(given: DockerClient | None) -> dict[str, str] | None:
    """The variables that lead to a client's engine; None where it follows the environment.

    Raises:
        RuntimeUnavailable: it names a context that is not there.
        InputError: it names certificates, which the SDK cannot take over.
    """
    if given is None:
        return None
    config = given.client_config
    if any((config.tls, config.tlscacert, config.tlscert, config.tlskey, config.tlsverify)):
        raise InputError(
            "a docker_client with TLS options cannot be followed by the SDK: put them into a context"
            " (docker context create) and name that, or set DOCKER_HOST and DOCKER_CERT_PATH"
        )
    if config.host is None and config.context is None and config.config is None:
        return None
    environ: Mapping[str, str] = dict(os.environ)
    if config.config is not None:
        environ = {**environ, "DOCKER_CONFIG": str(config.config)}
    if config.host is not None:
        environ = {**environ, "DOCKER_HOST": config.host}
    elif config.context is not None:
        environ = {**environ, "DOCKER_HOST": "", "DOCKER_CONTEXT": config.context}
    return leading_to(environ)


@contextmanager
def refused() -> Iterator[None]:
    """Turn what Compose refuses into an error as the SDK raises it, with Compose's own words."""
    from python_on_whales.exceptions import DockerException

    try:
        yield
    except DockerException as error:
        lines = (error.stderr or error.stdout or "").strip().splitlines()
        said = [line.strip() for line in lines if not _PROGRESS.match(line)]
        reason = " ".join(said) or f"exit code {error.return_code}"
        raise docker.errors.DockerException(reason) from error
