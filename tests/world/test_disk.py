"""Where results go: no space is left, or nothing may be written."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from docker.api import APIClient

from engine.runtimes.docker.daemon.client import engine_facts
from tests.lab import Engine
from tests.lab.layout import current_layout
from tests.lab.room import inside, open_room
from tests.world.world import PROJECT, World, shell

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")


Mount = Callable[[str], None]


@pytest.fixture
def mounted(world: World) -> Iterator[Mount]:
    """Mount a small file system where the results go; again, to change how."""
    results = world.folder / "results"
    results.mkdir()

    def mount(options: str) -> None:
        how = f"remount,{options}" if results.is_mount() else options
        command = ["mount", "-t", "tmpfs", "-o", how, "dockwarden-test", str(results)]
        subprocess.run(command, check=True)

    yield mount
    subprocess.run(["umount", str(results)], check=True)


@pytest.fixture
def mounted_for_the_engine(world: World, engine: Engine) -> Iterator[Mount]:
    """The same where the lab's engine sees it too; the campaign runs there."""
    results = world.folder / "results"
    results.mkdir()
    keeper = open_room(current_layout())
    world.within, world.root = inside(keeper, []), Path(f"/proc/{keeper.pid}/root")

    def mount(options: str) -> None:
        command = ["mount", "-t", "tmpfs", "-o", options, "dockwarden-test", str(results)]
        subprocess.run(inside(keeper, command), check=True)

    yield mount
    world.clear()
    subprocess.run(inside(keeper, ["umount", str(results)]), check=True)


def test_the_disk_is_full(world: World, mounted: Mount) -> None:
    mounted("size=4m")
    fill = world.folder / "results" / "fill"
    world.write(
        ["true"], shell(f"head -c 64M /dev/zero >{fill}; true"), ["true"], runtime="process"
    )
    code, _, err = world.end(world.run())
    assert code == 2
    assert "No space left on device" in err
    assert "free some space" in err
    assert world.outcomes()["e1"] == "completed"

    fill.unlink()
    world.write(["true"], ["true"], ["true"], runtime="process")
    code, _, err = world.end(world.run())
    assert code == 0, err
    assert world.outcomes() == dict.fromkeys(("e1", "e2", "e3"), "completed")
    assert {line["run"] for line in world.lines()} == {"alpha-e1", "alpha-e2", "alpha-e3"}


def test_the_results_folder_is_read_only(world: World, mounted: Mount) -> None:
    mounted("ro")
    world.write(["true"], runtime="process")
    code, out, err = world.end(world.run())
    assert (code, out) == (2, "")
    assert "Read-only file system" in err
    assert "--results" in err
    assert list((world.folder / "results").iterdir()) == []


@pytest.mark.long
@pytest.mark.docker
def test_the_disk_fills_up_with_what_a_container_writes(
    world: World, client: APIClient, mounted_for_the_engine: Mount
) -> None:
    mounted_for_the_engine("size=4m")
    world.write(["true"], shell("head -c 64M /dev/zero; exit 3"), ["true"], runtime="docker")
    code, _, err = world.end(world.run())
    assert code == 2
    assert "output is brought" not in err  # the engine shares the folder
    assert "No space left on device" in err
    assert "free some space" in err
    assert world.outcomes() == {"e1": "completed"}
    filters = {"label": f"com.docker.compose.project={PROJECT}"}
    assert client.containers(all=True, filters=filters) == []

    mounted_for_the_engine("remount,size=40m")
    world.write(["true"], ["true"], ["true"], runtime="docker")
    code, _, err = world.end(world.run())
    assert code == 0, err
    assert world.outcomes() == dict.fromkeys(("e1", "e2", "e3"), "completed")
    assert {line["run"] for line in world.lines()} == {"alpha-e1", "alpha-e2", "alpha-e3"}


@pytest.mark.docker
def test_no_space_for_what_is_brought_from_an_engine_elsewhere_costs_its_backend_nothing(
    world: World, client: APIClient, mounted: Mount
) -> None:
    """What is mounted here the lab's engine does not see."""
    mounted("size=4m")
    world.write(["true"], shell("yes | head -c 64M"), ["true"], runtime="docker")
    code, out, err = world.end(world.run())
    assert code == 2
    assert "No space left on device" in err
    assert "restart" not in out
    assert world.outcomes() == {"e1": "completed"}


@pytest.mark.docker
def test_nothing_is_made_on_an_engine_when_the_results_folder_is_read_only(
    world: World, client: APIClient, mounted_for_the_engine: Mount
) -> None:
    mounted_for_the_engine("ro")
    world.write(["true"], runtime="docker")
    began_s = engine_facts(client).time
    code, out, err = world.end(world.run())
    assert (code, out) == (2, "")
    assert "Read-only file system" in err
    assert "--results" in err
    made = {"event": "create", "label": f"com.docker.compose.project={PROJECT}"}
    until_s = engine_facts(client).time
    assert list(client.events(since=began_s, until=until_s, filters=made)) == []
