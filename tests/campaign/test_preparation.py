"""Commands around experiments and backends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from engine.campaign.events import AttemptStarted, Event
from engine.campaign.model import Experiment, Isolation, Refresh
from engine.cli import main
from engine.errors import ContainerLost
from engine.model.results import Transition
from engine.policy import BackendPolicy, RestartPolicy, RetryPolicy
from tests.campaign.stage import Stage

Run = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def run(tmp_path: Path, log: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs x and y on the backend a; every command notes its name, and does what it is asked to."""

    def command(name: str, then: str = "true") -> list[str]:
        return ["sh", "-c", f"echo {name} >> {log}; {then}"]

    def run(
        experiment: dict[str, Any], backend: dict[str, Any], **more: Any
    ) -> tuple[int, dict[str, Any], str]:
        (tmp_path / "docker-compose.yml").write_text("services: {a: {image: none}}\n")
        around = {name: command(name, then) for name, then in experiment.items()}
        campaign = {
            "name": "around",
            "runtime": "process",
            "backends": {"a": {name: command(f"a-{name}", then) for name, then in backend.items()}},
            "experiments": [
                {"name": name, "backend": "a", "command": command(name), **around} for name in "xy"
            ],
            **more,
        }
        (tmp_path / "campaign.yml").write_text(json.dumps(campaign))
        with pytest.raises(SystemExit) as exited:
            main(["run", str(tmp_path / "campaign.yml")])
        _, err = capfd.readouterr()
        assert isinstance(exited.value.code, int)
        summary = tmp_path / "results" / "around" / "latest" / "summary.json"
        return exited.value.code, json.loads(summary.read_text()), err

    return run


def records(tmp_path: Path) -> list[dict[str, Any]]:
    written = tmp_path / "results" / "around" / "latest" / "results.jsonl"
    return [json.loads(line) for line in written.read_text().splitlines()]


def test_each_runs_where_it_belongs(run: Run, log: Path) -> None:
    code, _, _ = run({"setup": "true", "teardown": "true"}, {"setup": "true", "teardown": "true"})
    assert code == 0
    one = ["setup", "x", "teardown"]
    assert log.read_text().split() == ["a-setup", *one, "setup", "y", "teardown", "a-teardown"]


def test_a_backend_is_prepared_after_each_of_its_starts(run: Run, log: Path) -> None:
    run({}, {"setup": "true"}, defaults={"cold_start": True})
    assert log.read_text().split() == ["a-setup", "x", "a-setup", "y"]


def test_an_attempt_whose_setup_fails_does_not_start(run: Run, log: Path, tmp_path: Path) -> None:
    code, summary, _ = run({"setup": "echo no disk >&2; exit 3", "teardown": "true"}, {})
    assert code == 1
    assert log.read_text().split() == ["setup", "teardown"] * 2
    said = "its setup failed: exit code 3; see a/a-x/attempt-1-setup"
    assert [summary["runs"][0][key] for key in ("state", "reason")] == ["failed", said]
    assert records(tmp_path)[0]["ending"] == "unstarted"
    written = tmp_path / "results" / "around" / "latest" / "a" / "a-x" / "attempt-1-setup"
    assert (written / "stderr").read_text() == "no disk\n"


def test_a_teardown_that_fails_is_a_warning(run: Run, tmp_path: Path) -> None:
    code, _, _ = run({"teardown": "exit 4"}, {})
    assert code == 0
    said = "its teardown failed: exit code 4; see a/a-x/attempt-1-teardown"
    assert records(tmp_path)[0]["warnings"] == [said]


def test_a_backend_whose_setup_fails_takes_nothing(run: Run, log: Path) -> None:
    code, summary, err = run({}, {"setup": "exit 5", "teardown": "true"})
    assert code == 2
    assert "its setup failed: exit code 5" in err
    assert {one["state"] for one in summary["runs"]} == {"skipped"}
    assert summary["runs"][0]["reason"] == "its setup failed: exit code 5; see a/_setup/1"
    assert log.read_text().split() == ["a-setup", "a-teardown"]


