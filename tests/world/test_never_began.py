"""The engine is killed while it is to start an experiment, and comes back: it runs once, in its first attempt."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import Final

import pytest
from docker.api import APIClient

from engine.runtimes.docker.daemon.client import connect
from engine.runtimes.in_container import RUN
from tests.lab import Engine, ensure_up, own_engine
from tests.lab.engine import stop_daemon
from tests.lab.layout import current_layout
from tests.world.gate import Gate
from tests.world.world import PATIENCE_S, PROJECT, World, shell

pytestmark = [pytest.mark.docker, pytest.mark.own_engine, pytest.mark.timeout(180)]

CREATE: Final = re.compile(rb"POST \S*/containers/\w+/exec ")
START: Final = re.compile(rb"POST \S*/exec/\w+/start ")
LINE: Final = "echo run >>/world/witness; echo up >/world/up; read -r code </world/go; exit $code"


@pytest.fixture(scope="module")
def lab(lab: Engine) -> Iterator[Engine]:
    """An engine of this file's own, whose containers outlive it."""
    with own_engine("unbegun", {"live-restore": True}) as engine:
        yield engine


@pytest.fixture
def gated(world: World, gate: Gate) -> World:
    """A campaign whose way to the engine can be cut, of one experiment that may be lost by no attempt."""
    for pipe in ("up", "go"):
        os.mkfifo(world.folder / pipe)
    world.environment = gate.environment
    world.write(shell(LINE), retry={"max_attempts": 1})
    return world


def kill_the_engine() -> None:
    stop_daemon(current_layout(), kill=True)
    ensure_up()


def leave_the_engine() -> None:
    """Only the way to it is cut, so that it knows its execs."""


def cut_off(gate: Gate, then: Callable[[], None]) -> None:
    """Wait for a request that does not get through, and cut the way to the engine."""
    assert gate.withheld.wait(PATIENCE_S)
    gate.bar()
    then()
    gate.withheld.clear()


def its_container(engine: APIClient) -> str:
    (found,) = engine.containers(filters={"label": f"com.docker.compose.project={PROJECT}"})
    return str(found["Id"])


def begin_late() -> None:
    """Start the experiment's first exec as an engine that was killed can have handed it on."""
    engine = connect()  # what was connected before the kill is cut off
    argv = ["/bin/sh", "-c", RUN, "dockwarden", "/run/dockwarden/alpha-e1.1", "1", *shell(LINE)]
    engine.exec_start(engine.exec_create(its_container(engine), argv)["Id"], detach=True)
    engine.close()


def await_exec_that_ends_with(code: int) -> None:
    """Wait for the event of its end, which may have come already."""
    engine = connect()
    filters = {"container": its_container(engine), "event": "exec_die"}
    events = engine.events(since=0, filters=filters, decode=True)
    while next(events)["Actor"]["Attributes"]["exitCode"] != str(code):
        pass
    events.close()
    engine.close()


def ends_in_its_first_attempt(world: World, code: int) -> None:
    assert (world.folder / "witness").read_text() == "run\n"
    (record,) = world.lines()
    assert (record["attempt"], record["ending"], record["exit_code"]) == (1, "exited", code)


@pytest.mark.parametrize("withheld", [CREATE, START], ids=["create", "start"])
@pytest.mark.parametrize("then", [kill_the_engine, leave_the_engine])
def test_what_was_not_handed_on_is_started_again(
    gated: World,
    client: APIClient,
    gate: Gate,
    withheld: re.Pattern[bytes],
    then: Callable[[], None],
) -> None:
    gate.withhold(withheld)
    running = gated.run()
    cut_off(gate, then)
    gate.withhold(None)
    gate.open()
    (gated.folder / "up").read_text()
    (gated.folder / "go").write_text("3\n")
    code, _, err = gated.end(running)
    assert code == 1, err
    ends_in_its_first_attempt(gated, 3)


def test_what_was_handed_on_and_comes_late_runs_alone(
    gated: World,
    client: APIClient,
    gate: Gate,
) -> None:
    """The exec that was created in its place finds that it has begun, and what began is waited for."""
    gate.withhold(START)
    running = gated.run()
    cut_off(gate, kill_the_engine)
    gate.open()
    assert gate.withheld.wait(PATIENCE_S)  # the second exec's start
    begin_late()
    (gated.folder / "up").read_text()
    cut_off(gate, leave_the_engine)
    gate.withhold(None)
    gate.open()
    await_exec_that_ends_with(2)
    (gated.folder / "go").write_text("3\n")
    code, _, err = gated.end(running)
    assert code == 1, err
    ends_in_its_first_attempt(gated, 3)


def test_what_comes_after_it_was_started_again_does_not_run(
    gated: World,
    client: APIClient,
    gate: Gate,
) -> None:
    gate.withhold(START)
    running = gated.run()
    cut_off(gate, kill_the_engine)
    gate.withhold(None)
    gate.open()
    (gated.folder / "up").read_text()
    begin_late()
    await_exec_that_ends_with(2)
    (gated.folder / "go").write_text("0\n")
    code, _, err = gated.end(running)
    assert code == 0, err
    ends_in_its_first_attempt(gated, 0)
