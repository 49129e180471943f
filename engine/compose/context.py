"""The context for reading a service."""

from __future__ import annotations

import os.path
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from engine.compose.interpolation import Lookup
from engine.compose.node import Node

__all__ = ["Context", "absolute"]


def absolute(written: str, directory: Path, home: str | None) -> str:
    """An absolute path for one that starts from a folder; ``~`` is the home folder."""
    if home and written.startswith("~"):
        # As Compose has it: ~name is no other user's home, but a folder in this one's.
        return os.path.normpath(f"{home}/{written[1:]}")
    return written if written.startswith("/") else os.path.normpath(directory / written)


@frozen
class Context:
    """The project around a service.

    Attributes:
        directory: the absolute folder that relative paths start from.
        lookup: gives the value of a variable of the environment or of ``.env``.
        missing: the variables that were not set and had no default, by service.
        root: the merged model.
    """

    directory: Path
    lookup: Lookup
    missing: Mapping[str, tuple[str, ...]]
    root: Node

    def resolve(self, written: str) -> str:
        """An absolute path for one that starts from the project's folder."""
        return absolute(written, self.directory, self.lookup("HOME"))