def test_a_backend_whose_teardown_fails_is_stopped_all_the_same(run: Run) -> None:
    code, _, err = run({}, {"teardown": "exit 6"})
    assert code == 0
    assert "a: its teardown failed: exit code 6; see a/_teardown/1" in err


# What counts among the commands since a restart


@pytest.fixture
def around(stage: Stage) -> Stage:
    """Runs x and y on alpha, each with a setup and a teardown; so has alpha."""
    stage.change(
        experiments=tuple(
            Experiment(name, ("alpha",), ("run", name), setup=("prepare",), teardown=("clear",))
            for name in "xy"
        ),
        setups={"alpha": ("prepare-backend",)},
        teardowns={"alpha": ("clear-backend",)},
        retry=RetryPolicy(1),
    )
    return stage


def ran(stage: Stage) -> list[str]:
    """The ids of all commands, in order."""
    return [request.id for request in stage.fake.requests]


def restarts(stage: Stage) -> list[str]:
    taken = [event for event in stage.events if isinstance(event, Transition)]
    return [one.reason for one in taken if one.action == "relaunch"]


def test_only_attempts_count_towards_the_next_restart(around: Stage) -> None:
    around.change(refresh={"alpha": Refresh(every=2)}, cycles=2)
    assert set(around.run().values()) == {"completed"}
    assert [record["since_restart"] for record in around.records] == [0, 1, 0, 1]
    assert restarts(around) == ["2 experiments since its last start"]


def test_a_container_that_a_setup_ran_in_is_a_used_one(around: Stage) -> None:
    around.change(
        experiments=tuple(
            evolve(one, isolation=isolation)
            for one, isolation in zip(
                around.campaign.experiments, (Isolation.REUSE, Isolation.RESTART), strict=True
            )
        )
    )
    around.fake.will("execute", "alpha", 0, 3)  # of the backend, and of x
    assert around.run() == {"alpha-x": "failed", "alpha-y": "completed"}
    assert restarts(around) == ["a cold start"]


# A teardown after what was cut short


def test_a_teardown_follows_a_lost_container_once_there_is_one_again(around: Stage) -> None:
    around.fake.will("execute", "alpha", 0, 0, ContainerLost("alpha", "it went away"))
    assert around.run() == {"alpha-x": "lost", "alpha-y": "completed"}
    assert ran(around)[2:4] == ["alpha-x.1", "alpha-x.1.teardown"]
    assert around.records[0]["warnings"] == []


def test_a_teardown_that_no_container_is_left_for_is_a_warning(around: Stage) -> None:
    around.change(policies={"alpha": BackendPolicy(restart=RestartPolicy(max_restarts=0))})
    around.fake.will("execute", "alpha", 0, 0, ContainerLost("alpha", "it went away"))
    assert around.run()["alpha-x"] == "lost"
    (warning,) = around.records[0]["warnings"]
    assert warning.startswith("its teardown did not run: ")
    assert "alpha-x.1.teardown" not in ran(around)


def test_no_teardown_follows_what_the_end_of_the_campaign_cut_short(around: Stage) -> None:
    def interrupt(event: Event) -> None:
        if isinstance(event, AttemptStarted):
            around.fake.will("execute", "alpha", 0, asyncio.Future[int]())
            asyncio.get_running_loop().call_later(1, around.runner.interrupt)

    around.run(on_event=interrupt)
    record = around.records[0]
    assert record["ending"] == "interrupted"
    assert record["warnings"] == ["its teardown did not run: the campaign is being ended"]


def test_a_teardown_follows_what_ran_into_its_time_limit(around: Stage) -> None:
    around.change(
        experiments=tuple(evolve(one, timeout_s=5.0) for one in around.campaign.experiments)
    )

    def hang(event: Event) -> None:
        if isinstance(event, AttemptStarted) and event.run.id == "alpha-x":
            around.fake.will("execute", "alpha", 0, asyncio.Future[int]())

    assert around.run(on_event=hang) == {"alpha-x": "failed", "alpha-y": "completed"}
    assert around.records[0]["ending"] == "timeout"
    assert ran(around)[2:4] == ["alpha-x.1", "alpha-x.1.teardown"]
    assert around.records[0]["warnings"] == []
