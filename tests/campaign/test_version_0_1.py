"""A campaign folder that version 0.1 left behind goes on working: read, reported, and resumed.

``of_version_0_1`` is what that version wrote on local processes until its controller was killed, with the
journal as text (``journal.sql``). One run had completed, one had failed, one was running, and two were to come.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

LEFT = Path(__file__).parent / "of_version_0_1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder, as it was on the disk of its machine."""
    shutil.copytree(LEFT, tmp_path, dirs_exist_ok=True)
    results = tmp_path / "results"
    results.mkdir()
    run = (tmp_path / "run").rename(results / "20261129T094204Z")
    (results / "latest").symlink_to(run.name)
    with sqlite3.connect(run / "journal.sqlite", isolation_level=None) as journal:
        journal.executescript((run / "journal.sql").read_text())
    (run / "journal.sql").unlink()
    (tmp_path / "again").touch()  # which its long experiment had made before it waited
    return tmp_path


def dockwarden(folder: Path, *words: str, code: int = 0) -> str:
    asked = [sys.executable, "-m", "dockwarden", *words]
    done = subprocess.run(asked, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def records(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "results" / "latest" / "results.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_it_is_reported(folder: Path) -> None:
    report = json.loads(dockwarden(folder, "report", "results", "--format", "json"))
    states = {run["run"]: run["state"] for run in report["runs"]}
    assert states == {
        "alpha-good": "completed",
        "alpha-bad": "failed",
        "beta-long": "unfinished",
        "beta-last-r1": "unfinished",
        "beta-last-r2": "unfinished",
    }
    assert "alpha-good" in dockwarden(folder, "history", "results")
    assert "alpha-bad" in dockwarden(folder, "results", "results")


def test_it_is_resumed_in_its_folder(folder: Path) -> None:
    before = records(folder)
    summary = json.loads(dockwarden(folder, "run", "campaign.yml", "--json", code=1))
    assert Path(summary["results"]).name == "20261129T094204Z"
    states = {run["run"]: run["state"] for run in summary["runs"]}
    assert states == {
        "alpha-good": "completed",
        "alpha-bad": "failed",
        "beta-long": "completed",
        "beta-last-r1": "completed",
        "beta-last-r2": "completed",
    }
    after = records(folder)
    assert after[: len(before)] == before, "what was settled is not run again, nor rewritten"
    assert [(one["run"], one["ending"]) for one in after[len(before) :]] == [
        ("beta-long", "interrupted"),
        ("beta-long", "exited"),
        ("beta-last-r1", "exited"),
        ("beta-last-r2", "exited"),
    ]
