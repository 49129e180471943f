"""Where results go: no space is left, or nothing may be written."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.world.world import World, shell

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")


@pytest.fixture
def mounted(world: World) -> Iterator[Callable[[str], None]]:
    """Mount a small file system where the results go; again, to change how."""
    results = world.folder / "results"
    results.mkdir()

    def mount(options: str) -> None:
        how = f"remount,{options}" if results.is_mount() else options
        command = ["mount", "-t", "tmpfs", "-o", how, "dockwarden-test", str(results)]
        subprocess.run(command, check=True)

    yield mount
    subprocess.run(["umount", str(results)], check=True)


def test_the_disk_is_full(world: World, mounted: Callable[[str], None]) -> None:
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


def test_the_results_folder_is_read_only(world: World, mounted: Callable[[str], None]) -> None:
    mounted("ro")
    world.write(["true"], runtime="process")
    code, out, err = world.end(world.run())
    assert (code, out) == (2, "")
    assert "Read-only file system" in err
    assert "--results" in err
    assert list((world.folder / "results").iterdir()) == []
