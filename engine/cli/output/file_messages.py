"""Messages about a compose file: what read it, and which keys have no effect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from engine.cli.output.messages import note

if TYPE_CHECKING:
    from engine.model.spec import Project

__all__ = ["note_reader", "note_warnings"]


def note_reader(project: Project) -> None:
    """Print what read the compose file."""
    note(f"the compose file was read by {project.read_by}")


def note_warnings(
    project: Project,
    services: Iterable[str],
    of_runtime: Mapping[str, tuple[str, ...]] | None = None,
) -> None:
    """Print what of the compose file has no effect.

    Args:
        services: those that run.
        of_runtime: further warnings of the runtime, by service.
    """
    for warning in project.warnings:
        note(warning)
    for name in services:
        for warning in (*project.services[name].warnings, *(of_runtime or {}).get(name, ())):
            note(f"{name}: {warning}")
