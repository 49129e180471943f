"""Nothing survives where the experiment is cancelled, stopped, taken over, or in a container of the user's."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from engine.controller import Controller
from engine.runtimes.selection import RuntimeName, choose_runtime, read_project
from tests.lab import Engine
from tests.leftovers.place import RUNTIMES, Files, opened, write

SCENES = ("renamed, its environment wiped", "all at once", "forking in a loop")
"""Those that take the most; all are played elsewhere."""


@pytest.mark.parametrize("runtime", RUNTIMES[:2], indirect=True)
def test_it_is_ended_when_its_caller_gives_up(runtime: RuntimeName, tmp_path: Path) -> None:
    files = write(tmp_path, runtime)

    async def story() -> None:
        project = read_project(runtime, tmp_path / "docker-compose.yml", None)
        hands = await choose_runtime(runtime, project, {})
        async with Controller(project, hands, tmp_path / "output") as controller:
            await controller.start(["alpha"])
            for scene in SCENES:
                run = controller.execute(
                    "alpha", files.command(scene, "in silence"), id=scene[:3], grace_s=0.5
                )
                task = asyncio.create_task(run)
                own = files.holders("service")
                assert await asyncio.to_thread(files.until, lambda: _started(files)), scene
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert not files.holders("scene"), scene
                assert files.holders("service") >= own, scene

    asyncio.run(story())


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("runtime", RUNTIMES, indirect=True)
def test_it_is_ended_by_a_teardown(runtime: RuntimeName, tmp_path: Path, scene: str) -> None:
    files = write(tmp_path, runtime)
    with opened(tmp_path, files, runtime) as place:
        ended: list[Any] = []
        command = files.command(scene, "in silence")
        run = threading.Thread(target=lambda: ended.append(place.manager.execute("alpha", command)))
        run.start()
        assert files.until(lambda: _started(files))
        place.manager.teardown(timeout=1)
        run.join()
        assert not files.holders("scene")
        assert not files.holders("service")
        assert [one.ending.value for one in ended] == ["interrupted"]


@pytest.mark.docker
@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("scene", SCENES)
def test_it_is_ended_and_recorded_in_the_compose_runtime(tmp_path: Path, scene: str) -> None:
    files = write(tmp_path, "compose")
    with opened(tmp_path, files, "compose") as place:
        own = files.holders("service")
        ended = place.manager.execute("alpha", files.command(scene, "naturally"))
        assert (ended.exit_code, bool(ended.left)) == (0, True)
        assert not files.holders("scene")
        assert files.holders("service") == own


@pytest.mark.docker
@pytest.mark.parametrize("init", [True, False])
def test_it_is_ended_in_a_container_of_the_user_s_own(
    engine: Engine, tmp_path: Path, *, init: bool
) -> None:
    files = write(tmp_path, "docker", init=init)
    file = str(tmp_path / "docker-compose.yml")
    compose = ("docker", "compose", "-f", file)
    environment = {**os.environ, **engine.environment}
    subprocess.run([*compose, "up", "-d"], check=True, capture_output=True, env=environment)
    try:
        with opened(tmp_path, files, "docker", adopt_compose=True) as place:
            for scene in SCENES:
                ended = place.manager.execute("alpha", files.command(scene, "naturally"))
                assert (ended.exit_code, bool(ended.left)) == (0, True), scene
                # Without an init an orphan cannot be distinguished from the service's: that restarts it.
                after = place.manager.execute("alpha", ["true"])
                assert after.container_id == ended.container_id, scene
                assert not files.holders("scene"), scene
        assert files.until(lambda: len(files.holders("service")) == 1)
    finally:
        down = [*compose, "down", "-t", "0"]
        subprocess.run(down, check=True, capture_output=True, env=environment)


def _started(files: Files) -> bool:
    """Whether an experiment and something that it started run, its parent or not."""
    return len(files.holders("scene")) >= len(("itself", "left"))
