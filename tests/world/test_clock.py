"""The machine's clock is set while a campaign runs: what is timed, is timed by another one."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from engine.journal import FILE_NAME, Journal
from tests.world.clock import SettableClock
from tests.world.world import World, shell

HOUR_S = 3600


@pytest.fixture
def set_clock(world: World, tmp_path: Path) -> Callable[[int], None]:
    """Set the clock of the commands from here on, by so many seconds from the true time."""
    clock = SettableClock.build(tmp_path)
    world.environment = clock.environment
    return clock.set


@pytest.mark.parametrize("by_s", [-HOUR_S, HOUR_S], ids=["back", "forward"])
def test_the_clock_is_set(world: World, set_clock: Callable[[int], None], by_s: int) -> None:
    go, pipe = world.folder / "go", world.folder / "pipe"
    os.mkfifo(pipe)
    world.write(
        shell(f"echo up >{pipe}; until test -e {go}; do sleep 0.05; done"),
        shell("echo once; exec sleep 600"),
        ["true"],
        runtime="process",
        defaults={"silence": "1s", "timeout": "90s"},
        pauses={"between_experiments": "100ms"},
    )
    running = world.run()
    assert pipe.read_text() == "up\n"
    set_clock(by_s)
    go.touch()
    code, _, err = world.end(running)
    assert code == 1, err
    assert world.outcomes() == {"e1": "completed", "e2": "failed", "e3": "completed"}

    first, second, third = world.lines()
    assert second["reason"] == "ended after 1 s without any output"
    assert all(0 <= line["duration_s"] < HOUR_S / 2 for line in (first, second, third))
    moved_s = _moment(first["ended_at"]) - _moment(first["started_at"])
    assert (moved_s < 0) == (by_s < 0)  # the clock was indeed set under it
    with Journal.read(world.latest / FILE_NAME) as journal:
        taken = list(journal.transitions())
        assert journal.replay() == {"alpha": "stopped"}
    assert all(one.seq < after.seq for one, after in pairwise(taken))
    code, shown, err = world.end(world.begin("history", world.latest))
    assert code == 0, err
    assert shown.count("alpha-e2: attempt 1") == 2

    # A resume finds nothing to do twice: a new run, in a new folder.
    set_clock(-by_s)
    _, _, err = world.end(world.run())
    assert "resuming" not in err
    assert len([one for one in world.latest.parent.iterdir() if not one.is_symlink()]) == 2


def _moment(written: str) -> float:
    return datetime.fromisoformat(written).timestamp()
