"""Metrics and artifacts of real containers: of any user, on any engine, after any end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from engine import ContainerManager, Ending
from engine.model.measurements import Declared, MetricPattern, MetricsFile
from engine.model.results import Ended
from engine.runtimes.docker.daemon.client import connect
from tests.lab import BASE_IMAGE, Engine
from tests.lab.elsewhere import behind_tcp, hidden_from_engine

pytestmark = pytest.mark.docker

PROJECT = f"dockwarden-measurements-{os.getpid()}"

LABEL = {"label": f"com.docker.compose.project={PROJECT}"}

HANDS_BACK = """
umask 077
echo '{"rate": {"value": 7, "unit": "1/s"}}' > "$DOCKWARDEN_METRICS"
mkdir "$DOCKWARDEN_ARTIFACTS/deep"
echo own > "$DOCKWARDEN_ARTIFACTS/deep/own"
mkdir -p /tmp/out/deep
echo '{"latency": 3}' > /tmp/out/deep/result.json
ln -s /etc/passwd /tmp/out/link.json
mkfifo /tmp/out/pipe.json
truncate -s 1T /tmp/out/zz-endless.json
echo 'loss 2.5'
"""

MEASURE = Declared(
    {"loss": MetricPattern("loss (.*)")},
    (MetricsFile("/tmp/out/deep/*.json"),),
    ("/tmp/out/**/*.json",),
    max_artifacts_bytes=2**20,
)

Make = Callable[..., ContainerManager]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def make(**service: Any) -> ContainerManager:
        file = tmp_path / "docker-compose.yml"
        described = {"image": BASE_IMAGE, "stop_grace_period": "1s", **service}
        file.write_text(json.dumps({"name": PROJECT, "services": {"alpha": described}}))
        return ContainerManager(file, runtime="docker", output_dir=tmp_path / "output")

    return make


@pytest.fixture(params=["here", "elsewhere"])
def engine_anywhere(
    request: pytest.FixtureRequest,
    engine: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    """An engine that sees this machine's files, and one that does not."""
    with ExitStack() as stack:
        if request.param == "elsewhere":
            (tmp_path / "output").mkdir()
            stack.enter_context(hidden_from_engine(tmp_path / "output"))
            monkeypatch.setenv("DOCKER_HOST", stack.enter_context(behind_tcp(engine)))
        yield


def collected(ended: Ended) -> dict[str, str]:
    folder = ended.artifacts
    return {
        str(one.relative_to(folder)): one.read_text() for one in folder.rglob("*") if one.is_file()
    }


@pytest.mark.usefixtures("engine_anywhere")
@pytest.mark.parametrize("user", ["0:0", "12345:12345"])
def test_any_user_under_any_umask(make: Make, user: str) -> None:
    with make(user=user) as manager:
        manager.start_services(["alpha"])
        ended = manager.execute("alpha", ["sh", "-c", HANDS_BACK], measure=MEASURE)
        assert (ended.ending, ended.exit_code) == (Ending.EXITED, 0), ended
        assert ended.metrics == {"rate": 7.0, "latency": 3.0, "loss": 2.5}
        assert ended.measurements.units == {"rate": "1/s"}
        assert collected(ended) == {
            "deep/own": "own\n",
            "tmp/out/deep/result.json": '{"latency": 3}\n',
        }
        warnings = " ".join(ended.measurements.warnings)
        for name in ("link.json", "pipe.json", "endless.json"):
            assert name in warnings, warnings
        after = manager.execute("alpha", ["true"])
        assert (after.metrics, collected(after)) == ({}, {})


WAITS = 'echo 1 > "$DOCKWARDEN_ARTIFACTS/kept"; echo 2 > /tmp/fetched; echo ready; exec sleep 300'
FETCHED = Declared(artifacts=("/tmp/fetched",))


@pytest.mark.usefixtures("engine_anywhere")
class TestHoweverItEnds:
    def test_at_its_time_limit(self, make: Make) -> None:
        with make() as manager:
            manager.start_services(["alpha"])
            ended = manager.execute("alpha", ["sh", "-c", WAITS], timeout_s=2, measure=FETCHED)
            assert ended.ending is Ending.TIMEOUT
            assert collected(ended) == {"kept": "1\n", "tmp/fetched": "2\n"}

    def test_by_a_teardown(self, make: Make, tmp_path: Path) -> None:
        found: list[Ended] = []
        with make() as manager:
            manager.start_services(["alpha"])

            def runs() -> None:
                found.append(manager.execute("alpha", ["sh", "-c", WAITS], measure=FETCHED))

            command = threading.Thread(target=runs)
            command.start()
            written_to(tmp_path / "output", "ready")
            manager.teardown()
            command.join()
        assert found[0].ending is Ending.INTERRUPTED
        assert collected(found[0]) == {"kept": "1\n", "tmp/fetched": "2\n"}


