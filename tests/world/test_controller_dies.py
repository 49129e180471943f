"""The controller is killed while an experiment runs, and another one goes on."""

from __future__ import annotations

import os
import re

import pytest
from docker.api import APIClient

from engine.runtimes.docker.daemon.client import engine_facts
from engine.runtimes.exit_status import noted
from tests.world.gate import Gate
from tests.world.world import World, shell

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]

TALKS_TO_US = shell("echo one; echo >/world/up; read _ </world/go; echo two; echo why >&2; exit 3")
"""Both are named pipes: it waits until we listen, and then until we answer."""


@pytest.fixture
def kept(world: World) -> World:
    """A world in which containers outlive their controller, and in which claims lie."""
    world.environment = {"XDG_STATE_HOME": str(world.folder / "state")}
    for pipe in ("up", "go"):
        os.mkfifo(world.folder / pipe)
    world.write(TALKS_TO_US, ["true"], on_controller_exit="keep")
    return world


def test_what_outlives_it_is_waited_for_and_nothing_is_run_again(
    kept: World, client: APIClient
) -> None:
    world = kept
    first = world.run()
    (world.folder / "up").read_text()
    first.kill()
    first.communicate()
    assert world.outcomes() == {}

    second = world.run()
    world.await_warning(second, "0 of 2 runs are settled, 1 attempt was under way")
    world.await_line(second, "alpha: adopted container ")
    world.await_line(second, "alpha-e1 outlived its controller (attempt 1): re-attached to it")
    assert noted(world.shared / "alpha-e1.1") is None
    (world.folder / "go").write_text("\n")
    code, out, err = world.end(second)

    assert code == 1, err
    assert "alpha-e1 failed: exit code 3" in out
    assert world.outcomes() == {"e1": "failed", "e2": "completed"}
    record, after = world.lines()
    assert [record["attempt"], after["attempt"]] == [1, 1]
    assert (record["ending"], record["exit_code"]) == ("exited", 3)
    assert (record["stdout_lines"], record["stderr_lines"]) == (["one", "two"], ["why"])
    assert (world.latest / record["stdout"]).read_bytes() == b"one\ntwo\n"
    assert record["started_at"] <= record["ran_from"] < record["ran_until"] <= record["ended_at"]
    assert record["container_id"] == after["container_id"]
    assert after["since_restart"] == record["since_restart"] + 1
    told = _told(client, record["container_id"])
    assert told.count("create") == 1
    execs = [one for one in told if one.startswith("exec_")]
    entered = [one for one in execs if one.startswith("exec_create")]
    assert execs.index("exec_die") < execs.index(entered[1])  # nothing entered while it ran
    assert sum("/run/dockwarden/alpha-e" in one for one in entered) == len(["e1", "e2"])
    assert [path for path in (world.folder / "state").rglob("*") if path.is_file()] == []


def test_what_never_began_is_not_said_to_have_outlived_it(
    kept: World, client: APIClient, gate: Gate
) -> None:
    """The journal knows of it, since it is written before the command starts."""
    world = kept
    world.environment = {**world.environment, **gate.environment}
    world.write(["true"], on_controller_exit="keep")
    gate.withhold(re.compile(rb"POST \S*/exec/\w+/start "))
    first = world.run()
    assert gate.withheld.wait(60)
    first.kill()
    first.communicate()
    gate.withhold(None)

    second = world.run()
    world.await_warning(second, "0 of 1 runs are settled, 1 attempt was under way")
    code, out, err = world.end(second)
    assert code == 0, err
    assert "alpha: adopted container " in out
    assert "outlived its controller" not in out
    unbegun, after = world.lines()
    assert (unbegun["ending"], after["ending"]) == ("interrupted", "exited")
    assert "it was ended, or never began" in unbegun["reason"]
    assert after["container_id"] == unbegun["container_id"]


def _told(client: APIClient, container_id: str) -> list[str]:
    """The engine's events of a container."""
    filters = {"container": container_id, "type": "container"}
    until = engine_facts(client).time + 1
    events = client.events(since=0, until=until, filters=filters, decode=True)
    return [event["Action"] for event in events]
