"""A digest of a service's configuration, for the label ``com.docker.compose.config-hash``.

Real Compose hashes its own JSON of a service, which only Compose itself can reproduce; where it is
installed, its own digest becomes the label. This one is for machines without Compose, and for comparing
configurations across runs. It is the
SHA-256 of a JSON text with sorted keys: everything of the service that shapes its container, and the
networks and volumes it uses. It is stable over machines, Python versions and the order in a file, and
it is 64 hexadecimal digits as Compose's is. Real Compose sees a different digest and would recreate the
container on ``docker compose up``; ``ps``, ``logs``, ``exec`` and ``down`` do not read it.
"""

from __future__ import annotations

import enum
import hashlib
import json
from pathlib import PurePath
from typing import Any

import attrs

from engine.model.spec import Project, ServiceSpec

__all__ = ["config_digest"]

# What does not shape the container: Compose leaves these out as well, and the last three are dockwarden's.
_LEFT_OUT = frozenset(
    {
        "build",
        "depends_on",
        "is_switched_off",
        "profiles",
        "pull_policy",
        "refusals",
        "restart",
        "warnings",
    }
)


def config_digest(service: ServiceSpec, project: Project) -> str:
    """The digest of what a service's container is made from."""
    used = {mount.source for mount in service.mounts}
    shape = {
        "service": attrs.asdict(service, filter=lambda field, _: field.name not in _LEFT_OUT),
        "networks": [
            attrs.asdict(project.networks[joined.network])
            for joined in service.networks
            if joined.network in project.networks
        ],
        "volumes": [attrs.asdict(volume) for key, volume in project.volumes.items() if key in used],
    }
    return hashlib.sha256(json.dumps(shape, sort_keys=True, default=_plain).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in a digest")
