"""YAML files made from valid ones by breaking them: their values, their text, and at last their bytes."""

from __future__ import annotations

import functools
import json
import operator
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import strategies as st

__all__ = ["SCALARS", "VALUES", "broken", "changed"]

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
def changed(draw: st.DrawFn, models: Sequence[Any], names: Sequence[str]) -> Any:
    """One of the models, in which some values are others, and some keys are added, renamed or gone.

    Args:
        names: of keys that may mean something.
    """
    model = json.loads(json.dumps(draw(st.sampled_from(models))))
    for _ in range(draw(st.integers(0, 4))):
        found = list(places(model))
        if not found:
            break
        *holders, last = draw(st.sampled_from(found))
        holder = functools.reduce(operator.getitem, holders, model)
        key = draw(st.sampled_from(names) | TEXTS)
        match draw(st.sampled_from(["value", "value", "add", "rename", "remove", "wrap"])):
            case "add" if isinstance(holder, dict):
                holder[key] = draw(VALUES)
            case "rename" if isinstance(holder, dict):
                holder[key] = holder.pop(last)
            case "remove":
                del holder[last]
            case "wrap":
                holder[last] = draw(st.sampled_from([[holder[last]], {key: holder[last]}]))
            case _:
                holder[last] = draw(VALUES)
    return model


@st.composite
def broken(draw: st.DrawFn, models: Sequence[Any], names: Sequence[str]) -> bytes:
    """The bytes of a file that holds such a model, more or less."""
    model = draw(changed(models, names))
    text = json.dumps(
        model, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1]))
    )
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 20)))
        text = text[:start] + draw(SNIPPETS | CYCLES | st.just("")) + text[end:]
    encoding = draw(st.sampled_from(["utf-8"] * 8 + ["utf-16", "utf-8-sig", "latin-1"]))
    data = text.encode(encoding, "surrogatepass" if encoding.startswith("utf") else "replace")
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(BYTES) + data[at:]
    return data[: draw(st.sampled_from([len(data)] * 6 + [len(data) // 2]))]
