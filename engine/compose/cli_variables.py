"""Variables by which the user steers Compose's command line, and that dockwarden does not follow.

Those that it follows are read where they matter: ``COMPOSE_PROJECT_NAME``, ``COMPOSE_PROFILES``,
``COMPOSE_ENV_FILES``, ``COMPOSE_DISABLE_ENV_FILE`` and ``DOCKER_DEFAULT_PLATFORM``. The rest steers
commands that dockwarden does not run; see the table in ``docs/compose.md``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

__all__ = ["is_compatible", "without_effect"]

_FILE: Final = "COMPOSE_FILE"
_SEPARATOR: Final = "COMPOSE_PATH_SEPARATOR"
_COMPATIBILITY: Final = "COMPOSE_COMPATIBILITY"
_TRUE: Final = ("1", "t", "T", "TRUE", "true", "True")


def without_effect(variables: Mapping[str, str], files: Sequence[Path]) -> Iterator[str]:
    """A sentence about each variable that Compose would follow, and dockwarden does not.

    Args:
        variables: those of the project.
        files: the compose files that are read, absolute.
    """
    named = [name for name in variables.get(_FILE, "").split(_separator(variables)) if name]
    if named and [Path.cwd() / name for name in named] != list(files):
        yield (
            f"{_FILE} has no effect, since dockwarden names the files that it reads; to read others,"
            " name them in the campaign file or in the call"
        )
    if is_compatible(variables):
        yield f"{_COMPATIBILITY} has no effect: containers are named PROJECT-SERVICE-1"


def is_compatible(variables: Mapping[str, str]) -> bool:
    """Whether Compose names containers as its version 1 did, with underscores."""
    return variables.get(_COMPATIBILITY) in _TRUE


def _separator(variables: Mapping[str, str]) -> str:
    return variables.get(_SEPARATOR) or os.pathsep
