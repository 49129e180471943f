"""The variables that compose files are filled in with: those of the process, and of ``.env``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from engine.compose.environment import EnvFileError, read_env_file
from engine.errors import ComposeError

__all__ = ["project_environment"]

_FILES: Final = "COMPOSE_ENV_FILES"
_DISABLED: Final = "COMPOSE_DISABLE_ENV_FILE"
_TRUTHS: Final = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}


def project_environment(
    directory: Path, process: Mapping[str, str]
) -> tuple[Path | None, dict[str, str]]:
    """The variables of a project, and the last file that they were read from.

    As in Compose, the process wins over the files; ``PWD`` is the working directory where it is not set;
    ``COMPOSE_ENV_FILES`` names the files in place of ``.env``, and ``COMPOSE_DISABLE_ENV_FILE`` leaves
    ``.env`` out.

    Args:
        directory: the project's folder.
        process: the variables of the process.

    Raises:
        ComposeError: a file cannot be read, or one that was named is not there.
    """
    outer = {"PWD": str(Path.cwd()), **process}
    named = [name for name in outer.get(_FILES, "").split(",") if name]
    if named:
        files = [Path.cwd() / name for name in named]
        missing = next((file for file in files if not file.is_file()), None)
        if missing is not None:
            raise ComposeError(
                f"there is no such file, and {_FILES} names it; correct or unset that variable",
                file=str(missing),
            )
        return files[-1], {**_read(files, outer), **outer}
    file = directory / ".env"
    if _is_disabled(outer) or not file.is_file():
        return None, outer
    found = _read([file], outer)
    return (None, outer) if _is_disabled(found) else (file, {**found, **outer})


def _read(files: list[Path], outer: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for file in files:
        try:
            pairs = read_env_file(file, outer.get, found.get)
        except (EnvFileError, OSError, ValueError) as error:
            raise ComposeError(str(error), file=str(file)) from error
        found |= {key: value for key, value in pairs.items() if value is not None}
    return found


def _is_disabled(variables: Mapping[str, str]) -> bool:
    written = variables.get(_DISABLED)
    if written is not None and written not in _TRUTHS:
        raise ComposeError(f"{written!r} is not true or false; correct or unset it", file=_DISABLED)
    return written is not None and _TRUTHS[written]
