"""The engine's socket is gone for a while, as when it is restarted with live-restore."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from docker.api import APIClient

from tests.world.gate import Gate
from tests.world.world import PROJECT, World, shell

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]

UNTIL_TOLD = shell("until test -e /run/dockwarden/go; do sleep 0.05; done")


@contextmanager
def events(client: APIClient, event: str) -> Iterator[Callable[[], object]]:
    """Wait for the next such event that happens within the block."""
    filters = {"label": f"com.docker.compose.project={PROJECT}", "event": event}
    stream = client.events(filters=filters, decode=True)
    yield lambda: next(iter(stream))
    stream.close()


@pytest.fixture
def through_the_gate(world: World, gate: Gate) -> World:
    world.environment = gate.environment
    return world


def test_an_experiment_that_ends_meanwhile_has_ended(
    through_the_gate: World, client: APIClient, gate: Gate
) -> None:
    world = through_the_gate
    world.write(UNTIL_TOLD, ["true"])
    with events(client, "exec_start") as started:
        running = world.run()
        started()
    gate.bar()
    with events(client, "exec_die") as ended:
        (world.shared / "go").touch()
        ended()
    gate.open()
    code, out, err = world.end(running)
    assert code == 0, err
    assert world.outcomes() == {"e1": "completed", "e2": "completed"}
    assert [(one["attempt"], one["ending"], one["exit_code"]) for one in world.lines()] == [
        (1, "exited", 0),
        (1, "exited", 0),
    ]
    assert "0 restarts" not in out


def test_what_is_asked_meanwhile_waits_and_costs_nothing(
    through_the_gate: World, client: APIClient, gate: Gate
) -> None:
    world = through_the_gate
    world.write(shell("exit 0"), ["true"], pauses={"between_experiments": "3s"})
    running = world.run()
    world.await_line(running, "alpha-e1 completed")
    gate.bar()  # in the pause, so that nothing is under way
    world.await_warning(running, "the Docker engine is away")
    gate.open()
    code, out, err = world.end(running)
    assert code == 0, err
    assert "the Docker engine is back" in err
    assert world.outcomes() == {"e1": "completed", "e2": "completed"}
    assert "restart" not in out
