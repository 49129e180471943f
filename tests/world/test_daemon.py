"""The engine itself is restarted in the middle of a campaign, with live-restore and without."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker.api import APIClient

from engine.runtimes.exit_status import noted
from tests.lab import Engine, ensure_up, own_engine
from tests.lab.engine import stop_daemon
from tests.lab.layout import current_layout
from tests.world.world import World, shell

pytestmark = [
    pytest.mark.long,
    pytest.mark.docker,
    pytest.mark.own_engine,
    pytest.mark.timeout(180),
]

HALFWAY = "echo before; until test -p $D/up; do sleep 0.05; done; echo up >$D/up"
UNTIL_TOLD = "until test -e $D/go; do sleep 0.05; done; echo after"
SHARED = "D=/run/dockwarden"

HOW = pytest.mark.parametrize("how", ["stopped", "killed"])


@pytest.fixture(scope="module")
def lab(lab: Engine, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine for this file alone, so that no other test notices when it is restarted."""
    with own_engine("restarted", {"live-restore": request.param}) as engine:
        yield engine


def halfway(world: World) -> None:
    """Wait until the experiment is halfway through."""
    up = world.shared / "up"
    os.mkfifo(up)
    assert up.read_text() == "up\n"


def restart(how: str, world: World, running: subprocess.Popen[str]) -> None:
    """End the engine, and start it again when it has been missed."""
    stop_daemon(current_layout(), kill=how == "killed")
    world.await_warning(running, "the Docker engine is away; waiting for it, for 120 s at most")
    ensure_up()


@HOW
@pytest.mark.parametrize("lab", [True], indirect=True, ids=["live-restore"])
def test_with_live_restore_the_experiment_runs_on(
    world: World,
    client: APIClient,
    how: str,
) -> None:
    once = f"{SHARED}; test -e $D/go && exit 9; {HALFWAY}; {UNTIL_TOLD}; exit 3"
    world.write(shell(once), ["true"], ["true"])
    running = world.run()
    world.await_line(running, "alpha-e1 started")
    halfway(world)
    restart(how, world, running)
    (world.shared / "go").touch()
    code, out, err = world.end(running)
    assert code == 1, err
    assert err == "dockwarden: the Docker engine is back\n"
    assert world.outcomes() == {"e1": "failed", "e2": "completed", "e3": "completed"}
    first, *others = world.lines()
    assert (first["attempt"], first["ending"], first["exit_code"]) == (1, "exited", 3)
    assert first["stdout_lines"] == ["before", "after"]
    assert [(one["attempt"], one["exit_code"]) for one in others] == [(1, 0), (1, 0)]
    assert len({one["container_id"] for one in world.lines()}) == 1
    assert "restart" not in out


@HOW
@pytest.mark.parametrize("lab", [False], indirect=True, ids=["without"])
def test_without_it_the_attempt_is_lost_and_tried_again(
    world: World,
    client: APIClient,
    how: str,
) -> None:
    once = f"{SHARED}; test -e $D/go && exit 0; {HALFWAY}; exec sleep 600"
    world.write(shell(once), ["true"])
    running = world.run()
    world.await_line(running, "alpha-e1 started")
    halfway(world)
    (world.shared / "go").touch()
    restart(how, world, running)
    code, out, err = world.end(running)
    assert code == 0, err
    assert err == "dockwarden: the Docker engine is back\n"
    assert world.outcomes() == {"e1": "completed", "e2": "completed"}
    lost, again, other = world.lines()
    assert (lost["attempt"], lost["ending"], lost["stdout_lines"]) == (1, "lost", ["before"])
    assert "its container ended when its engine was restarted" in lost["reason"]
    assert [(one["attempt"], one["exit_code"]) for one in (again, other)] == [(2, 0), (1, 0)]
    assert again["generation"] == other["generation"] == 2
    assert out.count("-> restarting") == 1
    assert "1 restart\n" in out


@pytest.mark.parametrize("lab", [False], indirect=True, ids=["without"])
def test_without_it_an_idle_container_is_restarted_once_the_engine_is_back(
    world: World, client: APIClient
) -> None:
    world.write(["true"], ["true"], pauses={"between_experiments": "3s"})
    running = world.run()
    world.await_line(running, "alpha-e1 completed")
    restart("stopped", world, running)
    code, out, err = world.end(running)
    assert code == 0, err
    assert err == "dockwarden: the Docker engine is back\n"
    assert world.outcomes() == {"e1": "completed", "e2": "completed"}
    assert out.count("-> restarting") == 1


@pytest.mark.parametrize("lab", [True, False], indirect=True, ids=["live-restore", "without"])
def test_what_ends_while_the_killed_engine_is_away_is_not_lost(
    world: World, client: APIClient
) -> None:
    done = f"{SHARED}; test -e $D/go && exit 9; {HALFWAY}; {UNTIL_TOLD}; echo >$D/up; exit 3"
    world.write(shell(done), ["true"])
    running = world.run()
    world.await_line(running, "alpha-e1 started")
    halfway(world)
    stop_daemon(current_layout(), kill=True)
    world.await_warning(running, "the Docker engine is away; waiting for it, for 120 s at most")
    (world.shared / "go").touch()
    (world.shared / "up").read_text()
    noted_by(world.shared / "alpha-e1.1")
    ensure_up()
    code, _, err = world.end(running)
    assert code == 1, err
    assert world.outcomes() == {"e1": "failed", "e2": "completed"}
    first, second = world.lines()
    assert (first["attempt"], first["ending"], first["exit_code"]) == (1, "exited", 3)
    assert first["stdout_lines"] == ["before", "after"]
    assert second["attempt"] == 1


def noted_by(folder: Path) -> None:
    """Wait until an experiment's shell has noted how it ended."""
    while noted(folder) is None:
        time.sleep(0.01)
