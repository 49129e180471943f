"""Results of many folders as one tidy table."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from engine.errors import InputError
from engine.results import COLUMNS, load
from tests.results.written import folder, line

SWEPT: dict[str, Any] = {
    "entry": "serve",
    "params": {"model": "llama-3", "batch": 8},
    "keys": {"size": "8b"},
    "metrics": {"tokens_per_s": 43.1},
    "units": {"tokens_per_s": "tokens/s"},
    "environment": {"HF_HOME": "/m"},
    "session": 0,
}


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    """Two runs of one campaign: a swept one, and one of version 0.1 without a journal."""
    swept = [
        line("vllm-a", ending="lost", exit_code=None, **SWEPT),
        line("vllm-a", 2, **SWEPT),
        line("vllm-b", exit_code=3),
    ]
    outcomes = {"vllm-a": "completed", "vllm-b": "failed", "vllm-c": "skipped", "vllm-d": None}
    made = folder(tmp_path / "kernels" / "20260131T101500Z", swept, outcomes)
    told = [{"machine": {"host": "a", "cpu": {"cores": 2}}, "git": {"commit": "c0ffee"}}]
    (made / "provenance.json").write_text(json.dumps(told))
    old = folder(tmp_path / "kernels" / "20260131T111500Z", [line("vllm-a")])
    (tmp_path / "kernels" / "latest").symlink_to(old.name)
    return tmp_path / "kernels"


def test_each_attempt_is_a_row_and_so_is_a_run_without_any(campaign: Path) -> None:
    rows = load(campaign / "20260131T101500Z")
    told = [(row["run"], row.get("attempt"), row["outcome"], row["last"]) for row in rows]
    assert told == [
        ("vllm-a", 1, "completed", False),
        ("vllm-a", 2, "completed", True),
        ("vllm-b", 1, "failed", True),
        ("vllm-c", None, "skipped", True),
        ("vllm-d", None, "unfinished", True),
    ]


def test_fixed_columns_come_first_then_parameters_keys_and_metrics(campaign: Path) -> None:
    rows = load(campaign)
    assert rows.columns[: len(COLUMNS)] == COLUMNS
    assert rows.columns[len(COLUMNS) :] == (
        *("params.model", "params.batch", "keys.size", "metrics.tokens_per_s"),
        *("units.tokens_per_s", "env.HF_HOME", "machine.host", "machine.cpu.cores", "git.commit"),
    )
    row = rows[1]
    assert (row["params.batch"], row["metrics.tokens_per_s"]) == (8, 43.1)
    assert (row["entry"], row["machine.cpu.cores"], row["warmup"]) == ("serve", 2, False)
    assert isinstance(row["started_at"], datetime)
    assert row["session_folder"] == "20260131T101500Z"


@pytest.mark.parametrize(
    ("path", "rows"),
    [
        (".", 6),
        ("latest", 1),
        ("20260131T101500Z", 5),
        ("20260131T101500Z/results.jsonl", 5),
        ("latest/results.jsonl", 1),
    ],
)
def test_what_a_path_may_be(campaign: Path, path: str, rows: int) -> None:
    assert len(load(campaign / path)) == rows
    assert len(load([campaign / path, str(campaign / path)])) == rows


@pytest.mark.parametrize("path", ["nowhere", "."])
def test_where_there_are_no_results_it_says_what_to_name(tmp_path: Path, path: str) -> None:
    with pytest.raises(InputError, match="name the folder of a campaign's results"):
        load(tmp_path / path)


def test_a_campaign_that_still_runs(tmp_path: Path) -> None:
    made = folder(tmp_path / "r", [line("vllm-a")], {"vllm-a": "completed", "vllm-b": None})
    with (made / "results.jsonl").open("a") as written:
        written.write(json.dumps(line("vllm-b"))[:50])
    assert [(row["run"], row["outcome"]) for row in load(made)] == [
        ("vllm-a", "completed"),
        ("vllm-b", "unfinished"),
    ]


@pytest.mark.parametrize(
    ("ending", "code", "outcome"),
    [
        ("exited", 0, "completed"),
        ("exited", 1, "failed"),
        ("timeout", 137, "failed"),
        ("lost", None, "lost"),
        ("interrupted", None, "unfinished"),
    ],
)
def test_without_a_journal_the_newest_attempt_tells_the_outcome(
    tmp_path: Path, ending: str, code: int | None, outcome: str
) -> None:
    lines = [line("a-x", exit_code=1), line("a-x", 2, ending=ending, exit_code=code)]
    rows = load(folder(tmp_path / "r", lines))
    assert [row["outcome"] for row in rows] == [outcome, outcome]


def test_without_a_journal_the_summary_tells_of_runs_without_attempts(tmp_path: Path) -> None:
    made = folder(tmp_path / "r", [line("a-x")])
    runs = [
        {"run": "a-x", "experiment": "x", "backend": "a", "state": "completed"},
        {"run": "a-y", "experiment": "y", "backend": "a", "state": "skipped"},
        {"run": "a-z", "experiment": "z", "backend": "a", "state": "retrying"},
        {"run": 3},
        "nonsense",
    ]
    (made / "summary.json").write_text(json.dumps({"campaign": "kernels", "runs": runs}))
    assert {row["run"]: row["outcome"] for row in load(made)} == {
        "a-x": "completed",
        "a-y": "skipped",
        "a-z": "unfinished",
    }


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '{"a": 1}', "[" * 100_000, "\0"])
@pytest.mark.parametrize("name", ["provenance.json", "summary.json", "journal.sqlite"])
def test_what_lies_beside_the_records_may_be_broken(tmp_path: Path, name: str, text: str) -> None:
    made = folder(tmp_path / "r", [line("a-x", session=0)])
    (made / name).write_text(text)
    assert [(row["run"], row["outcome"]) for row in load(made)] == [("a-x", "completed")]


def test_a_run_that_was_run_again_has_its_newest_outcome(tmp_path: Path) -> None:
    made = folder(tmp_path / "r", [line("a-x", exit_code=1), line("a-x", 2)])
    assert [(row["attempt"], row["last"]) for row in load(made)] == [(1, False), (2, True)]
