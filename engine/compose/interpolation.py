"""Variables in compose files: every form of interpolation that Compose has.

======================= ======================================================================
``$V``, ``${V}``        the value; empty, with a warning, where it is not set
``${V:-d}``, ``${V-d}`` ``d`` where it is not set or empty; where it is not set
``${V:?e}``, ``${V?e}`` an error that says ``e``, likewise
``${V:+r}``, ``${V+r}`` ``r`` where it is set and not empty; where it is set; else empty
``$$``                  a dollar sign
======================= ======================================================================

``d``, ``e`` and ``r`` may hold any of these again. A dollar sign that begins none of them stands for
itself, except ``${``, which must be a form above.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from attrs import frozen

__all__ = ["InterpolationError", "Lookup", "escape", "substitute"]

Lookup = Callable[[str], str | None]
"""The value of a variable, or None where it is not set."""

_NAME = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_BRACED = re.compile(r"([_a-zA-Z][_a-zA-Z0-9]*)(?:(:?[-?+])(.*))?")
_FORMS = "${V}, ${V:-default}, ${V-default}, ${V:?message}, ${V?message}, ${V:+other} or ${V+other}"
_DEEPEST = 50


class InterpolationError(ValueError):
    """A variable cannot be put in: the form is unknown, or the variable is required and missing."""


@frozen
class _Operator:
    """The operator after a name: when its word is used, and for what."""

    unset_if_empty: bool
    sign: str


_OPERATORS = {
    operator: _Operator(unset_if_empty=operator.startswith(":"), sign=operator[-1])
    for operator in (":-", "-", ":?", "?", ":+", "+")
}


def escape(text: str) -> str:
    """The text that interpolation turns into this one."""
    return text.replace("$", "$$")


def substitute(
    text: str, lookup: Lookup, missing: Callable[[str], None] = lambda _: None, *, depth: int = 0
) -> str:
    """Put the values of variables into a text.

    Args:
        text: what was written.
        lookup: gives the value of a variable, None where it is not set.
        missing: called with the name of each variable that is not set and has no default.

    Raises:
        InterpolationError: a form is not one of Compose's, or a required variable is missing.
    """
    if depth > _DEEPEST:
        raise InterpolationError(f"defaults are nested more than {_DEEPEST} deep")
    done: list[str] = []
    at = 0
    while (dollar := text.find("$", at)) >= 0:
        done.append(text[at:dollar])
        after = dollar + 1
        if text.startswith("$", after):
            value, at = "$", after + 1
        elif text.startswith("{", after):
            end = _closing_brace(text, after)
            value = _braced(text[after + 1 : end], lookup, missing, depth)
            at = end + 1
        elif match := _NAME.match(text, after):
            value, at = _value(match.group(), lookup, missing), match.end()
        else:
            value, at = "$", after
        done.append(value)
    return "".join((*done, text[at:]))


def _closing_brace(text: str, opening: int) -> int:
    """Find the closing brace: its pair or, if braces are out of balance, the last one."""
    level = 0
    for at in range(opening, len(text)):
        level += {"{": 1, "}": -1}.get(text[at], 0)
        if level == 0:
            return at
    last = text.rfind("}")
    if last < opening:
        raise InterpolationError(
            f"{_head(text[opening + 1 :])} has no closing brace; for a plain $ write $$"
        )
    return last


def _head(inner: str) -> str:
    """Identify an expression by its name alone: the rest may be a secret."""
    name = _NAME.match(inner)
    return f"'${{{name.group() if name else ''}...'"


def _braced(inner: str, lookup: Lookup, missing: Callable[[str], None], depth: int) -> str:
    match = _BRACED.fullmatch(inner)
    if match is None:
        raise InterpolationError(
            f"{_head(inner)} is not a form of interpolation: use {_FORMS}; for a plain $ write $$"
        )
    name, sign, word = match.groups()
    if sign is None:
        return _value(name, lookup, missing)
    operator = _OPERATORS[sign]
    value = lookup(name)
    is_set = bool(value) if operator.unset_if_empty else value is not None
    if operator.sign == "+":
        return substitute(word, lookup, missing, depth=depth + 1) if is_set else ""
    if is_set and value is not None:
        return value
    word = substitute(word, lookup, missing, depth=depth + 1)
    if operator.sign == "?":
        said = f": {word}" if word else ""
        raise InterpolationError(
            f"the variable {name} is required and not set{said}; set it in the environment or in .env"
        )
    return word


def _value(name: str, lookup: Lookup, missing: Callable[[str], None]) -> str:
    value = lookup(name)
    if value is None:
        missing(name)
        return ""
    return value
