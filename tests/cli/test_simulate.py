"""``dockwarden run --simulate``: what is printed, and that nothing is touched."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.campaign.persistence.results import RESULTS
from engine.campaign.runs.attempt_record import AttemptRecord
from engine.cli import main

COMPOSE = """
services:
  alpha: {image: none, depends_on: {made: {condition: service_completed_successfully}}}
  beta: {image: none}
  made: {image: none}
"""

CAMPAIGN = """
name: long
runtime: docker
pauses: {between_experiments: 1m}
backends:
  alpha: {restart_every: 2}
defaults: {timeout: 2h}
experiments:
  - {name: hour, backend: [alpha, beta], command: [train], repeat: 10, estimate: 1h}
  - {name: unknown, backend: beta, command: [eval]}
"""

Simulate = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "docker-compose.yml").write_text(COMPOSE)
    (tmp_path / "campaign.yml").write_text(CAMPAIGN)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")
    return tmp_path


@pytest.fixture
def simulate(folder: Path, capfd: pytest.CaptureFixture[str]) -> Simulate:
    def simulate(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exited:
            main(["run", str(folder / "campaign.yml"), *arguments])
        code = exited.value.code
        assert isinstance(code, int)
        return code, *capfd.readouterr()

    return simulate


def without_dates(told: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\d.\d\d:\d\d(:\d\d\.\d+)?", "DATE", told)


def test_it_says_how_long_it_takes_and_touches_nothing(folder: Path, simulate: Simulate) -> None:
    before = sorted(folder.rglob("*"))
    code, out, _ = simulate("--simulate")
    assert code == 0
    assert out.startswith("long: 21 completed, of 21, in 10 h 1")
    assert "nothing was started" in out
    assert (
        "alpha: 10 of 10 completed, 10 h 00 min in experiments, renewed 4 times on request" in out
    )
    assert "durations: 20 declared as their estimate, 1 taken to last 60 s each" in out
    assert sorted(folder.rglob("*")) == before


def test_it_is_data_too(simulate: Simulate) -> None:
    code, out, _ = simulate("--simulate", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["simulated"] is True
    assert told["counts"]["completed"] == told["total"] == 21
    assert 10 * 3600 + 10 * 60 < told["duration_s"] < 10 * 3600 + 20 * 60
    assert told["estimates"] == {"declared": 20, "recorded": 0, "default": 1}
    assert told["faults"] == {"rate": 0.0, "seed": 0, "struck": {}}


def test_the_same_seed_gives_the_same_course_and_another_one_another(simulate: Simulate) -> None:
    def struck(seed: int) -> str:
        return without_dates(simulate("--simulate", "--faults", "0.2", "--seed", str(seed))[1])

    assert struck(1) == struck(1)
    assert struck(1) != struck(2)


def test_faults_exhaust_backends_and_it_says_which(simulate: Simulate) -> None:
    code, out, _ = simulate("--simulate", "--faults", "0.9", "--json")
    told = json.loads(out)
    assert code == 1
    assert told["exhausted"] or told["error"]
    assert told["counts"]["completed"] < told["total"]
    assert sum(told["faults"]["struck"].values())


def test_what_an_earlier_run_took_is_taken_from_its_records(
    folder: Path, simulate: Simulate
) -> None:
    results = folder / "results" / "long" / "20260101T000000Z"
    results.mkdir(parents=True)
    now = datetime.now(UTC)
    record = AttemptRecord(
        campaign="long",
        experiment="unknown",
        run="beta-unknown",
        backend="beta",
        cycle=1,
        repeat=1,
        attempt=1,
        command=("eval",),
        ending="exited",
        exit_code=0,
        reason="",
        started_at=now,
        ended_at=now,
        duration_s=1800.0,
    )
    (results / RESULTS).write_text(record.to_json() + "\n")
    _, out, _ = simulate("--simulate", "--json")
    told = json.loads(out)
    assert told["estimates"] == {"declared": 20, "recorded": 1, "default": 0}
    assert told["estimates_from"] == str(results)
    assert told["duration_s"] > 10.5 * 3600


@pytest.mark.parametrize(
    "arguments", [("--faults", "0.1"), ("--seed", "3"), ("--simulate", "--dry-run")]
)
def test_what_does_not_go_together_is_refused(
    simulate: Simulate, arguments: tuple[str, ...]
) -> None:
    code, out, err = simulate(*arguments)
    assert (code, out) == (2, "")
    assert "--simulate" in err
