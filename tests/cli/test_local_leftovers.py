"""What a dead controller has left of local processes: ``status``, ``down`` and ``reap`` see it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.runtimes.process.backend import BACKEND
from engine.runtimes.process.tree import Identity, carriers

PATIENCE_S = 120.0
MAIN = "from engine.cli import main; main()"


@pytest.fixture
def campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A campaign on local processes, whose experiment says that it runs and goes on; there is no engine."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    os.mkfifo(tmp_path / "up")
    line = "env -i setsid sleep 1001 & setsid sleep 1002 & echo up >up; exec sleep 1003"
    experiment = {"name": "x", "backend": "alpha", "command": ["sh", "-c", line]}
    told = {"name": "left", "runtime": "process", "on_controller_exit": "keep"}
    compose = {"name": tmp_path.name.replace("_", "-"), "services": {"alpha": {"image": "none"}}}
    (tmp_path / "docker-compose.yml").write_text(json.dumps(compose))
    file = tmp_path / "campaign.yml"
    file.write_text(json.dumps({**told, "experiments": [experiment]}))
    return file


@pytest.fixture
def project(campaign: Path) -> str:
    name: str = json.loads(campaign.with_name("docker-compose.yml").read_text())["name"]
    return name


@pytest.fixture
def controller(campaign: Path, project: str) -> Iterator[subprocess.Popen[bytes]]:
    """A controller at work, with all that it has started."""
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, "run", "--quiet", campaign], stdout=subprocess.DEVNULL
    )
    campaign.with_name("up").read_text()
    yield process
    process.kill()
    process.communicate()
    dockwarden("down", campaign, "--force")
    assert not running(project)


def running(project: str) -> set[Identity]:
    found = carriers(BACKEND).items()
    return {process for process, mark in found if mark[BACKEND].startswith(f"{project}/")}


def dockwarden(*arguments: str | Path) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_what_runs_is_listed_and_left_alone(
    controller: subprocess.Popen[bytes], campaign: Path, project: str
) -> None:
    before = running(project)  # perhaps with one that is just about to end
    _, out, err = dockwarden("status", campaign)
    told = rf"processes alpha: (\d+) running, project {project}, of process"
    (count,) = map(int, re.findall(told, out))
    assert len(before) >= count >= 3
    assert f"process {controller.pid} on" in out
    assert "(running)" in out
    assert "no Docker engine answers" in err
    code, _, err = dockwarden("down", campaign)
    assert (code, f"processes alpha of process {controller.pid}" in err) == (2, True)
    _, out, _ = dockwarden("reap")
    assert f"left alone: processes alpha (project {project}) belongs to process" in out
    assert running(project) <= before
    assert len(running(project)) == count


@pytest.mark.parametrize("command", ["down", "reap"])
def test_what_a_dead_controller_left_is_listed_and_ended(
    controller: subprocess.Popen[bytes], campaign: Path, project: str, command: str
) -> None:
    controller.kill()
    controller.communicate()
    assert running(project)
    _, out, _ = dockwarden("status", campaign)
    assert "(gone; dockwarden down removes what it left)" in out
    _, out, _ = dockwarden("reap", "--dry-run")
    assert f"would remove processes alpha (project {project}), which process" in out
    assert running(project)
    code, out, err = dockwarden(command, *([campaign] if command == "down" else []))
    assert "removed processes alpha" in out
    assert (code, "no Docker engine answers" in err) == (2, True)  # the engine could not be asked
    assert not running(project)


def test_the_next_controller_ends_it_before_it_begins_again(
    controller: subprocess.Popen[bytes], campaign: Path, project: str
) -> None:
    before = running(project)
    controller.kill()
    controller.communicate()
    again = subprocess.Popen(
        [sys.executable, "-c", MAIN, "run", "--quiet", campaign], stdout=subprocess.DEVNULL
    )
    try:
        campaign.with_name("up").read_text()
        assert not [process for process in before if process.runs()]
        assert running(project)
    finally:
        again.terminate()
        again.communicate()


def test_what_another_user_started_is_not_ours(
    controller: subprocess.Popen[bytes],
    project: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    controller.kill()
    controller.communicate()
    with monkeypatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
        assert "processes alpha" not in dockwarden("reap")[1]
    assert running(project)
