"""The values that a parameter may have, and their text."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from engine.campaign.model import ParamValue
from engine.compose.node import KeyPath

__all__ = [
    "Report",
    "Row",
    "as_text",
    "canonical",
    "name_problem",
    "same",
    "shown",
    "value_problem",
]

Row: TypeAlias = Mapping[str, ParamValue]
"""One combination: a value for each parameter."""

Report: TypeAlias = Callable[[KeyPath, str], None]
"""Takes what is wrong: the key's path, and a sentence."""

_DEEPEST: Final = 12
_MOST_PARTS: Final = 2_000
_LONGEST: Final = 65_536
_LARGEST: Final = 2**63
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
_TAKEN: Final = frozenset(
    {"and", "else", "false", "if", "in", "is", "none", "not", "or", "true", "False", "None", "True"}
)
"""Words that mean something in a template."""

_SHOWN: Final = 40


def name_problem(name: Any) -> str:
    """Why a parameter cannot be called this; empty if it can."""
    if not isinstance(name, str):
        return "has a parameter whose name is not text"
    if name in _TAKEN:
        return f"{name!r} means something else in {{{{ }}}}; choose another name"
    if _NAME.fullmatch(name) is None:
        instead = re.sub(r"\W", "_", name, flags=re.ASCII)
        hint = f", such as {instead}" if _NAME.fullmatch(instead) else ""
        return (
            "a parameter's name takes letters, digits and '_', no digit first,"
            f" at most 40 characters{hint}"
        )
    return ""


def value_problem(value: Any) -> str:
    """Why a parameter cannot have this value; empty if it can."""
    return _problem(value, 0, [0])


def _problem(value: Any, depth: int, parts: list[int]) -> str:
    parts[0] += 1
    if depth > _DEEPEST or parts[0] > _MOST_PARTS:
        return f"is nested too deeply or has more than {_MOST_PARTS} parts; put it into a file"
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, int):
        return "" if abs(value) < _LARGEST else "has a number beyond 64 bits; write it as text"
    if isinstance(value, float):
        return "" if math.isfinite(value) else "has a number that is not finite; write it as text"
    if isinstance(value, str):
        return _text_problem(value)
    if isinstance(value, dict):
        inner = [*value.keys(), *value.values()]
        if not all(isinstance(key, str) for key in value):
            return "has a key that is not text; put it in quotes"
    elif isinstance(value, list | tuple):
        inner = list(value)
    else:
        return "is neither text, a number, true, false, a list nor a mapping; put it in quotes"
    return next((why for one in inner if (why := _problem(one, depth + 1, parts))), "")


def _text_problem(value: str) -> str:
    if len(value) > _LONGEST:
        return f"has a text of more than {_LONGEST} characters; put it into a file"
    if "\0" in value:
        return "must not hold a NUL character"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "must not hold half a surrogate pair"
    return ""


def canonical(value: ParamValue | Row) -> str:
    """A text that is the same for equal values, and only for these."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def same(one: ParamValue, other: ParamValue) -> bool:
    """Whether two values are equal; true is not 1."""
    if isinstance(one, Mapping | list | tuple) or isinstance(other, Mapping | list | tuple):
        return canonical(one) == canonical(other)
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def as_text(value: ParamValue) -> str:
    """A value within a text: as JSON has it, except that text has no quotes."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def shown(row: Row, names: Sequence[str] | None = None) -> str:
    """A combination in words for people: ``model=llama, batch=8``; long values are cut."""
    parts = []
    for name in row if names is None else names:
        text = as_text(row[name])
        parts.append(f"{name}={text if len(text) <= _SHOWN else text[: _SHOWN - 3] + '...'}")
    return ", ".join(parts)
