"""Commands and entrypoints: lines to words.

Compose splits a line as a shell would, but runs no shell: it stops at the first unquoted ``;``, ``&``,
``|``, ``<`` or ``>``, and drops the rest without a word. So does this, and :func:`dropped` says what.
"""

from __future__ import annotations

import re
import shlex
from typing import Any

from engine.compose import units

__all__ = ["dropped", "words"]

_UNTIL_OPERATOR = re.compile(
    r"""(?: [^\\'";&|<>] | \\. | '[^']*' | "(?:\\.|[^"\\])*" )*""", re.DOTALL | re.VERBOSE
)
_OPERATORS = frozenset(";&|<>")


def words(value: Any) -> tuple[str, ...]:
    """The words of a command.

    Raises:
        ValueError: a quote is not closed.
    """
    if isinstance(value, list):
        return tuple(units.plain(word) for word in value)
    line, _ = _split(value)
    try:
        return tuple(shlex.split(line))
    except ValueError as error:
        raise ValueError(
            f"{value!r} cannot be split into words: {error}; check the quotes"
        ) from error


def dropped(value: Any) -> str:
    """The end of a command line that Compose does not run; empty if there is none."""
    return _split(value)[1] if isinstance(value, str) else ""


def _split(line: str) -> tuple[str, str]:
    match = _UNTIL_OPERATOR.match(line)
    end = match.end() if match else 0
    is_operator = line[end : end + 1] in _OPERATORS and end < len(line)
    return (line[:end], line[end:]) if is_operator else (line, "")
