"""Notes on this machine of where the output of containers is kept.

What a container mounts leads to its results, but on an engine elsewhere it mounts nothing of this machine. A cleanup
after the death of a controller finds the log by a note.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Final

from engine.spool.main_log import MainLog
from engine.util.regular_file import open_plain
from engine.util.state_folder import state_folder

__all__ = ["forget", "note", "noted"]

_ID: Final = re.compile(r"[0-9a-f]{64}")
_MOST_BYTES: Final = 2**14


def note(container_id: str, log: MainLog) -> None:
    """Note where a container's output is kept; without a note it is found by what the container mounts, if at all."""
    told = {"output": str(log.output), "service": log.service, "generation": log.generation}
    with suppress(OSError):
        file = _file(container_id)
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = file.with_suffix(".part")
        part.write_text(json.dumps(told))
        part.replace(file)


def noted(container_id: str) -> MainLog | None:
    """Where a container's output is kept; None where nothing is noted."""
    try:
        with open_plain(_file(container_id)) as opened:
            told = json.loads(opened.read(_MOST_BYTES))
        return MainLog.of(Path(told["output"]), told["service"], told["generation"], container_id)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def forget(container_id: str) -> None:
    """Take a note away, once all of the container's output is kept."""
    with suppress(OSError):
        _file(container_id).unlink(missing_ok=True)


def _file(container_id: str) -> Path:
    """The file of a note.

    Raises:
        OSError: no note is called so.
    """
    if not _ID.fullmatch(container_id):
        raise FileNotFoundError(container_id)
    return state_folder("logs", container_id)
