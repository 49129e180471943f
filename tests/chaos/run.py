"""A whole chaos run: campaign after campaign, until enough controllers have been killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Final

from tests.chaos.scene import Scene
from tests.chaos.storm import Storm, moments
from tests.chaos.verdict import Figures, judge

__all__ = ["chaos", "left_on_the_engine", "left_on_the_machine"]

_KILLS_A_CAMPAIGN: Final = 30
"""On a leash, long experiments are lost again and again; such a campaign is let come to its end."""

_KILLS_A_LIVE_ONE: Final = 20
"""A run in which controllers are re-attached to what runs more rarely than this has tested little."""

_CAMPAIGN: Final = Path(__file__).parents[2] / "examples" / "campaign.yml"
_USUAL_S: Final = 0.6
"""How long a controller takes to read a campaign on a machine that has nothing else to do."""


def chaos(
    folder: Path,
    *,
    kills: int,
    seed: int,
    runtime: str = "docker",
    image: str = "none",
    keep: bool | None = None,
    experiments: int = 40,
    say: Callable[[str], None] = lambda _sentence: None,
) -> Figures:
    """Run campaigns whose controllers are killed, check each, and return what happened in all of them.

    Args:
        folder: a scratch folder.
        keep: whether containers outlive their controller; None: in three campaigns of four.
        experiments: in each campaign.
        say: told what came of each campaign.

    Raises:
        AssertionError: something that must hold does not.
    """
    figures = Figures()
    slowness = _slowness()
    when = moments(seed, slowness)
    for number in count(1):
        kept = number % 4 != 0 if keep is None else keep
        name = f"dockwarden-chaos-{os.getpid()}-{number}"
        scene = Scene(
            folder / name, name, runtime, kept, experiments, image, seed + number, slowness
        )
        environment = {**os.environ, "XDG_STATE_HOME": str(scene.folder / "state")}
        storm = Storm(scene, when, environment)
        storm.rage(min(kills - figures.kills, _KILLS_A_CAMPAIGN))
        look = left_on_the_engine if runtime == "docker" else left_on_the_machine
        left = [*look(scene), *_files(scene.folder / "state")]
        found = judge(scene, storm.sessions, left, environment)
        say(f"{'keep' if kept else 'remove'}: {found}")
        figures += found
        if figures.kills >= kills:
            enough = figures.kills_under_keep // _KILLS_A_LIVE_ONE
            assert figures.reattached_live >= enough, f"too few re-attachments: {figures}"
            return figures
    raise AssertionError("counting does not end")


def _slowness() -> float:
    """How much slower than usual a controller is here and now; 1 to 4.

    The moments and the experiments are drawn out as much, so that controllers meet what they left.
    """
    command = [sys.executable, "-c", "from engine.cli import main; main()", "run", "--dry-run"]
    began_s = time.monotonic()
    subprocess.run([*command, _CAMPAIGN], check=True, capture_output=True)
    return min(max(1.0, (time.monotonic() - began_s) / _USUAL_S), 4.0)


def left_on_the_engine(scene: Scene) -> list[str]:
    """Containers and networks of the campaign, by Compose's label and by ours."""
    from engine.runtimes.docker.client import connect

    client = connect()
    left = {
        found["Id"]
        for prefix in ("com.docker.compose", "dockwarden")
        for filters in ({"label": f"{prefix}.project={scene.name}"},)
        for found in (
            *client.containers(all=True, filters=filters),
            *client.networks(filters=filters),
        )
    }
    client.close()
    return sorted(left)


def left_on_the_machine(scene: Scene) -> list[str]:
    """Processes that have the campaign's folder in their environment or their arguments."""
    token = os.fsencode(scene.name)
    return [entry.name for entry in Path("/proc").iterdir() if _mentions(entry, token)]


def _mentions(process: Path, token: bytes) -> bool:
    if not process.name.isdecimal() or int(process.name) == os.getpid():
        return False
    try:
        return any(token in (process / name).read_bytes() for name in ("environ", "cmdline"))
    except OSError:
        return False


def _files(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file()]
