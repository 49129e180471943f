"""Runs that count for nothing: warm-ups, and repeats that ``until`` turned out not to need."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.campaign.runs.planned_run import is_warmup
from engine.journal import FILE_NAME, JournalReader
from engine.report import Report, gather, to_markdown
from engine.results import compare, load
from tests.results.written import folder, line

NEEDLESS = "skipped: not needed: v is 5 within 0.00% after 2 repeats"
AFTER = "skipped: it comes after x, and vllm-x-r1 failed"
OUTCOMES: dict[str, str | None] = {
    "vllm-x-w1": "failed: exit code 4",
    "vllm-x-r1": "completed",
    "vllm-x-r2": "completed",
    "vllm-x-r3": NEEDLESS,
    "vllm-y-w1": AFTER,
    "vllm-y": AFTER,
}


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    """X has a warm-up and two repeats that are enough; y was never tried."""
    about: dict[str, Any] = {
        "experiment": "x",
        "entry": "e",
        "params": {"m": "one"},
        "keys": {"k": "a"},
    }
    lines = [
        line("vllm-x-w1", exit_code=4, warmup=True, metrics={"v": 100.0}, **about),
        line("vllm-x-r1", metrics={"v": 5.0}, **about),
        line("vllm-x-r2", metrics={"v": 5.0}, **about),
    ]
    experiments = {run: run.split("-")[1] for run in OUTCOMES}
    return folder(tmp_path / "r", lines, OUTCOMES, experiments)


@pytest.fixture
def report(campaign: Path) -> Report:
    with JournalReader.read(campaign / FILE_NAME) as reader:
        return gather(reader)


@pytest.mark.parametrize(
    ("run", "experiment", "warm"),
    [
        ("b-x-w1", "x", True),
        ("b-x-c2-w12", "x", True),
        ("b-x-w1", "x-w1", False),
        ("b-x-w1-w1", "x-w1", True),
        ("b-x-w1-r1", "x-w1", False),
        ("b-x", "x", False),
        ("b-x-r1", "x", False),
    ],
)
def test_a_warm_up_is_known_by_its_id(run: str, experiment: str, *, warm: bool) -> None:
    assert is_warmup(run, experiment, "b") is warm


def test_a_run_that_was_never_tried_tells_what_it_would_have_been(campaign: Path) -> None:
    rows = {row["run"]: row for row in load(campaign)}
    needless = rows["vllm-x-r3"]
    assert (needless["entry"], needless["params.m"], needless["keys.k"]) == ("e", "one", "a")
    assert needless["reason"] == NEEDLESS.removeprefix("skipped: ")
    assert {run: row["warmup"] for run, row in rows.items() if row["warmup"]} == {
        "vllm-x-w1": True,
        "vllm-y-w1": True,
    }


def test_where_nothing_of_an_experiment_was_tried_the_summary_tells(campaign: Path) -> None:
    told = {"run": "vllm-y", "experiment": "y", "entry": "e", "params": {"m": "two"}, "keys": {}}
    (campaign / "summary.json").write_text(json.dumps({"campaign": "c", "runs": [told]}))
    (row,) = (row for row in load(campaign) if row["run"] == "vllm-y")
    assert (row["entry"], row["params.m"], row["outcome"]) == ("e", "two", "skipped")


def test_a_comparison_says_how_many_and_why(campaign: Path) -> None:
    found = compare(load(campaign), ["m"], ["v"])
    assert found.counted == 2
    assert found.left_out == {
        "warm-up runs": 2,
        "repeats that were not needed": 1,
        "skipped runs": 1,
    }


def test_a_report_counts_the_others(report: Report) -> None:
    assert dict(report.counts) == {"completed": 2, "skipped": 1}
    assert dict(report.left_out) == {"warm-up": 2, "not needed": 1}
    told = to_markdown(report)
    assert "2 completed, 1 skipped, of 3, in" in told
    assert "Not counted: 2 warm-up, 1 not needed." in told
    _, _, failures = told.partition("## Not completed")
    assert "exit code 4 (warm-up, not counted)" in failures
    assert "vllm-x-r3" not in failures
