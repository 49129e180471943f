"""Containers of a run's own, and with other parameters, on a real engine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker.api import APIClient

from engine.runtimes.docker.daemon.client import connect
from tests.lab import BASE_IMAGE, Engine

pytestmark = [
    pytest.mark.docker,
    pytest.mark.parametrize("runtime", ["docker", pytest.param("compose", marks=pytest.mark.long)]),
]

PROJECT = "dockwarden-containers"
SERVE = 'test "$1" != --bad || { echo "no such option $1"; exit 2; }; exec sleep infinity'


@pytest.fixture
def client(engine: Engine) -> Iterator[APIClient]:
    """A client; in the end no resource is left on the engine."""
    client = connect()
    yield client
    filters = {"label": f"com.docker.compose.project={PROJECT}"}
    assert client.containers(all=True, filters=filters) == []
    client.close()


def run(folder: Path, runtime: str, *experiments: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Run a campaign on a server and what it depends on; the exit code and the summary."""
    quick = {"image": BASE_IMAGE, "stop_grace_period": "0s"}
    server = {
        **quick,
        "entrypoint": ["sh", "-c", SERVE, "serve"],
        "command": ["--good"],
        "environment": {"LIMIT": "8"},
        "depends_on": ["store"],
    }
    services = {"server": server, "store": {**quick, "command": ["sleep", "infinity"]}}
    (folder / "docker-compose.yml").write_text(json.dumps({"name": PROJECT, "services": services}))
    each = [{"backend": "server", **one} for one in experiments]
    campaign = {"name": "test", "runtime": runtime, "experiments": each, "grace": "1s"}
    (folder / "campaign.yml").write_text(json.dumps(campaign))
    done = subprocess.run(
        [sys.executable, "-m", "dockwarden", "run", str(folder / "campaign.yml"), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)


def records(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "results/test/latest/results.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def lines(folder: Path) -> list[list[str]]:
    return [one["stdout_lines"] for one in records(folder)]


def test_files_stay_through_restarts_and_go_with_their_container(
    tmp_path: Path, client: APIClient, runtime: str
) -> None:
    seen = "ls /mark 2>/dev/null || echo none; touch /mark"
    code, _ = run(
        tmp_path,
        runtime,
        *(
            {"name": isolation, "command": ["sh", "-c", seen], "isolation": isolation, "repeat": 2}
            for isolation in ("restart", "recreate")
        ),
    )
    assert code == 0
    assert lines(tmp_path) == [["none"], ["/mark"], ["none"], ["none"]]
    assert [one["isolation"] for one in records(tmp_path)] == ["restart"] * 2 + ["recreate"] * 2
    assert len({one["container_id"] for one in records(tmp_path)}) == 3


def test_the_server_of_a_run_has_the_parameters_that_it_asks_for(
    tmp_path: Path, client: APIClient, runtime: str
) -> None:
    shows = ["sh", "-c", 'echo "$LIMIT"']
    code, _ = run(
        tmp_path,
        runtime,
        {"name": "as-written", "command": shows},
        {"name": "limit", "command": shows, "service_env": {"LIMIT": "16"}},
        {"name": "again", "command": shows, "service_env": {"LIMIT": "16"}},
    )
    assert code == 0
    assert lines(tmp_path) == [["8"], ["16"], ["16"]]
    assert [one["generation"] for one in records(tmp_path)] == [1, 2, 2]
    assert all(one["started_in_s"] > 0 for one in records(tmp_path))


def test_a_bad_option_costs_the_other_runs_nothing(
    tmp_path: Path, client: APIClient, runtime: str
) -> None:
    done = ["true"]
    code, summary = run(
        tmp_path,
        runtime,
        {"name": "bad", "command": done, "service_command": ["--bad"], "repeat": 2},
        {"name": "good", "command": done, "service_command": ["--good", "1"]},
        {"name": "as-written", "command": done},
    )
    assert code == 1
    states = {one["run"]: one["state"] for one in summary["runs"]}
    assert states == {
        "server-bad-r1": "skipped",
        "server-bad-r2": "skipped",
        "server-good": "completed",
        "server-as-written": "completed",
    }
    (reason, _) = [one["reason"] for one in summary["runs"] if one["state"] == "skipped"]
    assert reason.startswith("with command --bad, ")
    log = Path(summary["results"]) / reason.rpartition("see ")[2]
    assert "no such option --bad" in log.read_text()
