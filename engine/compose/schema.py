"""Checking a document against the official Compose schema.

The schema comes with check-jsonschema. Its errors speak of ``oneOf`` and regular expressions; here the
one nearest to what the user meant is picked and said in words.
"""

from __future__ import annotations

import functools
import importlib.resources
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from engine.compose.node import KeyPath, compose_error
from engine.util.nearest import nearest

__all__ = ["check", "unexpected"]

_FEW = 20  # names that a message can list
_COMBINED = frozenset({"oneOf", "anyOf"})
_VARIABLES = frozenset({"environment", "args"})  # whose values may be secret
_KINDS = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "nothing",
    "number": "a number",
    "object": "a mapping",
    "string": "text",
}


def check(data: dict[str, Any], file: str) -> None:
    """Check one document.

    Raises:
        ComposeError: it is not a compose file; says where and what would be right.
    """
    found = [e for error in _validator().iter_errors(data) for e in _innermost(error)]
    # Any other error in a service makes all its keys "unevaluated": that says nothing.
    telling = [error for error in found if error.validator not in _UNKNOWN or _unknown_keys(error)]
    if found:
        # The deepest is the most exact.
        first = max(telling or found, key=lambda error: len(error.absolute_path))
        unknown = _unknown_keys(first)
        raise compose_error(file, (*first.absolute_path, *unknown[:1]), _message(first, unknown))


def unexpected(data: dict[str, Any]) -> Iterator[KeyPath]:
    """The keys of a model that Compose has made, and the schema does not know in this form.

    That is how a Compose shows itself that is newer than the schema.
    """
    for error in _validator().iter_errors(data):
        for inner in _innermost(error):
            keys = _unknown_keys(inner)
            if inner.validator not in _UNKNOWN:
                yield tuple(inner.absolute_path)
            for key in keys:
                yield (*inner.absolute_path, key)


@functools.cache
def _schema() -> dict[str, Any]:
    vendored = importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema: dict[str, Any] = json.loads(
        (vendored / "compose-spec.json").read_text("utf-8"), object_hook=_lenient
    )
    return schema


def _lenient(part: dict[str, Any]) -> dict[str, Any]:
    """Compose drops repeated entries before it looks, so they are no error."""
    return {key: value for key, value in part.items() if key != "uniqueItems"}


@functools.cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(_schema())


def _parts(schema: Any, keys: frozenset[str]) -> list[dict[str, Any]]:
    """A schema and those it is made of: what ``keys`` and references lead to."""
    parts = [schema]
    for part in parts:
        if "$ref" in part:
            parts.append(_schema()["$defs"][part["$ref"].rsplit("/", 1)[1]])
        parts += [inner for key in keys for inner in part.get(key, ())]
    return parts


def _innermost(error: ValidationError) -> Iterator[ValidationError]:
    """The errors that say most: of alternatives, those of the one whose kind fits the value."""
    if error.validator not in _COMBINED:
        yield error
        return
    branches: dict[Any, list[ValidationError]] = {}
    for inner in error.context or ():
        branches.setdefault(inner.schema_path[0], []).append(inner)
    of_this_kind = [
        branch
        for branch in branches.values()
        if not any(e.validator == "type" and not e.path for e in branch)
    ]
    if not of_this_kind:
        yield error
    for branch in of_this_kind[:1]:
        for inner in branch:
            yield from _innermost(inner)


_UNKNOWN = frozenset({"additionalProperties", "unevaluatedProperties"})


def _unknown_keys(error: ValidationError) -> list[str]:
    if error.validator not in _UNKNOWN or not isinstance(error.instance, dict):
        return []
    known = _known_keys(error)
    patterns = [
        pattern
        for part in _parts(error.schema, frozenset({"allOf"}))
        for pattern in part.get("patternProperties", ())
    ]
    return [
        key
        for key in error.instance
        if key not in known and not any(re.search(pattern, key) for pattern in patterns)
    ]


def _known_keys(error: ValidationError) -> list[str]:
    """The keys that the schema of this mapping names."""
    parts = _parts(error.schema, frozenset({"allOf"}))
    return [key for part in parts for key in part.get("properties", ())]


def _message(error: ValidationError, unknown: list[str]) -> str:
    if error.validator in _UNKNOWN:
        return _unknown_message(error, unknown)
    say = _MESSAGES.get(str(error.validator))
    return say(error) if say else error.message


def _unknown_message(error: ValidationError, unknown: list[str]) -> str:
    known = _known_keys(error)
    if not unknown:
        return error.message
    if not known:
        return f"{unknown[0]!r} is not a name that Compose takes; use letters, digits and . _ -"
    near = nearest(unknown[0], known)
    others = f"; it knows {', '.join(sorted(known))}" if len(known) <= _FEW else ""
    return f"Compose knows no such key here{near or others or '; correct it, or take it out'}"


def _kinds(error: ValidationError) -> Iterator[str]:
    """The kinds of value that would be right here."""
    for part in _parts(error.schema, _COMBINED):
        listed = part.get("type", ())
        yield from [listed] if isinstance(listed, str) else listed


def _wrong_kind(error: ValidationError) -> str:
    kinds = dict.fromkeys(_KINDS[kind] for kind in _kinds(error) if kind != "null")
    wanted = " or ".join(kinds) or "something else"
    if error.instance is None:
        return f"this is empty; give it {wanted}, or take the key out"
    if isinstance(error.instance, dict | list):
        got = _KINDS["object"] if isinstance(error.instance, dict) else _KINDS["array"]
    elif isinstance(error.instance, str) and not _VARIABLES.isdisjoint(error.absolute_path):
        got = _KINDS["string"]
    else:
        got = json.dumps(error.instance)
    free_text = any(
        "string" in part.get("type", ()) and "enum" not in part
        for part in _parts(error.schema, _COMBINED)
    )
    quoted = isinstance(error.instance, int | float) and free_text
    hint = f'; put it in quotes: "{got}"' if quoted else ""
    return f"expected {wanted}, not {got}{hint}"


def _wrong_choice(error: ValidationError) -> str:
    allowed: Any = error.validator_value
    choices = [str(choice) for choice in allowed]
    near = nearest(str(error.instance), choices)
    listed = " or ".join((", ".join(choices[:-1]), choices[-1])) if choices[1:] else choices[0]
    return f"{error.instance!r} is not known here; write {listed}{near}"


_MESSAGES: dict[str, Callable[[ValidationError], str]] = {
    "type": _wrong_kind,
    "oneOf": _wrong_kind,
    "anyOf": _wrong_kind,
    "enum": _wrong_choice,
    "required": lambda error: f"{error.message.replace('a required property', 'required here')}",
    "pattern": lambda error: f"{error.instance!r} is not of the form {error.validator_value}",
    "minimum": lambda error: f"{error.instance} is less than {error.validator_value}",
    "maximum": lambda error: f"{error.instance} is more than {error.validator_value}",
}
