"""Small files in the shapes of real ones: servers, trainings, notebooks, databases, metrics.

Each is a project by itself. No two have a service of the same name, so that real Compose can read, or
create, all of them at once, which takes it no longer than one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from engine.compose import load_project
from engine.model.spec import Project
from tests.compose.cases import ENVIRON, Case

__all__ = ["FILES", "FOLDER", "SHAPES", "read_alone", "together"]

FOLDER: Final = Path(__file__).parent / "shapes"
FILES: Final = tuple(sorted(file.name for file in FOLDER.glob("*.yml")))


def together(files: Sequence[str]) -> Case:
    """Some of them as one project."""
    return Case("shapes", tuple(map(Path, files)), FOLDER)


SHAPES: Final = together(FILES)
"""All of them."""


def read_alone(file: str, project_name: str) -> Project:
    """One of them as our reader reads it."""
    return load_project([FOLDER / file], environ=ENVIRON, project_name=project_name)
