"""When `auto` may use local processes: only where no engine is configured or installed.

A command must not run on the host because the engine that it was meant for is down. So the absence of an
engine has to be certain, and the services may ask for nothing that only a container gives.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from attrs import fields

from engine.errors import RuntimeUnavailable
from engine.model.spec import Project, ServiceSpec
from engine.runtimes.docker.daemon.endpoint import leading_to
from engine.runtimes.process.service import HONOURED, is_working_folder

__all__ = ["NEEDS_NOTHING", "expected_engine", "needs_engine", "refusal"]

_PROGRAMS: Final = ("dockerd", "dockerd-rootless.sh", "docker", "podman")
_SYSTEM_FOLDERS: Final = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""The folders of daemons; an ordinary user's PATH often lacks them."""
_SOCKET: Final = Path("/var/run/docker.sock")
_ROOTLESS_SOCKET: Final = "docker.sock"

NEEDS_NOTHING: Final = frozenset(
    {
        *("image", "pull_policy", "container_name", "labels", "annotations", "init"),
        *("environment_unset", "expose", "logging_driver", "logging_options", "networks"),
        *("refusals", "stdin_open", "stop_signal", "tty"),
    }
)
"""The fields of a service that change nothing in what a command finds when it runs without a container."""


def refusal(project: Project, services: Iterable[str], further: Iterable[str] = ()) -> str:
    """Say why commands must not run on this machine itself although no engine answers.

    Args:
        services: those that are going to be started.
        further: what else asks for an engine, in words.

    Returns:
        the reason, in words; empty where nothing speaks against it.
    """
    expected = expected_engine(os.environ)
    if expected:
        return expected
    asked = [
        f"{name} asks for {', '.join(wanted)}"
        for name in services
        if (wanted := tuple(needs_engine(project.services[name])))
    ]
    return "; ".join((*asked, *further))


def expected_engine(environ: Mapping[str, str]) -> str:
    """Say what shows that this machine is meant to use an engine; empty where nothing does."""
    try:
        named = leading_to(environ).get("DOCKER_HOST")
    except RuntimeUnavailable as missing:  # a context that is not there was meant to be used
        named = str(missing)
    if named:
        return f"an engine is configured: {named}"
    sockets = [_SOCKET]
    if environ.get("XDG_RUNTIME_DIR"):
        sockets.append(Path(environ["XDG_RUNTIME_DIR"], _ROOTLESS_SOCKET))
    for socket in sockets:
        if socket.exists():
            return f"an engine is installed: {socket} is there"
    path = os.pathsep.join((environ.get("PATH", os.defpath), *_SYSTEM_FOLDERS))
    for program in _PROGRAMS:
        found = shutil.which(program, path=path)
        if found is not None:
            return f"an engine is installed: {found} is there"
    return ""


def needs_engine(service: ServiceSpec) -> Iterator[str]:
    """Name what a service asks for that it gets in a container only, such as ``gpus`` or ``user``."""
    plain = ServiceSpec(name=service.name)
    for attribute in fields(ServiceSpec):
        name = attribute.name
        changed = getattr(service, name) != getattr(plain, name)
        if changed and name not in NEEDS_NOTHING | HONOURED:
            yield name.removesuffix("_bytes")
    if any(not is_working_folder(mount, service) for mount in service.mounts):
        yield "volumes"
