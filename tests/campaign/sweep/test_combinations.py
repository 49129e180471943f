"""Which combinations a sweep makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.campaign.sweep.axes import axis
from engine.campaign.sweep.combinations import Level, combinations, layered
from engine.compose.node import KeyPath


class Reported:
    """Takes what is wrong."""

    def __init__(self) -> None:
        self.found: dict[KeyPath, str] = {}

    def __call__(self, path: KeyPath, what: str) -> None:
        self.found[path] = what


def rows(most: int = 1000, table: Any = (), **written: Any) -> list[Mapping[str, Any]]:
    reported = Reported()
    level = combinations(reported, (), written, table, most)
    assert reported.found == {}
    return list(level.rows)


def wrong(most: int = 1000, **written: Any) -> dict[KeyPath, str]:
    reported = Reported()
    assert combinations(reported, (), written, (), most).rows == ()
    return reported.found


class TestRanges:
    @pytest.mark.parametrize(
        ("written", "values"),
        [
            ({"from": 1, "to": 4}, (1, 2, 3, 4)),
            ({"from": 1, "to": 6, "step": 2}, (1, 3, 5)),
            ({"from": 3, "to": 1, "step": -1}, (3, 2, 1)),
            ({"from": 0, "to": 0.3, "step": 0.1}, (0.0, 0.1, 0.2, 0.3)),
            ({"from": 1, "to": 64, "times": 4}, (1, 4, 16, 64)),
            ({"from": 8, "to": 1, "times": 0.5}, (8, 4, 2, 1)),
            ({"from": 0, "to": 1, "count": 5}, (0.0, 0.25, 0.5, 0.75, 1.0)),
            ({"from": 7, "to": 7}, (7,)),
        ],
    )
    def test_forms(self, written: dict[str, Any], values: tuple[float, ...]) -> None:
        reported = Reported()
        found = axis(reported, (), written, 100)
        assert (found, [*map(type, found)]) == (values, [*map(type, values)])

    @pytest.mark.parametrize(
        ("written", "what"),
        [
            ({"from": 1}, "a list such as"),
            ({"from": 1, "to": 3, "step": 0}, "never leads"),
            ({"from": 1, "to": 3, "step": -1}, "never leads"),
            ({"from": 0, "to": 8, "times": 2}, "above 0"),
            ({"from": 1, "to": 8, "times": 1}, "never leads"),
            ({"from": 1, "to": 8, "times": 2, "count": 3}, "a list such as"),
            ({"from": 1, "to": 8, "stp": 2}, "did you mean 'step'?"),
            ({"from": 1, "to": float("inf")}, "must be a number"),
            ({"from": 1, "to": 10**9}, "more than 100 values"),
            ({"from": 1, "to": 1.001, "times": 1.0000001}, "more than 100 values"),
            ("abc", "a list such as"),
            ([], "empty list"),
            ([1, 1], "the same as entry 1"),
            ([float("nan")], "not finite"),
            ([{1: 2}], "key that is not text"),
        ],
    )
    def test_what_is_none(self, written: Any, what: str) -> None:
        reported = Reported()
        assert axis(reported, (), written, 100) == ()
        assert what in " ".join(reported.found.values())

    def test_true_is_not_one(self) -> None:
        assert axis(Reported(), (), [1, True, "1"], 100) == (1, True, "1")


class TestTheMatrixOfGitHubActions:
    MATRIX: ClassVar = {"fruit": ["apple", "pear"], "animal": ["cat", "dog"]}

    def test_include_extends_adds_and_stands_alone(self) -> None:
        """The example by which GitHub's documentation explains ``include``."""
        include = [
            {"color": "green"},
            {"color": "pink", "animal": "cat"},
            {"fruit": "apple", "shape": "circle"},
            {"fruit": "banana"},
            {"fruit": "banana", "animal": "cat"},
        ]
        assert rows(matrix=self.MATRIX, include=include) == [
            {"fruit": "apple", "animal": "cat", "color": "pink", "shape": "circle"},
            {"fruit": "apple", "animal": "dog", "color": "green", "shape": "circle"},
            {"fruit": "pear", "animal": "cat", "color": "pink"},
            {"fruit": "pear", "animal": "dog", "color": "green"},
            {"fruit": "banana"},
            {"fruit": "banana", "animal": "cat"},
        ]

    def test_exclude_goes_by_part_and_before_include(self) -> None:
        exclude = [{"animal": "dog"}]
        include = [{"fruit": "apple", "animal": "dog"}]
        assert rows(matrix=self.MATRIX, exclude=exclude, include=include) == [
            {"fruit": "apple", "animal": "cat"},
            {"fruit": "pear", "animal": "cat"},
            {"fruit": "apple", "animal": "dog"},
        ]

    def test_includes_alone(self) -> None:
        assert rows(include=[{"a": 1}, {"a": 2}]) == [{"a": 1}, {"a": 2}]


