"""Patterns of paths: ``*`` and ``?`` within a name, ``**`` for any number of folders."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Final

__all__ = ["fixed_part", "matches", "problem"]

_ANY_DEPTH: Final = "**"
_SPECIAL: Final = frozenset("*?[")
_MOST_PARTS: Final = 32


def problem(pattern: str) -> str:
    """Why a text is no pattern of files within a backend, in words; empty if it is one."""
    parts = PurePosixPath(pattern).parts
    if not parts or ".." in parts or len(parts) > _MOST_PARTS:
        return "must be a path without '..', such as /out/*.json or results.json"
    if parts[0] == "/" and (len(parts) == 1 or _is_special(parts[1])):
        return "must begin with the name of a folder, such as /out/*.json: all of / is too much"
    if sum(part == _ANY_DEPTH for part in parts) > 1:
        return "must have ** at most once"
    return ""


def fixed_part(pattern: str) -> PurePosixPath:
    """The folder, or the file, that a pattern names before its first special character."""
    fixed = PurePosixPath("/" if pattern.startswith("/") else "")
    for part in PurePosixPath(pattern).parts:
        if _is_special(part):
            break
        fixed /= part
    return fixed


def matches(pattern: str, path: str) -> bool:
    """Whether a path, or a folder above it, is one of a pattern's."""
    names, wanted = PurePosixPath(path).parts, PurePosixPath(pattern).parts
    return any(_match(wanted, names[:upto]) for upto in range(1, len(names) + 1))


def _match(wanted: Sequence[str], names: Sequence[str]) -> bool:
    if _ANY_DEPTH in wanted:
        at = wanted.index(_ANY_DEPTH)
        behind = len(wanted) - at - 1
        if len(names) < at + behind:
            return False
        tail = names[len(names) - behind :]
        return _match(wanted[:at], names[:at]) and _match(wanted[at + 1 :], tail)
    return len(wanted) == len(names) and all(map(_matches_name, names, wanted))


def _matches_name(name: str, wanted: str) -> bool:
    return fnmatchcase(name, wanted)


def _is_special(part: str) -> bool:
    return not _SPECIAL.isdisjoint(part)
