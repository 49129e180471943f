"""Backends by hand: up, commands in them, down; on each runtime, with nothing left and no results touched."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.runtimes.inventory import take
from engine.util.state_folder import state_folder
from tests.lab import BASE_IMAGE

PROJECT = f"dockwarden-by-hand-{os.getpid()}"
CONTAINERS = [pytest.param(name, marks=pytest.mark.docker) for name in ("docker", "compose")]
UP = "echo serving; exec sleep infinity"


class Folder:
    """A campaign on a server and its client, and the command that acts on it."""

    def __init__(self, path: Path, runtime: str) -> None:
        self.path, self.runtime = path, runtime
        self.services: dict[str, dict[str, Any]] = {
            "server": {"environment": {"MODEL": "small"}},
            "client": {"depends_on": {"server": {"condition": "service_started"}}},
        }
        self.campaign: dict[str, Any] = {
            "name": "by-hand",
            "compose_file": "docker-compose.yml",
            "backends": {
                name: {"max_restarts": 0, "ready_within": "60s"} for name in self.services
            },
            "experiments": [
                {"name": "fast", "backend": "client", "command": ["true"]},
                {"name": "slow", "backend": "client", "command": ["true"]},
            ],
        }

    def write(self) -> None:
        common = {"image": BASE_IMAGE, "stop_grace_period": "0s", "command": ["sh", "-c", UP]}
        services = {name: common | service for name, service in self.services.items()}
        compose = {"name": PROJECT, "services": services}
        (self.path / "docker-compose.yml").write_text(json.dumps(compose))
        self.campaign["runtime"] = self.runtime
        (self.path / "campaign.yml").write_text(json.dumps(self.campaign))

    def begin(self, command: str, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        self.write()
        program = [sys.executable, "-m", "dockwarden", command]
        piped = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        return subprocess.Popen(
            [*program, *arguments], cwd=self.path, text=True, **{**piped, **options}
        )

    def run(self, command: str, *arguments: str, says: str = "") -> tuple[int, str, str]:
        process = self.begin(command, *arguments)
        out, err = process.communicate(says)
        return process.returncode, out, err

    def there(self) -> dict[str, str]:
        """What is up, by service."""
        found = take(PROJECT).found
        return {one.service: one.id for one in found if one.service}

    @property
    def results(self) -> Path:
        return self.path / "results"


def begun(request: pytest.FixtureRequest, path: Path, runtime: str) -> Iterator[Folder]:
    """A campaign on a runtime, of which nothing is left in the end."""
    if runtime != "process":
        request.getfixturevalue("engine")
    folder = Folder(path, runtime)
    yield folder
    code, _, err = folder.run("down", "campaign.yml")
    assert code == 0 or runtime == "process", err  # which also asks for an engine
    assert take(PROJECT).found == ()
    assert not state_folder("up", PROJECT).exists()


@pytest.fixture(params=["process", *CONTAINERS])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Folder]:
    yield from begun(request, tmp_path, request.param)


@pytest.fixture(params=CONTAINERS)
def in_containers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Folder]:
    yield from begun(request, tmp_path, request.param)


@pytest.fixture
def on_docker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Folder]:
    yield from begun(request, tmp_path, "docker")


@pytest.fixture
def here(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Folder]:
    yield from begun(request, tmp_path, "process")


def test_what_is_up_takes_commands_until_it_is_taken_down(folder: Folder) -> None:
    code, out, err = folder.run("up", "campaign.yml")
    assert code == 0, err
    assert [line.split(" after ")[0] for line in out.splitlines()] == [
        "server: ready",
        "client: ready",
    ]
    assert set(folder.there()) == {"server", "client"}
    hello = ["sh", "-c", 'read line; echo "$line $MODEL"; echo no >&2; exit 7']
    assert folder.run("exec", "campaign.yml", "server", "--", *hello, says="a\nb\n") == (
        7,
        "a small\n",
        "no\n",
    )
    assert not folder.results.exists()
    assert folder.run("down", "campaign.yml")[1].count("removed") >= 2
    assert folder.there() == {}


def test_only_what_is_named_is_started_with_what_it_depends_on(folder: Folder) -> None:
    assert folder.run("up", "campaign.yml", "server")[0] == 0
    assert set(folder.there()) == {"server"}


def test_what_is_not_up_takes_no_command_and_the_error_says_what_to_do(folder: Folder) -> None:
    code, out, err = folder.run("exec", "campaign.yml", "server", "--", "true")
    assert (code, out) == (2, "")
    assert "server: it is not up; start it with dockwarden up CAMPAIGN server" in err
    code, _, err = folder.run("exec", "campaign.yml", "unknown", "true")
    assert code == 2
    assert "there is no service 'unknown', but " in err


def test_a_command_has_what_the_experiments_have_in_common(folder: Folder) -> None:
    fast, slow = folder.campaign["experiments"]
    fast["env"] = {"SIZE": "1", "SHARED": "yes"}
    slow["env"] = {"SIZE": "2", "SHARED": "yes"}
    assert folder.run("up", "campaign.yml")[0] == 0
    shown = ["sh", "-c", 'echo "$SHARED-${SIZE:-none}"']
    code, out, err = folder.run("exec", "campaign.yml", "client", "--", *shown)
    assert (code, out) == (0, "yes-none\n")
    assert "the experiments on client differ in SIZE; --as EXPERIMENT takes those of one" in err
    assert folder.run("exec", "--as", "slow", "campaign.yml", "client", *shown)[1] == "yes-2\n"
    code, _, err = folder.run("exec", "--as", "slwo", "campaign.yml", "client", *shown)
    assert code == 2
    assert "client has no experiment 'slwo'" in err


def test_a_program_that_is_not_there_gives_the_code_that_a_shell_or_an_engine_gives(
    folder: Folder,
) -> None:
    assert folder.run("up", "campaign.yml", "server")[0] == 0
    codes = (127,) if folder.runtime == "process" else (126, 127)
    assert folder.run("exec", "campaign.yml", "server", "nothing-like-this")[0] in codes


def test_one_that_does_not_start_leaves_the_others_up(folder: Folder) -> None:
    folder.services["broken"] = {"command": ["sh", "-c", "echo no licence found; exit 4"]}
    folder.campaign["backends"]["broken"] = {"max_restarts": 0}
    code, _, err = folder.run("up", "campaign.yml", "client", "broken")
    assert code == 2
    assert "no licence found" in err
    assert "server, client: up; dockwarden up starts the rest once it is corrected" in err
    assert set(folder.there()) == {"server", "client"}


def test_nothing_stays_where_nothing_starts(folder: Folder) -> None:
    folder.services["server"]["command"] = ["sh", "-c", "exit 4"]
    assert folder.run("up", "campaign.yml")[0] == 2
    assert folder.there() == {}


def test_a_setup_is_run_and_one_that_fails_is_an_error(folder: Folder) -> None:
    folder.campaign["backends"]["client"]["setup"] = ["sh", "-c", "echo prepared; exit 3"]
    code, _, err = folder.run("up", "campaign.yml")
    assert code == 2
    assert "client: its setup failed: exit code 3" in err
    assert set(folder.there()) == {"server"}


def test_a_second_up_takes_over_what_is_up(in_containers: Folder) -> None:
    assert in_containers.run("up", "campaign.yml")[0] == 0
    before = in_containers.there()
    assert in_containers.run("up", "campaign.yml")[0] == 0
    assert in_containers.there() == before
    in_containers.services["server"]["environment"]["MODEL"] = "large"
    assert in_containers.run("up", "campaign.yml")[0] == 0
    after = in_containers.there()
    assert (after["server"] == before["server"], after["client"] == before["client"]) == (
        False,
        True,
    )


def test_a_campaign_makes_containers_of_its_own_and_says_so(in_containers: Folder) -> None:
    assert in_containers.run("up", "campaign.yml")[0] == 0
    code, _, err = in_containers.run("run", "campaign.yml")
    assert code == 0
    assert "dockwarden up made it, and a campaign makes its own" in err
    assert in_containers.there() == {}
    assert (
        len((in_containers.results / "by-hand/latest/results.jsonl").read_text().splitlines()) == 2
    )


def test_a_campaign_on_local_processes_ends_what_is_up(here: Folder) -> None:
    assert here.run("up", "campaign.yml")[0] == 0
    assert here.run("run", "campaign.yml")[0] == 0
    assert here.there() == {}


def test_in_the_foreground_a_signal_takes_all_down(folder: Folder) -> None:
    process = folder.begin("up", "campaign.yml", "--foreground")
    assert process.stdout is not None
    assert [process.stdout.readline().split(":")[0] for _ in "ab"] == ["server", "client"]
    assert folder.run("exec", "campaign.yml", "client", "--", "echo", "in it")[:2] == (0, "in it\n")
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 130
    assert folder.there() == {}


def test_a_signal_while_they_start_takes_all_down(folder: Folder) -> None:
    folder.campaign["backends"]["server"]["ready"] = {"log": "never"}
    folder.campaign["backends"]["server"]["setup"] = ["true"]
    process = folder.begin("up", "campaign.yml", "--foreground")
    assert process.stderr is not None
    while "stopped -> starting" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 143
    assert folder.there() == {}


def test_no_command_disturbs_a_campaign_unless_that_is_asked_for(folder: Folder) -> None:
    said = folder.path / "said"
    os.mkfifo(said)
    said.chmod(0o666)
    inside = said if folder.runtime == "process" else Path("/said/said")
    folder.services["client"]["volumes"] = [f"{folder.path}:/said"]
    folder.path.chmod(0o777)
    del folder.campaign["experiments"][1]
    folder.campaign["experiments"][0]["command"] = ["sh", "-c", f"echo now >{inside}; cat {inside}"]
    running = folder.begin("run", "campaign.yml")
    assert said.read_text() == "now\n"
    code, _, err = folder.run("exec", "campaign.yml", "client", "--", "true")
    assert code == 2
    assert "runs a campaign on it, and a command beside an experiment would disturb" in err
    assert folder.run("exec", "--force", "campaign.yml", "client", "--", "true")[0] == 0
    said.write_text("go on")
    running.communicate()
    assert running.returncode == 0


def test_what_a_campaign_can_go_on_with_is_left_alone(in_containers: Folder) -> None:
    said = in_containers.path / "said"
    os.mkfifo(said)
    said.chmod(0o666)
    in_containers.services["client"]["volumes"] = [f"{in_containers.path}:/said"]
    in_containers.path.chmod(0o777)
    in_containers.campaign["on_controller_exit"] = "keep"
    del in_containers.campaign["experiments"][1]
    in_containers.campaign["experiments"][0]["command"] = [
        "sh",
        "-c",
        "echo now >/said/said; sleep 99",
    ]
    running = in_containers.begin("run", "campaign.yml")
    assert said.read_text() == "now\n"
    running.kill()
    running.communicate()
    before = in_containers.there()
    code, _, err = in_containers.run("up", "campaign.yml")
    assert code == 2
    assert "was left by a campaign whose controller died; dockwarden run resumes it" in err
    assert in_containers.there() == before


@pytest.mark.docker
def test_a_terminal_is_handed_on(on_docker: Folder) -> None:
    folder = on_docker
    assert folder.run("up", "campaign.yml", "server")[0] == 0
    ours, its = pty.openpty()
    asks = ["sh", "-c", "test -t 0 && test -t 1 && read line && echo heard $line; exit 5"]
    process = folder.begin(
        *("exec", "campaign.yml", "server", "--", *asks), stdin=its, stdout=its, stderr=its
    )
    os.close(its)
    os.write(ours, b"you\n")
    shown = b""
    while b"heard you" not in shown:
        shown += os.read(ours, 1000)
    assert process.wait() == 5
    os.close(ours)


@pytest.mark.docker
def test_ctrl_c_ends_a_command_without_a_terminal(on_docker: Folder) -> None:
    folder = on_docker
    assert folder.run("up", "campaign.yml", "server")[0] == 0
    process = folder.begin(
        "exec", "campaign.yml", "server", "sh", "-c", "echo begun; exec sleep 987"
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 130
    listed = ["sh", "-c", "grep -l '[9]87' /proc/[0-9]*/cmdline || true"]
    assert folder.run("exec", "campaign.yml", "server", "--", *listed)[1] == ""


def test_a_campaign_that_has_one_backend_up_at_a_time_wants_one_named(here: Folder) -> None:
    here.campaign["exclusive"] = True
    here.campaign["experiments"][0]["backend"] = "server"
    code, _, err = here.run("up", "campaign.yml")
    assert code == 2
    assert "(exclusive); name one of" in err
