"""The questions of ``dockwarden doctor`` to an engine, and to the Compose beside it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import docker.errors
from attrs import frozen

from engine.errors import RuntimeUnavailable
from engine.model.spec import Project
from engine.policy.keep_alive import ImageCommand
from engine.runtimes.docker.containers.image_command import image_command
from engine.runtimes.docker.containers.images import image_name
from engine.runtimes.docker.daemon.client import ENGINE_ERRORS, address, connect, said

__all__ = ["EngineReport", "compose_version", "examine", "image_commands", "missing_images"]

_PATIENCE_S: Final = 20.0


@frozen
class EngineReport:
    """An engine's description of itself.

    Attributes:
        gpus: whether it announces a GPU runtime or GPU devices; one that does not may still give GPUs.
        data: the folder in which it keeps images and containers; None where it is not on this machine.
    """

    version: str
    url: str
    gpus: bool
    data: Path | None


def examine() -> EngineReport:
    """Ask the engine who it is.

    Raises:
        RuntimeUnavailable: none answers.
    """
    client = connect()
    try:
        info = client.info()
    except ENGINE_ERRORS as error:
        raise RuntimeUnavailable(f"the Docker engine does not answer: {said(error)}") from error
    finally:
        client.close()
    devices = [str(one.get("ID", "")) for one in info.get("DiscoveredDevices") or ()]
    data = Path(info["DockerRootDir"])
    local = client.base_url.startswith("http+docker:") and data.is_dir()
    return EngineReport(
        version=info["ServerVersion"],
        url=address(client),
        gpus="nvidia" in (info.get("Runtimes") or {}) or any("gpu" in one for one in devices),
        data=data if local else None,
    )


def missing_images(project: Project, services: Iterable[str]) -> dict[str, str]:
    """The images that are not on the engine, by service.

    Raises:
        RuntimeUnavailable: no engine answers.
    """
    client = connect()
    missing: dict[str, str] = {}
    try:
        for name in services:
            image = image_name(project, project.services[name])
            try:
                client.inspect_image(image)
            except docker.errors.NotFound:
                missing[name] = image
    except ENGINE_ERRORS as error:
        raise RuntimeUnavailable(f"the Docker engine does not answer: {said(error)}") from error
    finally:
        client.close()
    return missing


def image_commands(project: Project, services: Iterable[str]) -> dict[str, ImageCommand | None]:
    """Return the commands of images, by service; None for one that is not on the engine.

    Raises:
        RuntimeUnavailable: no engine answers.
    """
    client = connect()
    found: dict[str, ImageCommand | None] = {}
    try:
        for name in services:
            try:
                found[name] = image_command(client, image_name(project, project.services[name]))
            except docker.errors.NotFound:
                found[name] = None
    except ENGINE_ERRORS as error:
        raise RuntimeUnavailable(f"the Docker engine does not answer: {said(error)}") from error
    finally:
        client.close()
    return found


def compose_version() -> str | None:
    """The version of the Compose that is installed here; None where none answers."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) is None:
            continue
        try:
            asked = subprocess.run(
                [*command, "version", "--short"],
                capture_output=True,
                text=True,
                timeout=_PATIENCE_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if asked.returncode == 0:
            return asked.stdout.strip()
    return None
