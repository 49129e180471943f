"""YAML files made from valid ones by breaking them: their values, their text, and at last their bytes."""

from __future__ import annotations

import copy
import functools
import json
import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from hypothesis import strategies as st

__all__ = ["SCALARS", "VALUES", "broken", "changed", "sensible"]

NAMES = st.sampled_from(
    ["a", "alpha", "..", "", "-x", "a b", "\u00e9", "\u202e", "\x00", "<<", "x-a", "null", "1", "~"]
)
NUMBERS = (
    st.integers(-(2**70), 2**70)
    | st.floats()
    | st.sampled_from([10**400, -(10**20), 0.1, 2**63, 2**64])
)
TEXTS = (
    st.text(max_size=12)
    | NAMES
    | st.sampled_from(["${A", "${A:?no}", "$A", "$$", "1h30m", "10s", "1e999", "0x1F", "0o7", "~"])
    | st.sampled_from(
        ["12:30:45", "2026-01-31", "!!int", "*a", "&a", "a" * 300, "\ud800", "\ufeff"]
    )
    | st.sampled_from(["true", "no", "80-90:1", "/a:/b:ro", "service:alpha", "service_healthy"])
)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)

SNIPPETS = st.sampled_from(
    [
        *(
            "&a ",
            "*a",
            "<<: *a\n",
            "- ",
            "? ",
            ": ",
            "\t",
            "|\n",
            ">-\n",
            "...\n",
            "---\n",
            "#",
            "'",
        ),
        *(
            "!!int ",
            "!!binary ",
            "!!timestamp ",
            "!!set ",
            "!!omap ",
            "!!merge ",
            "!reset ",
            "!override ",
        ),
        *("!!python/object/apply:os.system ", "!<!> ", "%YAML 1.1\n---\n", "%TAG ! x\n---\n", "!"),
        *(
            "{",
            "}",
            "[",
            "]",
            "[" * 150,
            "{a: " * 150,
            '"',
            "\\",
            "\x00",
            "\x85",
            "\u2028",
            "\ufeff",
        ),
        *(
            "0b11",
            "1_000",
            "010",
            ".inf",
            ".nan",
            "1" * 5000,
            "\U0001f986",
            "@",
            "`",
            "%",
            ",",
            "\r",
        ),
    ]
)
CYCLES = st.sampled_from(
    [
        "&a [*a]",
        "&a {b: *a}",
        "&a {<<: *a}",
        "{x: &a {y: &b [*a, *b]}, z: *b}",
        "[&a [x, x, x, x, x], &b [*a, *a, *a, *a], &c [*b, *b, *b, *b], &d [*c, *c, *c, *c]]",
        "[" * 400 + "]" * 400,
        "{<<: [{a: 1}, {b: *z}]}",
    ]
)
BYTES = st.sampled_from(
    [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\x00", b"\xfe\xff", b"\x1b[2J", b"\r\n"]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a model, holders included."""
    keys: Sequence[Any] = ()
    if isinstance(value, dict):
        keys = list(value)
    elif isinstance(value, list):
        keys = range(len(value))
    for key in keys:
        yield (*path, key)
        yield from places(value[key], (*path, key))


@st.composite
def changed(
    draw: st.DrawFn,
    models: Sequence[Any],
    names: Sequence[str],
    known: Mapping[str, Sequence[Any]] | None = None,
) -> Any:
    """One of the models, in which some values are others, and some keys are added, renamed or gone.

    Args:
        names: of keys that may mean something.
        known: values that make sense under a key, see :func:`sensible`; most of the new ones are such.
    """
    model = json.loads(json.dumps(draw(st.sampled_from(models))))
    for _ in range(draw(_EDITS)):
        found = list(places(model))
        if not found:
            break
        *holders, last = draw(st.sampled_from(found))
        holder = functools.reduce(operator.getitem, holders, model)
        some_key = _mostly(st.sampled_from(names), TEXTS)
        match draw(st.sampled_from(_CHANGES)):
            case "add" if isinstance(holder, dict):
                key = draw(some_key)
                holder[key] = draw(_value(key, known))
            case "rename" if isinstance(holder, dict):
                holder[draw(some_key)] = holder.pop(last)
            case "remove":
                del holder[last]
            case "wrap":
                inner = holder[last]
                holder[last] = {draw(some_key): inner} if draw(st.booleans()) else [inner]
            case _:
                holder[last] = draw(_value(last, known))
    return model


_EDITS: Final = st.sampled_from([1, 1, 1, 1, 2, 2, 3, 4])
_CHANGES: Final = ("value", "value", "value", "add", "add", "remove", "rename", "wrap")


def _mostly(
    often: st.SearchStrategy[Any], seldom: st.SearchStrategy[Any]
) -> st.SearchStrategy[Any]:
    return often | often | often | seldom


def _value(key: Any, known: Mapping[str, Sequence[Any]] | None) -> st.SearchStrategy[Any]:
    """A value to be put under a key: mostly what has been seen there elsewhere, else anything at all."""
    found = known.get(key) if known and isinstance(key, str) else None
    return VALUES if not found else _mostly(st.sampled_from(found).map(copy.deepcopy), VALUES)


def sensible(models: Sequence[Any]) -> Mapping[str, Sequence[Any]]:
    """The values that stand under each key anywhere in some models."""
    found: dict[str, list[Any]] = {}
    for model in models:
        for *holders, last in places(model):
            if isinstance(last, str):
                value = functools.reduce(operator.getitem, [*holders, last], model)
                if value not in found.setdefault(last, []):
                    found[last].append(value)
    return found


@st.composite
def broken(
    draw: st.DrawFn,
    models: Sequence[Any],
    names: Sequence[str],
    known: Mapping[str, Sequence[Any]],
) -> bytes:
    """The bytes of a file that holds such a model, more or less.

    Half of them are well-formed, so that not all are refused before their content is read; the
    others are broken in their text, or in their bytes.
    """
    model = draw(changed(models, names, known))
    text = json.dumps(
        model, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1]))
    )
    match draw(st.sampled_from(["well-formed", "well-formed", "text", "bytes"])):
        case "text":
            return draw(_broken_text(text)).encode("utf-8", "surrogatepass")
        case "bytes":
            return draw(_broken_bytes(text))
        case _:
            return text.encode("utf-8", "surrogatepass")


@st.composite
def _broken_text(draw: st.DrawFn, text: str) -> str:
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 20)))
        text = text[:start] + draw(SNIPPETS | CYCLES | st.just("")) + text[end:]
    return text


@st.composite
def _broken_bytes(draw: st.DrawFn, text: str) -> bytes:
    encoding = draw(st.sampled_from(["utf-8"] * 4 + ["utf-16", "utf-8-sig", "latin-1"]))
    data = text.encode(encoding, "surrogatepass" if encoding.startswith("utf") else "replace")
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(BYTES) + data[at:]
    return data[: draw(st.sampled_from([len(data)] * 6 + [len(data) // 2]))]
