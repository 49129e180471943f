"""Images: found, built or pulled, before anything is started."""

from __future__ import annotations

from typing import Any

import docker.errors
from docker.api import APIClient
from docker.utils import parse_repository_tag

from engine.errors import LaunchFailed
from engine.runtimes.docker.client import ENGINE_ERRORS, said
from engine.spec import BuildSpec, Project, ServiceSpec

__all__ = ["ensure_image", "image_name"]


def image_name(project: Project, service: ServiceSpec) -> str:
    """The image that a service runs on, by the name that Compose would give it."""
    return service.image or f"{project.name}-{service.name}"


def ensure_image(client: APIClient, project: Project, service: ServiceSpec) -> None:
    """Make sure that a service's image is on the engine, as its pull policy says.

    Raises:
        LaunchFailed: it can neither be found, built nor pulled. No restart cures that.
    """
    name = image_name(project, service)
    policy = service.pull_policy
    try:
        if service.build is not None and (policy == "build" or not _present(client, name)):
            _build(client, name, service, service.build)
        elif policy == "always" or not _present(client, name):
            if policy == "never":
                reason = (
                    f"its image {name} is not here, and pull_policy is never: docker pull {name}"
                )
                raise LaunchFailed(service.name, reason, curable=False)
            _pull(client, name, service)
    except ENGINE_ERRORS as error:
        reason = f"its image {name} could not be had: {said(error)}"
        raise LaunchFailed(service.name, reason, curable=False) from error


def _present(client: APIClient, name: str) -> bool:
    try:
        client.inspect_image(name)
    except docker.errors.ImageNotFound:
        return False
    return True


def _pull(client: APIClient, name: str, service: ServiceSpec) -> None:
    repository, tag = parse_repository_tag(name)
    try:
        steps = client.pull(
            repository, tag or "latest", stream=True, decode=True, platform=service.platform
        )
        _follow(steps)
    except ENGINE_ERRORS as error:
        reason = (
            f"its image {name} is not on this engine and could not be pulled: {said(error)};"
            f" check the name and the network, log in with 'docker login', or build it"
        )
        raise LaunchFailed(service.name, reason, curable=False) from error


def _build(client: APIClient, name: str, service: ServiceSpec, build: BuildSpec) -> None:
    if not build.context.is_dir():
        reason = f"its build context {build.context} is not a folder"
        raise LaunchFailed(service.name, reason, curable=False)
    try:
        steps = client.build(
            path=str(build.context),
            dockerfile=build.dockerfile,
            tag=name,
            buildargs=dict(build.args) or None,
            target=build.target or "",
            labels=dict(build.labels) or None,
            network_mode=build.network,
            shmsize=build.shm_size_bytes,
            extra_hosts=dict(entry.split("=", 1) for entry in build.extra_hosts) or None,
            nocache=build.no_cache,
            pull=build.pull,
            cache_from=list(build.cache_from) or None,
            platform=service.platform,
            rm=True,
            forcerm=True,
            decode=True,
        )
        _follow(steps)
    except ENGINE_ERRORS as error:
        reason = f"its image {name} could not be built from {build.context}: {said(error)}"
        raise LaunchFailed(service.name, reason, curable=False) from error


def _follow(steps: Any) -> None:
    """Read a pull or a build to its end; the engine reports its failure among the steps."""
    for step in steps:
        if "error" in step:
            raise docker.errors.DockerException(step["error"])
