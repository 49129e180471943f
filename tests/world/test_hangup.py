"""The terminal goes away under a campaign: a lost connection ends it as SIGTERM does."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world.world import PATIENCE_S, World, shell

HUNG_UP = 128 + signal.SIGHUP


@pytest.fixture(autouse=True)
def heeded() -> Iterator[None]:
    """Tests that run under ``nohup`` have children that ignore the signal, too."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def hung(world: World) -> World:
    """A campaign whose first experiment says that it is up, and then waits for its end."""
    os.mkfifo(world.folder / "up")
    patient = "trap 'echo tidied; exit 0' TERM; echo >$UP; while :; do sleep 0.1; done"
    world.write(
        shell(patient.replace("$UP", str(world.folder / "up"))),
        ["true"],
        runtime="process",
        grace="20s",
    )
    return world


def _lost(world: World) -> None:
    """The attempt was ended with its grace, its record is there, and nothing has an outcome."""
    (line,) = world.lines()
    assert (line["ending"], line["stdout_lines"]) == ("interrupted", ["tidied"])
    assert world.outcomes() == {}


def test_sighup_ends_it_as_sigterm_does_however_often_it_comes(hung: World) -> None:
    running = hung.run()
    (hung.folder / "up").read_text()
    for _ in range(3):
        running.send_signal(signal.SIGHUP)
    code, _, err = hung.end(running)
    assert code == HUNG_UP, err
    _lost(hung)


def test_under_nohup_it_goes_on(hung: World) -> None:
    hung.within = ["nohup"]
    running = hung.run()
    (hung.folder / "up").read_text()
    running.send_signal(signal.SIGHUP)
    running.send_signal(signal.SIGTERM)
    code, _, err = hung.end(running)
    assert code == 128 + signal.SIGTERM, err
    _lost(hung)


def test_a_terminal_that_is_gone_is_no_error(hung: World, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    errors = tmp_path / "stderr"
    main = "from engine.cli import main; main()"
    with errors.open("w") as stderr:
        running = subprocess.Popen(
            ["setsid", "--ctty", sys.executable, "-c", main, "run", str(hung.file)],
            stdin=theirs,
            stdout=theirs,
            stderr=stderr,
        )
    os.close(theirs)
    (hung.folder / "up").read_text()
    os.close(ours)
    assert running.wait(PATIENCE_S) == HUNG_UP
    assert "Traceback" not in errors.read_text()
    _lost(hung)
