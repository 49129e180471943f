"""Of two backends one is stopped, with all that experiments started in it; the other one goes on."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from engine.controller import Controller
from engine.runtimes.selection import RuntimeName, choose_runtime, read_project
from tests.lab import BASE_IMAGE
from tests.leftovers.place import RUNTIMES, Files
from tests.leftovers.scenes import program

_SERVICES = ("alpha", "beta")


def write(folder: Path, runtime: RuntimeName) -> Files:
    """Write the compose file of two services; each holds a file of the service's name, and so does what runs in it."""
    shared = folder / "shared"
    shared.mkdir()
    (folder / "output").mkdir()
    files = Files(shared, str(shared) if runtime == "process" else "/shared")
    services = {}
    for name in _SERVICES:
        (shared / name).touch()
        services[name] = {
            "image": BASE_IMAGE,
            "command": files.holds(name),
            "volumes": [f"{shared}:/shared"],
            "stop_grace_period": "0s",
        }
    model = {"name": f"two-backends-{os.getpid()}", "services": services}
    (folder / "docker-compose.yml").write_text(json.dumps(model))
    return files


@pytest.mark.parametrize("scene", ["renamed, its environment wiped", "all at once"])
@pytest.mark.parametrize("runtime", RUNTIMES, indirect=True)
def test_only_the_stopped_one_s_processes_end(
    tmp_path: Path, runtime: RuntimeName, scene: str
) -> None:
    files = write(tmp_path, runtime)

    def all_run() -> bool:
        return all(
            len(files.holders(name)) >= len(("service", "itself", "left")) for name in _SERVICES
        )

    async def story() -> None:
        project = read_project(runtime, tmp_path / "docker-compose.yml", None)
        hands = await choose_runtime(runtime, project, {})
        async with Controller(project, hands, tmp_path / "output") as controller:
            await controller.start(_SERVICES)
            running = {}
            for name in _SERVICES:
                command = ["python3", "-c", program(scene, "on request"), f"{files.inside}/{name}"]
                running[name] = asyncio.create_task(controller.execute(name, command, id=name))
            assert await asyncio.to_thread(files.until, all_run)
            before = files.holders("beta")
            await controller.stop(["alpha"])
            stopped = await running["alpha"]
            assert stopped.ending.value == "interrupted"
            assert files.holders("alpha") == set()
            assert files.holders("beta") == before
            (files.shared / "beta.go").touch()
            ended = await running["beta"]
            assert (ended.exit_code, bool(ended.left)) == (0, True)
            assert len(files.holders("beta")) == len(("service",))

    asyncio.run(story())
