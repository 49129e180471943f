"""The same files read by real Compose and by us, as two projects that can be held against each other.

``docker compose config`` prints the model that Compose made of a file, with everything in its long form.
Reading that back must give what reading the file itself gives, field by field.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from engine.compose import load_project
from engine.spec import Project, ServiceSpec

__all__ = ["as_compose_reads", "compose_config", "in_use", "shape"]

_NOT_IN_THE_MODEL: Final = {"warnings", "refusals"}
"""Only the file itself can tell these."""


def compose_config(
    compose: Path, words: Sequence[str], folder: Path, environ: Mapping[str, str]
) -> dict[str, Any] | str:
    """The model that real Compose makes of a project, or what it says of files that it refuses.

    Args:
        compose: the program.
        words: those between the program's name and ``config``.
        folder: where it is called.
        environ: the environment.
    """
    printed = subprocess.run(
        [str(compose), *words, "--profile", "*", "config", "--format", "json"],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    return printed.stderr if printed.returncode else _mended(json.loads(printed.stdout))


def as_compose_reads(
    compose: Path, words: Sequence[str], folder: Path, environ: Mapping[str, str]
) -> Project | str:
    """Likewise, read back into a project."""
    model = compose_config(compose, words, folder, environ)
    if isinstance(model, str):
        return model
    file = folder / ".printed.json"
    try:
        file.write_text(json.dumps(model, ensure_ascii=False), encoding="utf-8")
        return load_project(file, folder, environ=environ, project_name=model["name"])
    finally:
        file.unlink(missing_ok=True)


def _mended(model: dict[str, Any]) -> dict[str, Any]:
    """What Compose prints, without the quirks of its printing.

    A limit of 0 is an empty mapping there, a device without a count is none and not all of them, and
    dollar signs are doubled in keys as well, which are not interpolated when read.
    """
    for service in model["services"].values():
        for name, limit in service.get("ulimits", {}).items():
            service["ulimits"][name] = limit or 0
        for key in list(service.get("environment", {})):
            service["environment"][key.replace("$$", "$")] = service["environment"].pop(key)
        resources = service.get("deploy", {}).get("resources", {})
        for device in (
            *service.get("gpus", ()),
            *resources.get("reservations", {}).get("devices", ()),
        ):
            if not device.get("device_ids"):
                device.setdefault("count", 0)
    return model


def shape(value: ServiceSpec) -> dict[str, Any]:
    """The fields of a service in which two readings must be the same."""
    found = attrs.asdict(value, recurse=False)
    found["memory_swappiness"] = found["memory_swappiness"] or None  # Compose drops a 0; see docs
    return {key: inner for key, inner in found.items() if key not in _NOT_IN_THE_MODEL}


def in_use(project: Project) -> dict[str, Any]:
    """The networks and volumes that services of a project use, by key."""
    services = project.services.values()
    networks = {joined.network for service in services for joined in service.networks}
    sources = {mount.source for service in services for mount in service.mounts}
    return {
        "networks": {key: project.networks[key] for key in networks},
        "volumes": {key: volume for key, volume in project.volumes.items() if key in sources},
    }
