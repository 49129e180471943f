"""An image build that is cut short, by Ctrl+C or since the controller is killed, ends, and leaves nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from docker.api import APIClient

from engine.runtimes.compose.detached import main as detached
from engine.runtimes.compose.handles import lifeline, unlinked
from engine.runtimes.docker.daemon.client import connect
from tests.lab import BASE_IMAGE, Engine

PROJECT = f"dockwarden-cut-short-{os.getpid()}"
LONG_S = 600.0
"""How long the build takes by itself: longer than a test may."""


def begin(*arguments: str | Path, temporary: Path | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", "from engine.cli import main; main()", *map(str, arguments)],
        env={**os.environ, "TMPDIR": str(temporary or tempfile.gettempdir())},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def client(engine: Engine) -> Iterator[APIClient]:
    with closing(connect()) as client:
        yield client


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    """A campaign whose backend's image is built by a step that does not end."""
    (tmp_path / "Dockerfile").write_text(f"FROM {BASE_IMAGE}\nRUN sleep {LONG_S:g}\n")
    compose = {"name": PROJECT, "services": {"alpha": {"build": "."}}}
    (tmp_path / "docker-compose.yml").write_text(json.dumps(compose))
    experiments = [{"name": "x", "backend": "alpha", "command": ["true"]}]
    file = tmp_path / "campaign.yml"
    file.write_text(json.dumps({"name": "cut", "experiments": experiments}))
    return file


def building(client: APIClient, act: Callable[[], Any]) -> tuple[Any, Iterator[Any], str]:
    """Do something, and wait until a build's step runs; its container, and the events from then on."""
    events = client.events(decode=True, filters={"type": "container"})
    done = act()
    for event in events:
        if event["Action"] == "start":
            found = client.inspect_container(event["id"])
            if f"sleep {LONG_S:g}" in " ".join(found["Config"]["Cmd"] or ()):
                return done, events, event["id"]
    raise AssertionError("the events do not end")


def see_gone(events: Iterator[Any], container_id: str) -> None:
    """Wait until the step's container has ended."""
    for event in events:
        if event["id"] == container_id and event["Action"] in {"die", "destroy"}:
            return


def children(pid: int) -> list[int]:
    return [*map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


@pytest.mark.docker
@pytest.mark.parametrize("runtime", ["docker", "compose"])
class TestABuild:
    def test_ends_with_ctrl_c(self, client: APIClient, campaign: Path, runtime: str) -> None:
        run, events, step = building(client, lambda: begin("run", campaign, "--runtime", runtime))
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=60)
        assert (run.returncode, "Traceback" in err) == (130, False), err
        see_gone(events, step)

    def test_ends_with_a_controller_that_is_killed_along_with_its_watchdog(
        self, client: APIClient, campaign: Path, runtime: str
    ) -> None:
        (temporary := campaign.parent / "temporary").mkdir()
        command = partial(begin, "run", campaign, "--runtime", runtime, temporary=temporary)
        run, events, step = building(client, command)
        for child in children(run.pid):
            if b"engine.watchdog" in Path(f"/proc/{child}/cmdline").read_bytes():
                os.kill(child, signal.SIGKILL)
        run.kill()
        run.communicate()
        see_gone(events, step)
        label = {"label": f"com.docker.compose.project={PROJECT}"}
        assert client.networks(filters=label) == client.containers(all=True, filters=label) == []
        assert [*temporary.iterdir()] == []


class TestApart:
    """The script that runs Compose: the command never outlives the lifeline."""

    DETACHED = Path(detached.__code__.co_filename)

    def begin(self, line: str, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-IS", str(self.DETACHED), line, *command],
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
        )

    def test_the_commands_exit_code_is_handed_on(self) -> None:
        with lifeline() as (line, _):
            assert self.begin(line, "sh", "-c", "exit 7").wait() == 7

    def test_the_command_reads_nothing_of_ours(self) -> None:
        with lifeline() as (line, _):
            out, _ = self.begin(line, "sh", "-c", "cat; readlink /proc/self/fd/0").communicate()
        assert out == "/dev/null\n"

    @pytest.mark.parametrize(
        "script",
        [
            "echo up; exec sleep 600",
            "trap '' TERM; echo up; while :; do sleep 600; done",
            "python3 -c 'import os, time; os.setpgid(0, 0); print(\"up\", flush=True); time.sleep(600)'",
            "(trap '' TERM HUP; sleep 600) & echo up; wait",
        ],
        ids=["a process", "a stubborn one", "another process group", "a child in the background"],
    )
    def test_what_it_has_started_ends_with_the_lifeline(self, script: str) -> None:
        with lifeline() as (line, cut):
            process = self.begin(line, "sh", "-c", script)
            assert process.stdout is not None
            assert process.stdout.readline() == "up\n"
            cut()
            assert process.stdout.read() == ""  # which ends once nothing holds it any more
            assert process.wait() != 0

    def test_nothing_runs_where_the_lifeline_is_gone_already(self) -> None:
        with lifeline() as (line, _):
            pass
        process = self.begin(line, "echo", "ran")
        assert process.communicate()[0] == ""


def test_a_text_is_handed_on_without_a_file_on_a_disk() -> None:
    with unlinked("words", "name") as path:
        assert subprocess.check_output(["cat", path, path], text=True) == "wordswords"
    assert not Path(path).exists()
