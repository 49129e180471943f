"""A whole chaos run: campaign after campaign, until there were enough kills."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path
from typing import Final

from tests.chaos.kinds import SETTINGS, Setting
from tests.chaos.scene import Scene
from tests.chaos.storm import Storm, moments
from tests.chaos.verdict import Figures, judge
from tests.lab.engine import configure
from tests.lab.layout import current_layout
from tests.world.clock import SettableClock

__all__ = ["chaos", "left_on_the_engine", "left_on_the_machine"]

_KILLS_A_CAMPAIGN: Final = 30
"""On a leash, long experiments are lost again and again; such a campaign is let come to its end."""

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
    settings: Sequence[Setting] = SETTINGS,
    kills_a_campaign: int = _KILLS_A_CAMPAIGN,
    experiments: int = 40,
    say: Callable[[str], None] = lambda _sentence: None,
) -> Figures:
    """Run campaigns under kills, check each, and return what happened in all of them.

    On the docker runtime the current lab must be one whose daemon may be killed.

    Args:
        folder: a scratch folder.
        settings: of the campaigns, in turn.
        experiments: in each campaign.
        say: receives what came of each campaign, and of all kinds of kill so far.

    Raises:
        AssertionError: something that must hold does not.
    """
    figures = Figures()
    slowness = _slowness()
    when, rng, counts = moments(seed, slowness), random.Random(f"kinds {seed}"), Counter[str]()
    clock = SettableClock.build(folder)
    look = left_on_the_engine if runtime == "docker" else left_on_the_machine
    for number, setting in enumerate(cycle(settings), start=1):
        name = f"dockwarden-chaos-{os.getpid()}-{number}"
        scene = Scene(
            folder=folder / name,
            name=name,
            runtime=runtime,
            keep=setting.keep,
            live_restore=setting.live_restore,
            experiments=experiments,
            image=image,
            seed=seed + number,
            slowness=slowness,
        )
        if runtime == "docker":
            _set_live_restore(setting)
        environment = {**os.environ, "XDG_STATE_HOME": str(scene.folder / "state")}
        clock.set(0)

        def left(scene: Scene) -> list[str]:
            return [*look(scene), *_files(scene.folder / "state")]

        storm = Storm(scene, when, rng, environment, clock, counts, left)
        storm.rage(min(kills - figures.kills, kills_a_campaign))
        found = judge(scene, storm, left(scene))
        figures += found
        say(f"{setting.name}: {found}\n{figures.table()}")
        if figures.kills >= kills:
            return figures
    raise AssertionError("there are no settings")


def _set_live_restore(setting: Setting) -> None:
    """Have the lab's daemon read its configuration again, with this setting."""
    layout = current_layout()
    layout.daemon_options.write_text(json.dumps({"live-restore": setting.live_restore}))
    configure(layout)


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
    from engine.runtimes.docker.daemon.client import connect

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
