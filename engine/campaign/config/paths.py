"""Paths as a campaign file writes them."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["absolute"]


def absolute(folder: Path, written: str) -> Path:
    """A path from a file's own folder; links in it are left for the system to follow."""
    return Path(os.path.normpath(folder / Path(written).expanduser()))
