"""Experiments that end by themselves in the moment in which their campaign is ended: none is run again."""

from __future__ import annotations

import os
import signal

import pytest
from docker.api import APIClient

from tests.world.world import World, shell

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]

SIGNALS = pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["int", "term"]
)
WITNESS = "/world/witness"
SAYS_SO = f"echo $DOCKWARDEN_REQUEST >>{WITNESS}; echo out; echo >/world/up"
"""The last thing that it does is to wake us; so it ends while we end the campaign."""


@SIGNALS
def test_what_ends_in_the_moment_of_the_signal_is_recorded_and_not_run_again(
    world: World, client: APIClient, number: int, code: int
) -> None:
    os.mkfifo(world.folder / "up")
    pauses = {"between_experiments": "60s"}  # so the second one has not begun
    world.write(shell(f"{SAYS_SO}; exit 3"), shell(SAYS_SO), grace="5s", pauses=pauses)
    first = world.run()
    (world.folder / "up").read_text()
    first.send_signal(number)
    ended, _, err = world.end(first)
    assert ended == code, err
    (line,) = world.lines()
    assert (line["ending"], line["exit_code"], line["stdout_lines"]) == ("exited", 3, ["out"])
    assert world.outcomes() == {"e1": "failed"}

    second = world.run()
    (world.folder / "up").read_text()
    ended, _, err = world.end(second)
    assert ended == 1, err
    assert [one["attempt"] for one in world.lines()] == [1, 1]
    assert (world.folder / "witness").read_text().split() == ["alpha-e1.1", "alpha-e2.1"]


@SIGNALS
def test_what_the_signal_ends_is_interrupted_even_if_it_says_that_all_is_well(
    world: World, client: APIClient, number: int, code: int
) -> None:
    os.mkfifo(world.folder / "up")
    tidy = "trap 'echo tidied; exit 0' TERM; echo >/world/up; while :; do sleep 0.1; done"
    world.write(shell(tidy), grace="20s")
    running = world.run()
    (world.folder / "up").read_text()
    running.send_signal(number)
    ended, _, err = world.end(running)
    assert ended == code, err
    (line,) = world.lines()
    assert (line["ending"], line["stdout_lines"]) == ("interrupted", ["tidied"])
    assert world.outcomes() == {}
