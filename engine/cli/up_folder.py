"""The folder for the output of a project's backends while they are up by hand."""

from __future__ import annotations

import shutil
from pathlib import Path

from engine.util.names import is_plain
from engine.util.state_folder import state_folder

__all__ = ["folder_of", "forget"]


def folder_of(project: str) -> Path:
    """The folder of a project; it is not made."""
    return state_folder("up", project)


def forget(project: str) -> None:
    """Remove a project's folder, once nothing of it is up."""
    if is_plain(project):  # the name may be a label, and any user may write labels
        shutil.rmtree(folder_of(project), ignore_errors=True)
