"""Variables of the environment in paths and parameters of a campaign file: ``${HOME}/results``.

The forms are those of compose files. A variable that is not set and has no default is an error: an empty
one would lead a path elsewhere. Commands and variables of experiments stay as they are written, since ``$``
means something to the shell that they run in.
"""

from __future__ import annotations

import os
from typing import Any, Final

from engine.campaign.sweep.values import Report
from engine.compose.interpolation import InterpolationError, substitute
from engine.compose.node import KeyPath

__all__ = ["with_variables"]

_DEEPEST: Final = 12
_MOST_PARTS: Final = 1_000_000


def with_variables(report: Report, path: KeyPath, written: Any) -> Any:
    """A value with the variables put into its texts; what cannot be put in is reported."""
    return _value(report, path, written, [0], 0)


def _value(report: Report, path: KeyPath, written: Any, parts: list[int], depth: int) -> Any:
    parts[0] += 1
    if depth > _DEEPEST or parts[0] > _MOST_PARTS:
        if parts[0] < _MOST_PARTS * 2:
            report(path, "is nested too deeply, or has too many parts")
        parts[0] = _MOST_PARTS * 2
        return None
    if isinstance(written, dict):
        return {
            key: _value(report, (*path, str(key)), value, parts, depth + 1)
            for key, value in written.items()
        }
    if isinstance(written, list | tuple):
        return [
            _value(report, (*path, index), value, parts, depth + 1)
            for index, value in enumerate(written)
        ]
    if isinstance(written, str) and "$" in written:
        return _text(report, path, written)
    return written


def _text(report: Report, path: KeyPath, written: str) -> str:
    missing: list[str] = []
    try:
        found = substitute(written, os.environ.get, missing.append)
    except InterpolationError as error:
        report(path, str(error))
        return written
    for name in missing:
        report(
            path,
            f"uses the variable {name}, which is not set; set it, write a default as in ${{{name}:-other}},"
            " or $$ for a plain $",
        )
    return found
