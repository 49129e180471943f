"""The example of a server and its client: outcomes are right under every fault of the server."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.lab import BASE_IMAGE

EXAMPLE = Path(__file__).parents[2] / "examples" / "serving"
RUNTIMES = [
    "process",
    pytest.param("docker", marks=pytest.mark.docker),
    pytest.param("compose", marks=[pytest.mark.docker, pytest.mark.long]),
]

FAULT = """
import os, sys, time
from urllib.request import urlopen

fault, once = sys.argv[1:]
if os.path.exists(once):
    sys.exit()
open(once, "w").close()
try:
    urlopen(f"{os.environ['SERVER']}/fault/{fault}", timeout=50)
except OSError:
    pass
if fault == "exit":
    time.sleep(600)  # its server is gone, and so is its measurement
sys.exit("the server does not answer")
"""


class Folder:
    """A copy of the example, with other campaigns."""

    def __init__(self, path: Path, runtime: str) -> None:
        self.path, self.runtime = path, runtime
        path.chmod(0o755)
        (path / "fault.py").write_text(FAULT)
        self.port = "8765"
        if runtime == "process":  # which shares its ports with other tests
            with socket.socket() as free:
                free.bind(("", 0))
                self.port = str(free.getsockname()[1])
        for name in ("docker-compose.yml", "campaign.yml", "server.py", "client.py"):
            file = path / name
            text = file.read_text().replace("8765", self.port)
            file.write_text(text.replace("interval: 30s", "interval: 1s"))

    def run(
        self, campaign: str = "campaign.yml", exit_code: int = 0
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Run a campaign; its records and its summary."""
        here = self.runtime == "process"
        environment = {
            **os.environ,
            "PYTHON_IMAGE": BASE_IMAGE,
            "SERVER_HOST": "localhost" if here else "server",
        }
        command = [sys.executable, "-m", "dockwarden", "run", campaign, "--runtime", self.runtime]
        done = subprocess.run(
            [*command, "--json"],
            cwd=self.path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == exit_code, done.stdout + done.stderr
        results = self.path / "results" / "serving" / "latest" / "results.jsonl"
        return [json.loads(line) for line in results.read_text().splitlines()], json.loads(
            done.stdout
        )

    def write(self, fault: str) -> None:
        """A campaign whose first attempt makes the server fail, and whose second one finds it well."""
        once = str(self.path / "once") if self.runtime == "process" else "/tmp/once"
        campaign = {
            "name": "serving",
            "compose_file": "docker-compose.yml",
            "retry": {"max_attempts": 3, "on": ["lost"]},
            "experiments": [
                {
                    "name": "measured",
                    "backend": "client",
                    "targets": "server",
                    "command": ["python3", "fault.py", fault, once],
                    "timeout": "1m",
                }
            ],
            "backends": {"server": {"backoff": "0s", "ready": {"tcp": int(self.port)}}},
        }
        (self.path / "fault.yml").write_text(json.dumps(campaign))


@pytest.fixture(params=RUNTIMES)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    if request.param != "process":
        request.getfixturevalue("engine")
    path = tmp_path / f"serving-{os.getpid()}"
    shutil.copytree(EXAMPLE, path, ignore=shutil.ignore_patterns("results"))
    return Folder(path, request.param)


def told_of(summary: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (one for one in summary["backends"] if one["name"] == name)
    return dict(found)


def test_the_example_measures_a_server_that_is_left_alone(folder: Folder) -> None:
    records, summary = folder.run()
    assert len(records) == 6
    for record in records:
        assert record["ending"] == "exited"
        assert record["metrics"]["tokens_per_s"] > 0
        assert record["health_checks"] == 0
        assert [(one["backend"], one["generation"]) for one in record["targets"]] == [("server", 1)]
    assert told_of(summary, "server")["restarts"] == 0


def test_what_is_measured_when_the_server_dies_is_lost_and_measured_again(folder: Folder) -> None:
    folder.write("exit")
    (lost, measured), summary = folder.run("fault.yml")
    assert lost["ending"] == "lost"
    assert lost["reason"].startswith("server, which it measures, was lost: ")
    assert "3" in lost["reason"]
    assert measured["ending"] == "exited"
    assert (measured["generation"], measured["targets"][0]["generation"]) == (1, 2)
    assert told_of(summary, "server")["restarts"] == 1
    assert told_of(summary, "client")["restarts"] == 0


def test_what_fails_because_the_server_hangs_is_lost_and_measured_again(folder: Folder) -> None:
    folder.write("hang")
    (lost, measured), summary = folder.run("fault.yml")
    assert (lost["ending"], lost["exit_code"]) == ("lost", 1)
    assert lost["reason"].startswith("server, which it measures, was at fault: its health check")
    assert measured["targets"][0]["generation"] == 2
    assert told_of(summary, "server")["restarts"] == 1


def test_a_server_that_loads_for_long_is_waited_for(folder: Folder) -> None:
    compose = folder.path / "docker-compose.yml"
    slow = compose.read_text().replace('{ MAX_NUM_SEQS: "2" }', '{ LOAD_S: "3" }')
    compose.write_text(slow.replace("interval: 1s", "interval: 30s"))
    records, summary = folder.run()
    assert {record["ending"] for record in records} == {"exited"}
    assert told_of(summary, "server")["restarts"] == 0
