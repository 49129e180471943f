"""Two controllers at once, and a journal that another process holds."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

import pytest
from docker.api import APIClient

from engine.journal import FILE_NAME
from engine.journal.lock import WriterLock
from engine.ownership.owner import Owner
from tests.world.world import World, shell

pytestmark = [pytest.mark.long, pytest.mark.docker, pytest.mark.timeout(180)]

UNTIL_TOLD = shell("until test -e /run/dockwarden/go; do sleep 0.05; done")


def test_a_second_controller_is_refused_whichever_way_it_tries(
    world: World, client: APIClient
) -> None:
    world.write(UNTIL_TOLD)
    first = world.run()
    world.await_line(first, "alpha-e1 started")
    go = world.shared / "go"  # before others come, which may have separate folders
    elsewhere = ("--results", str(world.folder / "elsewhere"))
    for options, what in (
        ((), "writes to it; wait for it, or end it first"),
        (("--fresh",), "writes to it; wait for it, or end it first"),
        (elsewhere, "which still runs; wait for it, or give this project another name"),
    ):
        code, out, err = world.end(world.run(*options))
        assert (code, out) == (2, "")
        assert f"process {first.pid}" in err
        assert what in err
    go.touch()
    code, _, err = world.end(first)
    assert code == 0, err


def test_of_two_that_start_at_once_one_runs_and_is_not_disturbed(
    world: World, client: APIClient
) -> None:
    world.write(shell("until test -e /world/go; do sleep 0.05; done"))
    both = [world.run(), world.run()]
    with ThreadPoolExecutor() as pool:
        ends = {pool.submit(world.end, one): one for one in both}
        (refused,) = wait(ends, return_when=FIRST_COMPLETED).done
        (first,) = [one for end, one in ends.items() if end is not refused]
        code, out, err = refused.result()
        assert (code, out) == (2, "")
        assert f"process {first.pid} on" in err
        assert "wait for it" in err
        (world.folder / "go").touch()
        (ended,) = [end for end in ends if end is not refused]
        code, out, err = ended.result()
    assert code == 0, err
    assert "1 of 1 completed" in out
    assert "restart" not in out
    assert (
        len(list((world.folder / "results/world").iterdir())) == 2
    )  # its folder, and the link to it


def test_a_journal_that_another_process_holds(world: World, client: APIClient) -> None:
    world.write(["false"], ["sleep", "600"])
    first = world.run()
    world.await_line(first, "alpha-e2 started")
    first.terminate()
    assert world.end(first)[0] == 143
    lock = WriterLock.take(world.latest / FILE_NAME, Owner.current())
    code, out, err = world.end(world.run())
    assert (code, out) == (2, "")
    assert "writes to it; wait for it, or end it first" in err
    lock.release()
    world.write(["false"], ["true"])
    code, _, err = world.end(world.run())
    assert code == 1, err
    assert world.outcomes() == {"e1": "failed", "e2": "completed"}
