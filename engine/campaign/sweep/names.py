"""Names of experiments out of their parameters: short, readable, plain, and the same each time.

A name depends on its own combination alone, so that a longer sweep does not rename what has run; except that
combinations whose names would be the same get a few digits of their digest each.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from engine.campaign.model import ParamValue
from engine.campaign.sweep.values import Row, canonical

__all__ = ["names"]

_LONGEST: Final = 64
_LONGEST_VALUE: Final = 24
_DIGITS: Final = 6
_UNPLAIN: Final = re.compile(r"[^A-Za-z0-9_.-]+")


def names(entry: str, rows: Sequence[Row]) -> list[str]:
    """A name for each combination of an entry, in their order.

    Text stands for itself, by its last part where it is a path; a number follows its parameter's name.
    """
    plain = [_plain(entry, row) for row in rows]
    counts = Counter(plain)
    return [
        name if counts[name] == 1 else f"{name[: _LONGEST - _DIGITS - 1]}-{_digest(row)}"
        for name, row in zip(plain, rows, strict=True)
    ]


def _plain(entry: str, row: Row) -> str:
    name = "-".join([entry, *(piece for key in row if (piece := _piece(key, row[key])))])
    if len(name) <= _LONGEST:
        return name
    return f"{name[: _LONGEST - _DIGITS - 1].rstrip('-.')}-{_digest(row)}"


def _piece(name: str, value: ParamValue) -> str:
    if isinstance(value, bool):
        return name if value else f"no_{name}"
    if value is None:
        return f"no_{name}"
    if isinstance(value, int | float):
        return f"{name}{_slug(f'{value}'.replace('+', ''))}"
    if isinstance(value, str):
        last = _slug(value.rstrip("/").rpartition("/")[2])[:_LONGEST_VALUE].strip("-.")
        return last or f"{name}_{_digest(value)}"
    if isinstance(value, Mapping) and isinstance(value.get("name"), str):
        return _piece(name, value["name"])
    return f"{name}_{_digest(value)}"


def _slug(text: str) -> str:
    """A text in the characters of a plain name; a minus sign stays."""
    sign = "-" if text.startswith("-") else ""
    return sign + _UNPLAIN.sub("-", text).strip("-")


def _digest(value: ParamValue | Row) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:_DIGITS]