def written_to(output: Path, word: str, file: str = "stdout") -> None:
    """Wait until a command has written a word."""
    pause = threading.Event()
    while not any(
        word in one.read_text(errors="replace") for one in output.glob(f".spool/*/*/{file}")
    ):
        pause.wait(0.05)


@pytest.mark.usefixtures("engine")
def test_a_container_that_was_killed_under_it(make: Make, tmp_path: Path) -> None:
    found: list[Ended] = []
    with make() as manager:
        manager.start_services(["alpha"])

        def runs() -> None:
            found.append(manager.execute("alpha", ["sh", "-c", WAITS], measure=FETCHED))

        command = threading.Thread(target=runs)
        command.start()
        written_to(tmp_path / "output", "ready")
        client = connect()
        (container,) = client.containers(filters=LABEL)
        client.kill(container["Id"])
        client.close()
        command.join()
    assert found[0].ending is Ending.LOST
    assert collected(found[0])["kept"] == "1\n"


OUTLIVES = """
echo '{"n": 4}' > "$DOCKWARDEN_METRICS"
echo 2 > /tmp/fetched
echo ready
while ! test -e /tmp/go; do sleep 0.1; done
"""


RUN = [sys.executable, "-m", "dockwarden", "run", "campaign.yml", "--runtime", "docker"]


@pytest.mark.usefixtures("engine")
class TestAnAttemptWhoseControllerDied:
    def test_it_is_seen_to_its_end_by_the_next_one(self, tmp_path: Path) -> None:
        results = abandoned(tmp_path)
        with subprocess.Popen(RUN, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as again:
            assert again.stdout is not None
            assert any("re-attached" in line for line in again.stdout)
            go_on()
            again.communicate()
        record = only(results)
        assert (record["ending"], record["metrics"]) == ("exited", {"n": 4.0})
        assert [one["path"] for one in record["artifacts"]] == [
            "alpha/alpha-x/attempt-1/artifacts/tmp/fetched"
        ]

    def test_it_ended_before_there_was_another(self, tmp_path: Path) -> None:
        results = abandoned(tmp_path)
        go_on()
        written_to(results, "0", "exit_code")
        subprocess.run(RUN, cwd=tmp_path, capture_output=True, check=True)
        record = only(results)
        assert (record["ending"], record["metrics"]) == ("exited", {"n": 4.0})
        assert record["artifacts"] == []
        assert "its container was not there any more" in record["warnings"][0]


def abandoned(folder: Path) -> Path:
    """Kill a controller under an experiment that goes on; return the folder of its results."""
    compose = {"name": PROJECT, "services": {"alpha": {"image": BASE_IMAGE}}}
    (folder / "docker-compose.yml").write_text(json.dumps(compose))
    command = ["sh", "-c", OUTLIVES]
    experiment = {"name": "x", "backend": "alpha", "command": command, "artifacts": "/tmp/fetched"}
    campaign = {"name": "test", "on_controller_exit": "keep", "experiments": [experiment]}
    (folder / "campaign.yml").write_text(json.dumps(campaign))
    quiet = subprocess.DEVNULL
    first = subprocess.Popen(RUN, cwd=folder, stdout=quiet, stderr=quiet)
    latest, pause = folder / "results" / "test" / "latest", threading.Event()
    while not latest.exists():
        pause.wait(0.05)
    written_to(latest.resolve(), "ready")
    first.kill()
    first.wait()
    return latest.resolve()


def go_on() -> None:
    """Let the experiment end."""
    client = connect()
    (found,) = client.containers(filters=LABEL)
    client.exec_start(client.exec_create(found["Id"], ["touch", "/tmp/go"])["Id"])
    client.close()


def only(results: Path) -> dict[str, Any]:
    (line,) = (results / "results.jsonl").read_text().splitlines()
    record: dict[str, Any] = json.loads(line)
    return record
