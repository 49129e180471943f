"""Single values of a campaign file: strict parsers, none of which guesses.

Each takes what YAML gave and returns the value, or raises :class:`WrongValue` with what is wrong and
what to write instead.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from engine.compose.units import size_bytes
from engine.util.names import RULE, is_plain
from engine.util.nearest import nearest

__all__ = [
    "WrongValue",
    "argv",
    "boolean",
    "choice",
    "count",
    "duration",
    "environment",
    "kind",
    "labels",
    "length",
    "number",
    "one_or_more",
    "plain_name",
    "share",
    "size",
    "text",
    "words",
]

T = TypeVar("T")

_DURATION: Final = re.compile(
    r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?", re.ASCII
)
_UNITS_S: Final = (3600.0, 60.0, 1.0, 0.001)
_LONGEST_S: Final = 366 * 86400.0
_LARGEST_SIZE: Final = 2**63

_KINDS: Final = (
    (bool, "true or false"),
    (type(None), "nothing"),
    (str, "text"),
    (int | float, "a number"),
    (dict, "a mapping"),
    (list, "a list"),
)


class WrongValue(ValueError):
    """A value cannot be used; becomes a finding about its key."""


def kind(value: Any) -> str:
    """Name the kind of a value; never the value itself, which may be long, or secret."""
    return next((words for type_, words in _KINDS if isinstance(value, type_)), "a special value")


def text(value: Any) -> str:
    """A text that is not empty and can be passed to a program."""
    if not isinstance(value, str):
        quoted = "; put it in quotes" if isinstance(value, bool | int | float) else ""
        raise WrongValue(f"must be text, and is {kind(value)}{quoted}")
    if not value:
        raise WrongValue("must not be empty; write a value, or leave the key out")
    return _passable(value)


def _passable(value: str) -> str:
    if "\0" in value:
        raise WrongValue("must not hold a NUL character")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise WrongValue("must not hold half a surrogate pair") from error
    return value


def plain_name(value: Any) -> str:
    """A name that can be a file's."""
    name = text(value)
    if not is_plain(name):
        raise WrongValue(f"must be a plain name: {RULE}")
    return name


def argv(value: Any) -> tuple[str, ...]:
    """An argument vector."""
    if isinstance(value, str):
        raise WrongValue(
            "must be a list with one entry for each argument, such as [python3, train.py, --fast];"
            " for a line of shell write [sh, -c, 'the line']"
        )
    if not isinstance(value, list):
        raise WrongValue(f"must be a list of texts, and is {kind(value)}")
    for index, argument in enumerate(value):
        if not isinstance(argument, str):
            quoted = "; put it in quotes" if isinstance(argument, bool | int | float) else ""
            raise WrongValue(f"its entry {index + 1} must be text, and is {kind(argument)}{quoted}")
        _passable(argument)
    if not value or not value[0]:
        raise WrongValue("must begin with a program; give at least one entry")
    return tuple(value)


def words(value: Any) -> tuple[str, ...]:
    """A list of texts, none of them empty."""
    if not isinstance(value, list):
        raise WrongValue(f"must be a list, and is {kind(value)}")
    return tuple(text(word) for word in value)


def one_or_more(value: Any) -> tuple[str, ...]:
    """A text, or a list of different texts."""
    found = (text(value),) if isinstance(value, str) else words(value)
    if not found or len(set(found)) < len(found):
        raise WrongValue("must name one, or a list of different ones")
    return found


def environment(value: Any) -> Mapping[str, str]:
    """Variables and their values."""
    if not isinstance(value, dict):
        raise WrongValue(f"must be a mapping of names to texts, and is {kind(value)}")
    for name, content in value.items():
        if not isinstance(name, str) or not name or "=" in name or "\0" in name:
            raise WrongValue("a variable's name must be text, without '='")
        if not isinstance(content, str):
            raise WrongValue(
                f"{name} must be text, and is {kind(content)}; put its value in quotes"
            )
        _passable(name + content)
    return dict(value)


def labels(value: Any) -> Mapping[str, str]:
    """Names and texts, or numbers, which are taken as they are written."""
    if not isinstance(value, dict):
        raise WrongValue(f"must be a mapping of names to texts, and is {kind(value)}")
    for name, content in value.items():
        if not isinstance(name, str) or not name:
            raise WrongValue(f"has a key that is {kind(name)}; keys are text")
        if isinstance(content, dict | list) or content is None:
            raise WrongValue(f"{name} must be text or a number, and is {kind(content)}")
    return {name: str(content) for name, content in value.items()}


def boolean(value: Any) -> bool:
    """True or false, as YAML has them."""
    if not isinstance(value, bool):
        raise WrongValue(f"must be true or false, and is {kind(value)}")
    return value


def count(least: int, most: int) -> Callable[[Any], int]:
    """A parser of whole numbers."""

    def parse(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise WrongValue(f"must be a whole number, and is {_near_number(value)}")
        if not least <= value <= most:
            raise WrongValue(f"must be from {least} to {most}")
        return value

    return parse


def number(least: float, most: float) -> Callable[[Any], float]:
    """A parser of numbers."""

    def parse(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise WrongValue(f"must be a number, and is {_near_number(value)}")
        if not least <= value <= most:
            raise WrongValue(f"must be from {least:g} to {most:g}")
        return float(value)

    return parse


def share(value: Any) -> float:
    """A share above 0, up to 1."""
    found = number(0, 1)(value)
    if found == 0:
        raise WrongValue("must be above 0; leave it out to continue after any number of failures")
    return found


def duration(value: Any) -> float:
    """Seconds, from a number of them or from a text such as ``90s``, ``10m`` or ``1h30m``."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise WrongValue(f"must be a duration such as 90, 90s, 10m or 1h30m, and is {kind(value)}")
    if isinstance(value, str):
        match = _DURATION.fullmatch(value)
        if not value or match is None:
            bare = value.isdecimal()
            hint = (
                "write it without quotes, or with its unit" if bare else "write 90s, 10m or 1h30m"
            )
            raise WrongValue(f"is no duration; {hint}")
        parts = zip(match.groups(), _UNITS_S, strict=True)
        seconds = sum(float(part) * unit_s for part, unit_s in parts if part)
    else:
        # Compared before it is converted: a whole number may be too large for a float.
        seconds = float(value) if 0 <= value <= _LONGEST_S else math.inf
    if not 0 <= seconds <= _LONGEST_S:
        raise WrongValue("must be from 0 to a year")
    return seconds


def length(value: Any) -> float:
    """A duration that is not nothing."""
    seconds = duration(value)
    if seconds == 0:
        raise WrongValue("must be longer than 0; leave it out for none")
    return seconds


def size(value: Any) -> int:
    """A size in bytes that is not nothing, from a number or a text such as ``512m`` or ``2GiB``."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise WrongValue(f"must be a size such as 512m or 2g, and is {kind(value)}")
    try:
        found = size_bytes(value)
    except ValueError:
        raise WrongValue("is no size; write bytes, or 512k, 512m or 2g") from None
    if not 0 < found < _LARGEST_SIZE:
        raise WrongValue("must be from 1 to 2^63 - 1 bytes")
    return found


def choice(options: Mapping[str, T]) -> Callable[[Any], T]:
    """A parser of one of several words."""
    listed = ", ".join(options)

    def parse(value: Any) -> T:
        word = text(value)
        if word not in options:
            raise WrongValue(f"must be one of {listed}{nearest(word, options)}")
        return options[word]

    return parse


def _near_number(value: Any) -> str:
    if isinstance(value, str):
        return "text; write it without quotes"
    return "not whole" if isinstance(value, float) else kind(value)
