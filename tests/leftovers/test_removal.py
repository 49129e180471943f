"""What wiped processes run in a dead controller's backends is ended with these, from the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine.runtimes.selection import RuntimeName
from tests.leftovers.place import RUNTIMES, Files, write
from tests.leftovers.scenes import program

_MAIN = "from engine.cli import main; main()"
_SCENES = ("renamed, its environment wiped", "forked twice", "all at once")


def _campaign(folder: Path, files: Files, scene: str, runtime: RuntimeName) -> Path:
    """A campaign whose experiment plays a scene and goes on, and which leaves its backend to the next controller."""
    command = ["python3", "-c", program(scene, "in silence"), f"{files.inside}/scene"]
    campaign = {
        "name": "removal",
        "runtime": runtime,
        "on_controller_exit": "keep",
        "experiments": [{"name": "x", "backend": "alpha", "command": command}],
    }
    file = folder / "campaign.yml"
    file.write_text(json.dumps(campaign))
    return file


@pytest.mark.parametrize("runtime", RUNTIMES, indirect=True)
@pytest.mark.parametrize("command", ["down", "reap"])
@pytest.mark.parametrize("scene", _SCENES)
def test_nothing_of_it_survives(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scene: str,
    command: str,
    runtime: RuntimeName,
) -> None:
    if runtime == "process":
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    files = write(tmp_path, runtime)
    campaign = _campaign(tmp_path, files, scene, runtime)
    argv = [sys.executable, "-c", _MAIN]
    with subprocess.Popen([*argv, "run", "--quiet", campaign]) as controller:
        assert files.until(lambda: len(files.holders("scene")) >= len(("itself", "left")))
        controller.kill()
    assert files.holders("scene")
    asked = [command, str(campaign)] if command == "down" else [command]
    done = subprocess.run([*argv, *asked], capture_output=True, text=True, check=False)
    assert not files.holders("scene"), done.stderr
    assert not files.holders("service"), done.stderr
