"""A start that is refused leaves nothing: no folder of results, and ``latest`` leads where it led."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.lab import BASE_IMAGE

ROOT = Path(__file__).parents[2]
RUN = "from engine.cli import main; main()"

Campaign = Callable[..., Path]


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    def campaign(service: dict[str, Any] | None = None, **more: Any) -> Path:
        services = {"alpha": {"stop_grace_period": "0s", **(service or {"image": "none"})}}
        compose = {"name": "dockwarden-refused", "services": services}
        (tmp_path / "docker-compose.yml").write_text(json.dumps(compose))
        experiments = [{"name": "x", "backend": "alpha", "command": ["true"]}]
        told = {"name": "c", "runtime": "process", "experiments": experiments, **more}
        file = tmp_path / "campaign.yml"
        file.write_text(json.dumps(told))
        return file

    return campaign


def dockwarden(*arguments: object, code: str = RUN, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stdout
    return done.returncode, done.stdout


def entries(folder: Path) -> dict[str, str]:
    """All below a folder, and where links lead."""
    return {
        str(one.relative_to(folder)): str(one.readlink()) if one.is_symlink() else ""
        for one in folder.rglob("*")
    }


NOT_THERE = {"image": "none", "command": ["no-such-program"]}
WITHOUT = "import sys; sys.modules['{}'] = None; " + RUN
GONE = "unix:///nowhere/docker.sock"

REFUSALS: dict[str, dict[str, Any]] = {
    "no engine answers": {"runtime": "docker"},
    "a program that is not there": {"service": NOT_THERE},
    "no package for metrics": {
        "options": ("--metrics", "0"),
        "code": WITHOUT.format("prometheus_client"),
    },
    "no package for compose": {"runtime": "compose", "code": WITHOUT.format("python_on_whales")},
    "an engine by SSH without its package": {
        "runtime": "docker",
        "code": "import importlib.util as u; find = u.find_spec;"
        "u.find_spec = lambda name, *more: None if name == 'paramiko' else find(name, *more); "
        + RUN,
        "host": "ssh://nobody.invalid",
        "said": "pip install 'dockwarden[ssh]'",
    },
    "auto without the engine that is named": {"runtime": "auto"},
    "an unknown runtime": {"options": ("--runtime", "podman")},
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
class TestARefusedStart:
    def refused(self, campaign: Campaign, refusal: dict[str, Any]) -> None:
        file = campaign(refusal.get("service"), runtime=refusal.get("runtime", "process"))
        told = refusal.get("code", RUN), refusal.get("host", GONE)
        code, said = dockwarden(
            "run", file, *refusal.get("options", ()), code=told[0], DOCKER_HOST=told[1]
        )
        assert code == 2, said
        assert refusal.get("said", "") in said

    def test_makes_no_folder(
        self, campaign: Campaign, tmp_path: Path, refusal: dict[str, Any]
    ) -> None:
        self.refused(campaign, refusal)
        assert not (tmp_path / "results").exists()

    def test_leaves_the_newest_run_the_newest(
        self, campaign: Campaign, tmp_path: Path, refusal: dict[str, Any]
    ) -> None:
        code, said = dockwarden("run", campaign())
        assert code == 0, said
        before = entries(tmp_path / "results")
        self.refused(campaign, refusal)
        assert entries(tmp_path / "results") == before


def test_a_port_that_is_taken_refuses_the_start(campaign: Campaign, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, said = dockwarden("run", campaign(), "--metrics", taken.getsockname()[1])
    assert code == 2
    assert "metrics cannot be served" in said
    assert not (tmp_path / "results").exists()


@pytest.mark.docker
@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("runtime", ["docker", "compose"])
class TestOnAnEngine:
    def test_a_build_that_fails_refuses_the_start(
        self, campaign: Campaign, tmp_path: Path, runtime: str
    ) -> None:
        (tmp_path / "Dockerfile").write_text(f"FROM {BASE_IMAGE}\nRUN exit 3\n")
        code, said = dockwarden("run", campaign({"build": str(tmp_path)}, runtime=runtime))
        assert code == 2, said
        assert not (tmp_path / "results").exists()

    def test_a_colon_in_the_path_of_results_is_no_obstacle(
        self, campaign: Campaign, tmp_path: Path, runtime: str
    ) -> None:
        results = tmp_path / "at 10:15:00"
        file = campaign({"image": BASE_IMAGE}, runtime=runtime)
        code, said = dockwarden("run", file, "--results", results)
        assert code == 0, said
        assert [*results.glob("latest/results.jsonl")]


def test_a_journal_that_another_process_writes_stays_as_it_is(
    campaign: Campaign, tmp_path: Path
) -> None:
    wait = ["sh", "-c", "echo up; exec sleep 600"]
    experiments = [{"name": "x", "backend": "alpha", "command": wait}]
    file = campaign(experiments=experiments)
    first = subprocess.Popen(
        [sys.executable, "-c", RUN, "run", str(file)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert first.stdout is not None
    while "started" not in first.stdout.readline():
        assert first.poll() is None
    names = {*(tmp_path / "results/c").iterdir()}
    for options in ((), ("--fresh",)):
        code, said = dockwarden("run", file, *options)
        assert code == 2, said
    assert {*(tmp_path / "results/c").iterdir()} == names
    first.send_signal(signal.SIGINT)
    first.communicate()


# A reader that goes


COMMANDS: dict[str, tuple[str, ...]] = {
    "run": ("run", "{campaign}"),
    "dry run": ("run", "{campaign}", "--dry-run"),
    "simulate": ("run", "{campaign}", "--simulate"),
    "history": ("history", "{results}"),
    "watch": ("watch", "{results}", "--once"),
    "report": ("report", "{results}", "--format", "csv"),
    "diagram": ("diagram",),
    "verify": ("verify", "--backends", "1"),
    "completion": ("completion", "bash"),
    "doctor": ("doctor",),
    "status": ("status",),
    "reap": ("reap", "--dry-run"),
    "help": ("--help",),
}


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("closed", ["stdout", "stderr", "both"])
def test_no_command_has_a_traceback_when_its_reader_goes(
    campaign: Campaign, tmp_path: Path, arguments: tuple[str, ...], closed: str
) -> None:
    file = campaign()
    assert dockwarden("run", file, "--fresh", "--quiet")[0] == 0
    known = {"campaign": str(file), "results": str(tmp_path / "results/c")}
    read, written = os.pipe()
    os.close(read)  # who read it has gone before the first word
    left = tmp_path / "left"
    with left.open("wb") as elsewhere:
        process = subprocess.run(
            [sys.executable, "-c", RUN, *(one.format(**known) for one in arguments)],
            cwd=ROOT,
            env={**os.environ, "DOCKER_HOST": GONE},
            stdout=elsewhere if closed == "stderr" else written,
            stderr=elsewhere if closed == "stdout" else written,
            check=False,
        )
    os.close(written)
    assert process.returncode in {0, 1, 2, 141}
    assert "Traceback" not in left.read_text()
    assert "Exception ignored" not in left.read_text()
