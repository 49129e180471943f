"""The command on real containers: what is there while it runs, and that nothing is left, however it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from docker.api import APIClient

from engine.runtimes.docker.daemon.client import connect, engine_facts
from tests.lab import BASE_IMAGE, Engine

pytestmark = pytest.mark.docker

PROJECT = "dockwarden-campaign"
LABEL = f"com.docker.compose.project={PROJECT}"
BACKENDS = ("pytorch", "vllm", "tensorrt")


@pytest.fixture
def client(engine: Engine) -> Iterator[APIClient]:
    """A client; in the end no resource is left on the engine."""
    client = connect()
    yield client
    filters = {"label": LABEL}
    assert client.containers(all=True, filters=filters) == []
    assert client.networks(filters=filters) == []
    client.close()


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a campaign over a compose file with a service that no backend needs."""

    def write(*experiments: dict[str, Any], **more: Any) -> Path:
        service = {"image": BASE_IMAGE, "stop_grace_period": "1s"}
        services: dict[str, Any] = dict.fromkeys(BACKENDS, service)
        services["unneeded"] = {"image": "nobody.invalid/nothing"}
        compose = {"name": PROJECT, "services": services}
        (tmp_path / "docker-compose.yml").write_text(json.dumps(compose))
        campaign = {"name": "test", "experiments": experiments, "grace": "1s", **more}
        file = tmp_path / "campaign.yml"
        file.write_text(json.dumps(campaign))
        return file

    return write


