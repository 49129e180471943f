"""What an experiment leaves that outlived its controller: kept, ended or counted as the policy says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine.model.results import Leftovers
from tests.lab import Engine
from tests.leftovers.place import Files, write
from tests.leftovers.scenes import program

_MAIN = "from engine.cli import main; main()"
_SCENES = ("renamed, its environment wiped", "forked twice")
_AFTER = "touch /shared/after; until test -e /shared/over; do sleep 0.05; done"


def _campaign(folder: Path, files: Files, scene: str, policy: Leftovers) -> Path:
    leaves = ["python3", "-c", program(scene, "on request"), f"{files.inside}/scene"]
    campaign = {
        "name": "reattachment",
        "runtime": "docker",
        "on_controller_exit": "keep",
        "experiments": [
            {"name": "leaves", "backend": "alpha", "command": leaves, "leftovers": policy.value},
            {"name": "after", "backend": "alpha", "command": ["sh", "-c", _AFTER]},
        ],
    }
    file = folder / "campaign.yml"
    file.write_text(json.dumps(campaign))
    return file


@pytest.mark.long
@pytest.mark.docker
@pytest.mark.parametrize("scene", _SCENES)
@pytest.mark.parametrize("policy", Leftovers)
def test_the_policy_holds_for_what_outlived_its_controller(
    engine: Engine, tmp_path: Path, scene: str, policy: Leftovers
) -> None:
    files = write(tmp_path, "docker")
    run = [sys.executable, "-c", _MAIN, "run", str(_campaign(tmp_path, files, scene, policy))]
    with subprocess.Popen([*run, "--quiet"]) as first:
        assert files.until(lambda: len(files.holders("scene")) >= len(("itself", "left")))
        first.kill()
    with subprocess.Popen(run, stdout=subprocess.PIPE, text=True) as second:
        assert second.stdout is not None
        assert any("outlived its controller" in line for line in second.stdout)
        (files.shared / "scene.go").touch()
        assert files.until((files.shared / "after").exists)
        survivors = files.holders("scene")
        (files.shared / "over").touch()
        said, _ = second.communicate()
    assert len(survivors) == (1 if policy is Leftovers.KEEP else 0)
    assert not files.holders("scene")
    latest = tmp_path / "results" / "reattachment" / "latest"
    lines = (latest / "results.jsonl").read_text().splitlines()
    leaves, after = map(json.loads, lines)
    ending = "leftovers" if policy is Leftovers.FAIL else "exited"
    assert (leaves["attempt"], leaves["ending"], leaves["exit_code"]) == (1, ending, 0), said
    assert (len(leaves["left"]), after["left"]) == (1, [])
