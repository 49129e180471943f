"""Comparing groups of runs."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InputError
from engine.results import Rows, compare, overview
from engine.results.direction import lower_is_better
from engine.results.numbers import human
from engine.results.pareto import pareto
from engine.results.tables import notes, to_csv, to_json, to_markdown


def row(backend: str, speed: float | None = None, **more: Any) -> dict[str, Any]:
    """A completed run."""
    measured = {} if speed is None else {"metrics.tokens_per_s": speed}
    return {
        "run": "x",
        "backend": backend,
        "outcome": "completed",
        "last": True,
        "warmup": False,
        "duration_s": 2.0,
        "params.model": "llama",
        **measured,
        "units.tokens_per_s": "tokens/s",
        **more,
    }


ROWS = Rows.of(
    [
        *(row("pytorch", speed) for speed in (10, 12, 14)),
        *(row("vllm", speed) for speed in (20, 24, 28)),
        *(row("vllm", speed, **{"params.model": "phi"}) for speed in (40, 41)),
        row("vllm", 999, last=False),
        row("vllm", 999, warmup=True),
        row("vllm", 999, outcome="failed"),
        row("vllm", 999, outcome="lost"),
        row("vllm", None),
    ]
)


def test_median_quartiles_count_and_ratio_of_each_group() -> None:
    found = compare(ROWS, ["backend"], ["tokens_per_s"], baseline="backend=pytorch")
    (metric,) = found.metrics
    pytorch, vllm = (figures for _, figures in found.compared(metric))
    assert (pytorch.spread.n, pytorch.spread.median, pytorch.ratio) == (3, 12, 1)
    assert (vllm.spread.n, vllm.spread.median, vllm.spread.q1, vllm.spread.q3) == (5, 28, 24, 40)
    assert vllm.ratio == pytest.approx(28 / 12)
    assert vllm.interval is not None
    assert vllm.interval.low <= 28 / 12 <= vllm.interval.high
    assert (metric.title, metric.lower) == ("tokens_per_s (tokens/s)", False)


def test_what_does_not_count_is_said_with_its_reason() -> None:
    found = compare(ROWS, ["backend"], ["tokens_per_s"])
    assert found.counted == 9
    assert found.left_out == {
        "earlier attempts": 1,
        "warm-up runs": 1,
        "failed runs": 1,
        "lost runs": 1,
        "without tokens_per_s": 1,
    }
    assert (
        "Not counted: 1 earlier attempts, 1 warm-up runs, 1 failed runs, 1 lost runs"
        in " ".join(notes(found))
    )


def test_a_baseline_is_the_group_that_is_alike_in_all_else() -> None:
    found = compare(ROWS, ["model", "backend"], ["tokens_per_s"], baseline="backend=pytorch")
    ratios = {group.key: figures.ratio for group, figures in found.compared(found.metrics[0])}
    assert ratios == {("llama", "pytorch"): 1, ("llama", "vllm"): 2, ("phi", "vllm"): None}


def test_several_metrics_and_fixed_columns() -> None:
    found = compare(ROWS, ["backend"], ["tokens_per_s", "duration_s"])
    assert [(one.name, one.unit, one.lower) for one in found.metrics] == [
        ("tokens_per_s", "tokens/s", False),
        ("duration_s", "s", True),
    ]
    assert [figures.spread.n for _, figures in found.compared(found.metrics[1])] == [3, 6]


def test_what_is_named_twice_is_there_once() -> None:
    named = compare(ROWS, ["backend", "backend"], ["tokens_per_s", "metrics.tokens_per_s"])
    once = compare(ROWS, ["backend"], ["tokens_per_s"])
    assert (named.by, named.metrics, named.groups) == (once.by, once.metrics, once.groups)


UNITS = Rows.of(
    [
        *(row("a", 5, **{"units.tokens_per_s": unit}) for unit in ("ms", "s", None)),
        row("a", 5, warmup=True, **{"units.tokens_per_s": "h"}),
    ]
)


def test_several_units_are_never_taken_together() -> None:
    with pytest.raises(
        InputError, match=r"in several units \(ms, s\).*--where units.tokens_per_s=ms"
    ):
        compare(UNITS, ["backend"], ["tokens_per_s"])
    apart = compare(UNITS, ["units.tokens_per_s"], ["tokens_per_s"])
    assert [group.label for group in apart.groups] == ["ms", "s", "-"]
    assert apart.metrics[0].title == "tokens_per_s"
    one = compare(UNITS, ["backend"], ["tokens_per_s"], where=["units.tokens_per_s=s"])
    assert one.metrics[0].title == "tokens_per_s (s)"


def test_an_overview_leaves_a_metric_of_several_units_out() -> None:
    found = overview(UNITS)
    assert found is not None
    assert [one.name for one in found.metrics] == ["duration_s"]


def test_of_no_rows_there_is_nothing_to_compare() -> None:
    with pytest.raises(InputError, match="no results yet"):
        compare(Rows.of([], ["backend"]), ["backend"], ["duration_s"])


def test_which_way_is_better_can_be_said() -> None:
    found = compare(ROWS, ["backend"], ["tokens_per_s"], better={"tokens_per_s": True})
    assert found.metrics[0].lower


def test_only_what_is_selected() -> None:
    found = compare(ROWS, ["backend"], ["tokens_per_s"], where=["model=phi"])
    assert [
        (group.label, group.figures["metrics.tokens_per_s"].spread.n) for group in found.groups
    ] == [("vllm", 2)]


def test_numbers_are_ordered_by_value_and_what_is_not_known_comes_last() -> None:
    rows = Rows.of([row("a", 1, **{"params.n": n}) for n in (16, 8.0, None, 8, "auto")])
    found = compare(rows, ["n"], ["tokens_per_s"])
    assert [group.label for group in found.groups] == ["8", "16", "auto", "-"]
    assert [group.figures["metrics.tokens_per_s"].spread.n for group in found.groups] == [
        2,
        1,
        1,
        1,
    ]


def test_a_structure_makes_groups_too() -> None:
    rows = Rows.of([row("a", 1, **{"params.s": {"x": n}}) for n in (1, 1, 2)])
    found = compare(rows, ["s"], ["tokens_per_s"])
    assert [group.label for group in found.groups] == ['{"x":1}', '{"x":2}']


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"by": ["bakend"]}, "there is no 'bakend'; did you mean 'backend'?"),
        ({"metrics": ["token_per_s"]}, "no metric 'token_per_s'; did you mean 'tokens_per_s'?"),
        ({"metrics": ["model"]}, "params.model is no number in any of these rows"),
        (
            {"baseline": "backend=vlm"},
            "no group is the baseline 'backend=vlm'; did you mean 'vllm'?",
        ),
        ({"baseline": "model=phi"}, "there is no 'model'"),
        ({"baseline": "pytorch"}, "has to name what it is, as backend=pytorch"),
        ({"baseline": "backend=*"}, "selects several groups that are alike otherwise"),
        ({"where": ["model=fi"]}, "has nothing whose model is 'fi'"),
    ],
)
def test_what_is_not_there_is_an_error_that_names_what_is_near(
    arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError) as raised:
        compare(ROWS, **{"by": ["backend"], "metrics": ["tokens_per_s"], **arguments})
    assert said in str(raised.value)


class TestAsText:
    FOUND = compare(ROWS, ["backend"], ["tokens_per_s", "duration_s"], baseline="backend=pytorch")

    def test_markdown(self) -> None:
        lines = to_markdown(self.FOUND).splitlines()
        assert lines[0] == "## tokens_per_s (tokens/s)"
        assert lines[2:5] == [
            "| backend |   n | median | quartiles | ratio to backend=pytorch |",
            "| ------- | --: | -----: | --------: | -----------------------: |",
            "| pytorch |   3 |     12 |   11 - 13 |                 baseline |",
        ]
        assert re.match(r"\| vllm    \|   5 \|     28 \|   24 - 40 \| +2.333 \(", lines[5])

    def test_csv(self) -> None:
        read = list(csv.DictReader(io.StringIO(to_csv(self.FOUND))))
        assert [(one["backend"], one["metric"], one["median"]) for one in read] == [
            ("pytorch", "tokens_per_s", "12.0"),
            ("vllm", "tokens_per_s", "28.0"),
            ("pytorch", "duration_s", "2.0"),
            ("vllm", "duration_s", "2.0"),
        ]

    def test_json(self) -> None:
        read = json.loads(to_json(self.FOUND))
        assert read["metrics"][0]["groups"][1]["group"] == {"backend": "vllm"}
        assert read["metrics"][0]["groups"][1]["median"] == 28
        assert read["left_out"]["failed runs"] == 1

    def test_hostile_names_are_words(self) -> None:
        rows = Rows.of([row("=1+1|<b>\x1b[31m*x*", 1)])
        found = compare(rows, ["backend"], ["tokens_per_s"])
        assert "=1+1\\|\\<b\\> \\[31m\\*x\\*" in to_markdown(found)
        assert "\n'=1+1" in to_csv(found)


@pytest.mark.parametrize(
    ("name", "unit", "lower"),
    [
        ("tokens_per_s", "tokens/s", False),
        ("ttft", "ms", True),
        ("energy", "J", True),
        ("joules_per_token", "", True),
        ("tokens_per_joule", "", False),
        ("latency_p99", "", True),
        ("peak_memory", "MiB", True),
        ("accuracy", "", False),
        ("error_rate", "", True),
        ("duration_s", "s", True),
        ("score", "points", False),
    ],
)
def test_which_way_a_metric_is_better(name: str, unit: str, *, lower: bool) -> None:
    assert lower_is_better(name, unit) is lower


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (43.1234, "43.12"),
        (43.0, "43"),
        (123456.7, "123457"),
        (0.00123456, "0.001235"),
        (-2.5, "-2.500"),
        (1e-9, "1e-09"),
        (3e20, "3e+20"),
        (float("inf"), "inf"),
    ],
)
def test_numbers_for_people(value: float, text: str) -> None:
    assert human(value) == text


POINTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=20)


@given(points=POINTS, lower_x=st.booleans(), lower_y=st.booleans())
def test_on_the_pareto_front_is_what_nothing_beats(
    *, points: list[tuple[float, float]], lower_x: bool, lower_y: bool
) -> None:
    def beats(one: tuple[float, float], other: tuple[float, float]) -> bool:
        x = one[0] - other[0] if lower_x else other[0] - one[0]
        y = one[1] - other[1] if lower_y else other[1] - one[1]
        return x <= 0 and y <= 0 and (x, y) != (0, 0)

    front = pareto(points, lower=(lower_x, lower_y))
    expected = {
        at for at, one in enumerate(points) if not any(beats(other, one) for other in points)
    }
    assert {*front} == expected
    assert [points[at][0] for at in front] == sorted(points[at][0] for at in front)