def begin(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", "from engine.cli import main; main()", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def dockwarden(*arguments: str | Path) -> tuple[int, str, str]:
    process = begin(*arguments)
    out, err = process.communicate()
    return process.returncode, out, err


def see(client: APIClient, event: str, times: int, act: Callable[[], Any]) -> Any:
    """Do something, and return what it returned once the engine has reported an event so often."""
    events = client.events(filters={"label": LABEL, "event": event}, decode=True)
    done = act()
    for _ in range(times):
        next(iter(events))
    events.close()
    return done


def now(client: APIClient) -> int:
    """The engine's time, in whole seconds since the epoch."""
    return engine_facts(client).time


def command(line: str) -> list[str]:
    return ["sh", "-c", line]


def records(file: Path) -> list[dict[str, Any]]:
    lines = (file.parent / "results/test/latest/results.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_twelve_experiments_over_three_backends_complete(write: Write, client: APIClient) -> None:
    file = write(
        *(
            {"name": f"e{number}", "backend": list(BACKENDS), "command": command(f"echo {number}")}
            for number in range(4)
        ),
        order="interleaved",
    )
    since = now(client)
    code, out, err = dockwarden("run", file, "--json")
    assert (code, err.count("Traceback")) == (0, 0), err
    summary = json.loads(out)
    assert (summary["counts"]["completed"], len(summary["runs"])) == (12, 12)
    made = client.events(
        since=since,
        until=now(client) + 1,
        filters={"label": LABEL, "event": "create"},
        decode=True,
    )
    names = {event["Actor"]["Attributes"]["name"] for event in made}
    assert names == {f"{PROJECT}-{backend}-1" for backend in BACKENDS}
    assert {record["image"][:7] for record in records(file)} == {"sha256:"}
    assert len({record["container_id"] for record in records(file)}) == 3
    for record in records(file):  # when each command itself ran is seen from inside its container
        assert record["started_at"] < record["ran_until"] <= record["ended_at"]
        assert record["ran_from"] <= record["ran_until"]


def test_compose_lists_the_containers_while_they_run(write: Write, client: APIClient) -> None:
    wait = command("while [ ! -e /tmp/go ]; do sleep 0.1; done")
    file = write({"name": "waits", "backend": ["pytorch", "vllm"], "command": wait})
    running = see(client, "exec_start", 2, lambda: begin("run", file))
    listed = subprocess.run(
        ["docker", "compose", "-p", PROJECT, "ps", "--format", "{{.Service}}"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert sorted(listed.split()) == ["pytorch", "vllm"]
    for service in ("pytorch", "vllm"):
        subprocess.run(["docker", "exec", f"{PROJECT}-{service}-1", "touch", "/tmp/go"], check=True)
    running.communicate()
    assert running.returncode == 0


def test_an_experiment_that_fails_leaves_nothing_behind(write: Write, client: APIClient) -> None:
    file = write(
        {"name": "fails", "backend": "vllm", "command": command("echo why >&2; exit 3")},
        {"name": "works", "backend": "vllm", "command": ["true"]},
    )
    code, out, _ = dockwarden("run", file)
    assert code == 1
    assert "1 completed, 1 failed" in out
    assert [record["exit_code"] for record in records(file)] == [3, 0]
    assert records(file)[0]["stderr_lines"] == ["why"]


@pytest.mark.parametrize(
    ("number", "times", "code"),
    [(signal.SIGINT, 1, 130), (signal.SIGTERM, 1, 143), (signal.SIGINT, 2, 130)],
    ids=["SIGINT", "SIGTERM", "SIGINT twice"],
)
def test_a_signal_ends_what_runs_and_begins_nothing_else(
    write: Write, client: APIClient, number: signal.Signals, times: int, code: int
) -> None:
    stubborn = command("trap '' TERM; sleep 600") if times == 2 else ["sleep", "600"]
    file = write(
        {"name": "long", "backend": "vllm", "command": stubborn},
        {"name": "next", "backend": "vllm", "command": ["true"]},
        grace="600s" if times == 2 else "1s",
    )
    running = see(client, "exec_start", 1, lambda: begin("run", file))
    running.send_signal(number)
    if times == 2:
        assert running.stderr is not None
        while "once more to leave no time for it" not in running.stderr.readline():
            assert running.poll() is None
        running.send_signal(number)
    out, err = running.communicate()
    assert (running.returncode, err.count("Traceback")) == (code, 0), err
    (record,) = records(file)
    assert (record["experiment"], record["ending"]) == ("long", "interrupted")
    assert "1 skipped" not in out


@pytest.mark.parametrize("event", ["create", "start"])
def test_a_signal_while_backends_start_leaves_nothing_behind(
    write: Write, client: APIClient, event: str
) -> None:
    file = write({"name": "never", "backend": list(BACKENDS), "command": ["sleep", "600"]})
    running = see(client, event, 1, lambda: begin("run", file))
    running.send_signal(signal.SIGINT)
    _, err = running.communicate()
    assert (running.returncode, err.count("Traceback")) == (130, 0), err


def test_what_a_killed_controller_left_is_shown_and_taken_down(
    write: Write, client: APIClient
) -> None:
    file = write(
        {"name": "long", "backend": "vllm", "command": ["sleep", "600"]}, on_controller_exit="keep"
    )
    running = see(client, "exec_start", 1, lambda: begin("run", file))
    code, _, err = dockwarden("down", file)
    assert code == 2
    assert f"process {running.pid}" in err
    running.kill()
    running.communicate()
    code, out, _ = dockwarden("status", file)
    assert code == 0
    assert f"{PROJECT}-vllm-1" in out
    assert dockwarden("down", file)[0] == 0


def test_what_a_killed_controller_started_goes_by_itself(write: Write, client: APIClient) -> None:
    file = write({"name": "long", "backend": list(BACKENDS), "command": ["sleep", "600"]})
    running = see(client, "exec_start", 3, lambda: begin("run", file))
    ours = {"type": "network", "event": "destroy", "network": f"{PROJECT}_default"}
    networks = client.events(filters=ours, decode=True)  # they go last
    running.kill()
    running.communicate()
    next(iter(networks))
    networks.close()


def test_the_journal_tells_what_happened(write: Write, client: APIClient) -> None:
    file = write({"name": "works", "backend": "vllm", "command": ["true"]})
    assert dockwarden("run", file)[0] == 0
    code, out, _ = dockwarden("history", file.parent / "results/test/latest")
    assert code == 0
    for step in ("stopped -> starting", "ready -> busy", "busy -> ready", "ready -> stopped"):
        assert f"vllm: {step}" in out


def test_it_is_over_in_a_sentence_where_nothing_can_start(write: Write, client: APIClient) -> None:
    file = write({"name": "none", "backend": "unneeded", "command": ["true"]})
    code, _, err = dockwarden("run", file)
    assert code == 2
    assert "its image nobody.invalid/nothing is not on this engine and could not be pulled" in err
    assert "Traceback" not in err
