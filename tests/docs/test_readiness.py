"""The page on readiness: each of its blocks does what the page says."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import Page, dockwarden

PAGE = Page("readiness.md")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return PAGE.write(tmp_path)


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    return dockwarden(folder, "run", "ready.yml", "--runtime", "process")


def test_the_campaign_runs_and_no_check_disturbs_it(folder: Path) -> None:
    done = run(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = (folder / "results/ready/latest/results.jsonl").read_text().splitlines()
    record = json.loads(line)
    assert (record["ending"], record["health_checks"]) == ("exited", 0)
    assert "interval: 30s" in PAGE.files()["docker-compose.yml"]
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
    (shown,) = re.findall(r"^not ready within 2 s; .*?404: ", PAGE.text, re.MULTILINE)
    assert done.returncode == 2, "nothing could be started"
    said = " ".join((done.stdout + done.stderr).split())
    assert shown.strip().replace("8731/:", "8731/none:") in said


def test_a_line_that_is_not_written_in_time_is_quoted_as_on_the_page(folder: Path) -> None:
    compose, campaign = folder / "docker-compose.yml", folder / "ready.yml"
    loading = {"image": "none", "command": ["sh", "-c", "echo loading the model; exec sleep 1000"]}
    compose.write_text(json.dumps({"services": {"server": loading}}))
    backend = {"ready_within": "2s", "max_restarts": 0, "ready": {"log": "model loaded"}}
    experiments, _, _ = campaign.read_text().partition("backends:")
    campaign.write_text(f"{experiments}backends: {json.dumps({'server': backend})}\n")
    done = run(folder)
    (shown,) = re.findall(r"^not ready within 2 s; .* in its log: .*$", PAGE.text, re.MULTILINE)
    assert done.returncode == 2, "nothing could be started"
    assert shown in " ".join((done.stdout + done.stderr).split())


def test_the_table_has_every_key() -> None:
    from engine.campaign.config.readiness import _KEYS

    listed = re.findall(r"^\| (`.*?) \|", PAGE.text, re.MULTILINE)
    named = {name for cell in listed for name in re.findall(r"`(\w+)`", cell)}
    assert named >= _KEYS.keys()
