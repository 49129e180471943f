"""Names of experiments out of their parameters."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.campaign.sweep.names import names
from engine.campaign.sweep.values import Row, canonical
from engine.util.names import is_plain


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"model": "meta-llama/Llama-3.1-8B", "batch": 8}, "bench-Llama-3.1-8B-batch8"),
        ({"rate": 0.5, "t": -1}, "bench-rate0.5-t-1"),
        ({"fp8": True, "eager": False, "seed": None}, "bench-fp8-no_eager-no_seed"),
        ({"server": {"name": "tp 2", "port": 1}}, "bench-tp-2"),
        ({"path": "/data/in.json"}, "bench-in.json"),
    ],
)
def test_texts_stand_for_themselves_and_numbers_follow_their_names(row: Any, name: str) -> None:
    assert names("bench", [row]) == [name]


def test_those_that_would_be_the_same_get_digits_each() -> None:
    one, two, three = names("b", [{"m": "a/x"}, {"m": "b/x"}, {"m": "y"}])
    assert one.startswith("b-x-")
    assert two.startswith("b-x-")
    assert len({one, two}) == 2
    assert three == "b-y"


def test_a_longer_sweep_renames_nothing() -> None:
    rows: list[Row] = [{"a": a, "m": "m"} for a in range(9)]
    assert names("b", rows)[:3] == names("b", rows[:3])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=4,
)
ROWS = st.lists(
    st.dictionaries(
        st.sampled_from(["a", "b", "a_very_long_name_of_forty_characters"]), VALUES, min_size=1
    ),
    min_size=1,
    max_size=6,
    unique_by=canonical,
)


@given(ROWS)
def test_names_are_plain_bounded_and_different(rows: list[Any]) -> None:
    found = names("bench", rows)
    assert all(is_plain(name) and len(name) <= 64 for name in found)
    assert len(set(found)) == len(rows)
