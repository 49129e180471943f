"""Texts with expressions: what they become, and what they cannot do."""

from __future__ import annotations

import contextlib
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.campaign.sweep.template import BadTemplate, is_template, template
from engine.campaign.sweep.values import Row

ROW: Row = {
    "model": "meta-llama/Llama-3.1-8B",
    "n": 8,
    "f": 0.5,
    "on": True,
    "none": None,
    "server": {"port": 8000, "items": [1, 2]},
    "flags": ["--a", "--b"],
}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("{{ n }}", 8),
        ("{{n}}", 8),
        ("{{ n * 2 + 1 }}", 17),
        ("n={{ n }}", "n=8"),
        ("{{ n }} ", "8 "),
        ("{{ f }}", 0.5),
        ("{{ on }}/{{ none }}", "true/null"),
        ("{{ model | basename | lower }}", "llama-3.1-8b"),
        ("{{ server.port }}", 8000),
        ("{{ server['port'] }}", 8000),
        ("{{ server.items }}", [1, 2]),
        ("{{ server['items'][1] }}", 2),
        ("--cfg={{ server }}", '--cfg={"port":8000,"items":[1,2]}'),
        ("{{ flags }}", ["--a", "--b"]),
        ("{{ flags | join(' ') }}", "--a --b"),
        ("{{ 'big' if n > 4 else 'small' }}", "big"),
        ("{{ model.split is defined }}", False),
        ("{{ other | default(3) }}", 3),
        ("{{ '{{' }} }} {% if %} {# x #} ${#a} ${x%.*}", "{{ }} {% if %} {# x #} ${#a} ${x%.*}"),
        ("{{ '}}' }}", "}}"),
        ("a\n{{ n }}\n", "a\n8\n"),
        ("{{ n // 3 }}-{{ n % 3 }}-{{ 2 ** n }}", "2-2-256"),
        ("{{ [1, 2, 2] | unique }}", [1, 2]),
        ("{{ {'a': n} }}", {"a": 8}),
    ],
)
def test_values(written: str, value: Any) -> None:
    assert is_template(written)
    found = template(written).fill(ROW)
    assert (found, type(found)) == (value, type(value))


def test_the_names_that_it_uses() -> None:
    assert template("{{ a.b }} {{ c | default(d) }} {{ 'e' }}").names == {"a", "c", "d"}


@pytest.mark.parametrize(
    "written",
    [
        "{{ n",
        "{{ }}",
        "{{ n + }}",
        "{{ n | shell }}",
        "{{ range(3) }}",
        "{{ model.upper() }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ model.__class__ }}",
        "{{ server.keys }}",
        "{{ self }}",
        "{{ missing }}",
        "{{ missing.x }}",
        "a {{ missing }}",
        "{{ flags[7] }}",
        "{{ n / 0 }}",
        "{{ n + model }}",
        "{{ 'x' | int }}",
        "{{ 'x' * 1000000000 }}",
        "{{ 1000000000 * [1] }}",
        "{{ 10 ** 10 ** 10 }}",
        "{{ n ** 100000000 }}",
        "{{ '%1000000000d' % n }}",
        "{{ ('a' * 9999) | replace('a', 'a' * 9999) }}",
        "{{ ('a' * 99999) | replace('a', 'aa') }}",
        "{{ (['a' * 9999] * 99) | join }}",
        "{{ " + "n + " * 999 + "n }}",
        "{{ " + "(" * 400 + "n" + ")" * 400 + " }}",
        "x" * 131_072 + "{{ n }}",
        "{{ 1e308 * 10 }}",
    ],
)
def test_what_cannot_be(written: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(BadTemplate) as raised:
            template(written).fill(ROW)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert str(raised.value)
    assert peak < 50 * 2**20


TOKENS = st.sampled_from(
    [
        *(
            "{{",
            "}}",
            "n",
            "f",
            "model",
            "server",
            "flags",
            "on",
            "none",
            " ",
            "'a'",
            "1",
            "9",
            "[",
            "]",
        ),
        *(
            "*",
            "**",
            "%",
            "+",
            "~",
            "|",
            "join",
            "replace",
            "sort",
            "tojson",
            "(",
            ")",
            ".",
            "if",
            "else",
        ),
        *(
            "__class__",
            ",",
            "==",
            "not",
            "is",
            "defined",
            "{",
            "}",
            ":",
            "//",
            "-",
            "length",
            "max",
            "sum",
        ),
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(TOKENS, max_size=14).map("".join))
def test_whatever_stands_between_braces_it_ends_in_a_value_or_an_error(inner: str) -> None:
    with contextlib.suppress(BadTemplate):
        template("{{ " + inner + " }}").fill(ROW)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (
            "{{ modle }}",
            "uses 'modle', which this combination lacks; give it there, or write {{ modle | default",
        ),
        ("{{ server.prot }}", "has no 'prot' in it; did you mean 'port'?"),
        ("{{ server.zzz }}", "has no 'zzz' in it; there are name, port"),
        ("{{ server[5] }}", "has no 5 in it"),
    ],
)
def test_what_a_combination_lacks_is_named(text: str, what: str) -> None:
    with pytest.raises(BadTemplate) as refused:
        template(text).fill({"server": {"name": "one", "port": 1}})
    assert what in str(refused.value)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{{ a | lowr }}", "has no filter 'lowr'; did you mean 'lower'?"),
        ("{{ a | zzzz }}", "has no filter 'zzzz'; there are abs, basename"),
        ("{{ a is nmber }}", "has no test 'nmber'; did you mean 'number'?"),
    ],
)
def test_a_filter_that_is_not_there_names_the_nearest(text: str, what: str) -> None:
    with pytest.raises(BadTemplate) as refused:
        template(text)
    assert what in str(refused.value)
