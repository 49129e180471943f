"""The folder for state that outlives a process and belongs to no results, on this machine and for this user."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["state_folder"]


def state_folder(*parts: str) -> Path:
    """A folder below ``$XDG_STATE_HOME/dockwarden``, else ``~/.local/state/dockwarden``; it is not made."""
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    if not state.is_absolute():
        state = Path("~/.local/state").expanduser()
    return state.joinpath("dockwarden", *parts)
