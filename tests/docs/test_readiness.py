"""The page on readiness: each of its blocks does what the page says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "readiness.md"
TEXT = PAGE.read_text()
BLOCKS = re.findall(r"^```yaml\n# (\S+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in BLOCKS:
        (tmp_path / name).write_text(text)
    return tmp_path


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dockwarden", "run", "ready.yml", "--runtime", "process"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_campaign_runs_and_no_check_disturbs_it(folder: Path) -> None:
    done = run(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = (folder / "results/ready/latest/results.jsonl").read_text().splitlines()
    record = json.loads(line)
    assert (record["ending"], record["health_checks"]) == ("exited", 0)
    assert "interval: 30s" in dict(BLOCKS)["docker-compose.yml"]
    assert record["started_in_s"] < 30, "it did not wait for an interval"


def test_what_is_not_answered_in_time_is_quoted_as_on_the_page(folder: Path) -> None:
    file = folder / "ready.yml"
    backends = {
        "server": {
            "ready_within": "2s",
            "max_restarts": 0,
            "ready": {"http": "http://localhost:8731/none"},
        }
    }
    experiments, _, _ = file.read_text().partition("backends:")
    file.write_text(f"{experiments}backends: {json.dumps(backends)}\n")
    done = run(folder)
    (shown,) = re.findall(r"^not ready within 2 s; .*?404: ", TEXT, re.MULTILINE)
    assert done.returncode == 2, "nothing could be started"
    said = " ".join((done.stdout + done.stderr).split())
    assert shown.strip().replace("8731/:", "8731/none:") in said


def test_the_table_has_every_key() -> None:
    from engine.campaign.config.readiness import _KEYS

    listed = re.findall(r"^\| (`.*?) \|", TEXT, re.MULTILINE)
    named = {name for cell in listed for name in re.findall(r"`(\w+)`", cell)}
    assert named >= _KEYS.keys()
