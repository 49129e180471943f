"""Errors of the YAML library as sentences for people, without the values that it quotes."""

from __future__ import annotations

import re
from typing import Final

from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError

__all__ = ["problem"]

_QUOTED: Final = re.compile(r"'([^']*)'")
_LONGEST_SIGN: Final = 5


def problem(error: Exception) -> str:
    """The line and column where it is known, and what is wrong there."""
    if not isinstance(error, MarkedYAMLError):  # many kinds come out for malformed scalars
        said = " ".join(str(error).split()) or type(error).__name__
        return f"this is not YAML that can be read: {_without_values(said)}"
    mark = error.problem_mark or error.context_mark
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    said = " ".join((error.problem or "this is not YAML").split("\n")[0].split())
    if isinstance(error, DuplicateKeyError):
        said = said.partition(" with value ")[0]
    return where + _without_values(said)


def _without_values(said: str) -> str:
    return _QUOTED.sub(_sign, said)


def _sign(quoted: re.Match[str]) -> str:
    """Return the quoted text if it is a sign or, as in ``'<scalar>'``, a kind of token; else dots."""
    text = quoted[1]
    return f"'{text}'" if len(text) <= _LONGEST_SIGN or text.startswith("<") else "'...'"
