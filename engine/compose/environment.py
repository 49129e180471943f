r"""Where variables come from: the process, ``.env``, and the files under ``env_file``.

python-dotenv reads the files. What it says about quotes decides on interpolation, by Compose's rules:
single quotes keep everything, otherwise variables are put in, and ``\$`` in double quotes is a dollar
sign. A variable may use those above it, and the process wins over the file.
"""

from __future__ import annotations

import io
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from engine.compose.interpolation import InterpolationError, Lookup, substitute

__all__ = ["EnvFileError", "read_env_file", "read_raw_env_file"]


class EnvFileError(ValueError):
    """An environment file cannot be read; the message names it."""


def read_env_file(file: Path, outer: Lookup) -> dict[str, str | None]:
    """Read an environment file.

    Args:
        file: where it is.
        outer: the variables that its own values may use, and that win over those in it there.

    Returns:
        the variables; None for one that is named without a value.

    Raises:
        EnvFileError: it cannot be read.
        FileNotFoundError: it is not there.
    """
    found: dict[str, str | None] = {}

    def lookup(name: str) -> str | None:
        value = outer(name)
        return found.get(name) if value is None else value

    for binding in parse_stream(io.StringIO(_text(file))):
        if binding.error:
            # Not quoted, since it may hold a secret.
            raise EnvFileError(
                f"{file}, line {binding.original.line}: it is not NAME=value; quote or correct it"
            )
        if binding.key is None:
            continue
        try:
            found[binding.key] = _value(binding, lookup)
        except InterpolationError as error:
            raise EnvFileError(f"{file}, line {binding.original.line}: {error}") from error
    return found


def read_raw_env_file(file: Path) -> dict[str, str | None]:
    """Read a file of ``NAME=value`` lines in which nothing has a meaning (``format: raw``)."""
    pairs = [
        line.partition("=")
        for line in _text(file).splitlines()
        if line.strip() and not line.lstrip().startswith("#")
    ]
    return {name.strip(): value if equals else None for name, equals, value in pairs}


def _value(binding: Binding, lookup: Lookup) -> str | None:
    if binding.value is None:
        return None
    written = binding.original.string.partition("=")[2].lstrip()
    if written.startswith("'"):
        return binding.value
    value = binding.value
    if written.startswith('"'):
        value = value.replace("\\$", "$$")
    return substitute(value, lookup)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise
    except UnicodeDecodeError as error:
        raise EnvFileError(f"{file} is not UTF-8 text") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise EnvFileError(f"{file} cannot be read: {reason}") from error
