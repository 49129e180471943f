"""Images: found, built or pulled, before anything is started."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import docker.errors
from docker.api import APIClient
from docker.utils import parse_repository_tag

from engine.errors import LaunchFailed
from engine.model.spec import BuildSpec, Project, ServiceSpec
from engine.runtimes.docker.daemon.client import ENGINE_ERRORS, said

__all__ = ["ensure_image", "image_name", "platform_of"]

_LOG: Final = logging.getLogger(__name__)
_PLATFORM: Final = "DOCKER_DEFAULT_PLATFORM"


def image_name(project: Project, service: ServiceSpec) -> str:
    """The image that a service runs on, by the name that Compose would give it."""
    return service.image or f"{project.name}-{service.name}"


def platform_of(project: Project, service: ServiceSpec) -> str | None:
    """The platform of a service's image: the file's, or the one that the caller's environment names."""
    return service.platform or project.variables.get(_PLATFORM) or None


def ensure_image(
    client: APIClient,
    project: Project,
    service: ServiceSpec,
    build: Callable[[], None] | None = None,
) -> None:
    """Make sure that a service's image is on the engine, as its pull policy says.

    Args:
        client: the engine's.
        project: the project.
        service: the service.
        build: builds the image; None for the SDK, which uses the engine's classic builder.

    Raises:
        LaunchFailed: it can neither be found, built nor pulled. No restart cures that.
    """
    name = image_name(project, service)
    policy = service.pull_policy
    try:
        if service.build is not None and (policy == "build" or not _present(client, name)):
            classic = partial(_build_by_sdk, client, project, service, service.build)
            _build(service, name, build or classic)
        elif policy == "always" or not _present(client, name):
            if policy == "never":
                reason = (
                    f"its image {name} is not here, and pull_policy is never: docker pull {name}"
                )
                raise LaunchFailed(service.name, reason, curable=False)
            _pull(client, project, service)
    except ENGINE_ERRORS as error:
        reason = f"its image {name} could not be had: {said(error)}"
        raise LaunchFailed(service.name, reason, curable=False) from error


def _present(client: APIClient, name: str) -> bool:
    try:
        client.inspect_image(name)
    except docker.errors.ImageNotFound:
        return False
    return True


def _pull(client: APIClient, project: Project, service: ServiceSpec) -> None:
    name, platform = image_name(project, service), platform_of(project, service)
    repository, tag = parse_repository_tag(name)
    try:
        steps = client.pull(
            repository, tag or "latest", stream=True, decode=True, platform=platform
        )
        _follow(steps)
    except ENGINE_ERRORS as error:
        reason = (
            f"its image {name} is not on this engine and could not be pulled: {said(error)};"
            f" check the name and the network, log in with 'docker login', or build it"
        )
        raise LaunchFailed(service.name, reason, curable=False) from error


def _build(service: ServiceSpec, name: str, build: Callable[[], None]) -> None:
    try:
        build()
    except ENGINE_ERRORS as error:
        reason = f"its image {name} could not be built: {said(error)}"
        raise LaunchFailed(service.name, reason, curable=False) from error


def _build_by_sdk(
    client: APIClient, project: Project, service: ServiceSpec, build: BuildSpec
) -> None:
    if not build.context.is_dir():
        reason = f"its build context {build.context} is not a folder"
        raise LaunchFailed(service.name, reason, curable=False)
    _LOG.info("%s: its image is built by the engine's classic builder", service.name)
    steps = client.build(
        path=str(build.context),
        dockerfile=build.dockerfile,
        tag=image_name(project, service),
        buildargs=dict(build.args) or None,
        target=build.target or "",
        labels=dict(build.labels) or None,
        network_mode=build.network,
        shmsize=build.shm_size_bytes,
        extra_hosts=dict(entry.split("=", 1) for entry in build.extra_hosts) or None,
        nocache=build.no_cache,
        pull=build.pull,
        cache_from=list(build.cache_from) or None,
        platform=platform_of(project, service),
        rm=True,
        forcerm=True,
        decode=True,
    )
    _follow(steps)


def _follow(steps: Any) -> None:
    """Read a pull or a build to its end; the engine reports its failure among the steps."""
    for step in steps:
        if "error" in step:
            raise docker.errors.DockerException(step["error"])