def test_a_zip_and_a_table_are_one_dimension_each() -> None:
    found = rows(
        table=[{"t": 1}, {"t": 2, "u": 3}],
        zip=[{"a": [1, 2], "b": [3, 4]}, {"c": [5]}],
        matrix={"m": ["x"]},
    )
    assert found == [
        {"m": "x", "a": 1, "b": 3, "c": 5, "t": 1},
        {"m": "x", "a": 1, "b": 3, "c": 5, "t": 2, "u": 3},
        {"m": "x", "a": 2, "b": 4, "c": 5, "t": 1},
        {"m": "x", "a": 2, "b": 4, "c": 5, "t": 2, "u": 3},
    ]


@pytest.mark.parametrize(
    ("written", "path", "what"),
    [
        ({"zip": {"a": [1, 2], "b": [1]}}, ("zip",), "a has 2, b has 1"),
        ({"matrix": {"a": [1]}, "zip": {"a": [1]}}, ("zip", "a"), "a parameter already"),
        ({"matrix": {"a-b": [1]}}, ("matrix", "a-b"), "such as a_b"),
        ({"matrix": {"not": [1]}}, ("matrix", "not"), "something else"),
        ({"matrix": {1: [1]}}, ("matrix", "1"), "not text"),
        ({"matrix": []}, ("matrix",), "must be a mapping"),
        ({"matrix": {"model": [1]}, "exclude": [{"modl": 1}]}, ("exclude", 0, "modl"), "'model'"),
        ({"matrix": {"a": [1]}, "exclude": [{"a": True}]}, ("exclude", 0), "excludes nothing"),
        ({"matrix": {"a": [1]}, "exclude": [{"a": 1}]}, (), "leaves no combination"),
        ({"matrix": {"a": [1]}, "exclude": {"a": 1}}, ("exclude",), "must be a list"),
        ({"include": [{"a": 1}, {"a": 1}]}, (), "twice"),
        ({"include": ["a"]}, ("include", 0), "must be a mapping"),
        ({}, (), "leaves no combination"),
        (
            {"matrix": {"a": {"from": 1, "to": 1000}, "b": {"from": 1, "to": 1000}}},
            (),
            "makes 1,000,000 combinations (1,000 x 1,000)",
        ),
    ],
)
def test_what_cannot_be_meant(written: dict[str, Any], path: KeyPath, what: str) -> None:
    assert what in wrong(**written)[path]


class TestLevels:
    OUTER = Level([{"model": m, "limit": n} for m in "ab" for n in (1, 2)])

    def test_only_what_is_used_of_an_outer_level_counts(self) -> None:
        found = layered(Reported(), (), [self.OUTER, Level([{"x": 1}])], {"model", "x"}, 100)
        assert found == [{"model": "a", "x": 1}, {"model": "b", "x": 1}]

    def test_the_inner_one_wins(self) -> None:
        inner = Level([{"model": "c"}])
        found = layered(Reported(), (), [self.OUTER, inner], {"model", "limit"}, 100)
        assert found == [{"model": "c", "limit": 1}, {"model": "c", "limit": 2}]

    def test_none_used_is_one_experiment(self) -> None:
        assert layered(Reported(), (), [self.OUTER, Level()], set(), 100) == [{}]

    def test_too_many_together(self) -> None:
        reported = Reported()
        inner = Level([{"x": x} for x in range(50)])
        assert layered(reported, ("e",), [self.OUTER, inner], {"model", "limit", "x"}, 100) == []
        assert "200 combinations (4 x 50)" in reported.found["e",]


@given(
    st.dictionaries(
        st.sampled_from("abc"),
        st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True),
        min_size=1,
    )
)
def test_a_product_has_each_combination_once(matrix: dict[str, list[int]]) -> None:
    found = rows(matrix=matrix)
    size = 1
    for values in matrix.values():
        size *= len(values)
    assert len({tuple(row.items()) for row in found}) == len(found) == size
    assert all(row[name] in values for row in found for name, values in matrix.items())
