"""Commands in simulated containers: two at a time, and what they leave behind."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from engine.controller import Controller
from engine.model.spec import GpuRequest, Project, ServiceSpec
from engine.runtimes.base import Container, ExecRequest, ExecResult
from engine.runtimes.simulated import EachLasts, Faults, SimulatedRuntime
from engine.runtimes.simulated.processes import KILLED
from engine.util.virtual_clock import run


def test_two_commands_may_wait_for_the_death_of_one_container(tmp_path: Path) -> None:
    project = Project("execs", tmp_path, (), {"alpha": ServiceSpec("alpha")})
    runtime = SimulatedRuntime(project, commands=EachLasts(60))

    async def command(container: Container, name: str) -> ExecResult:
        folder = tmp_path / name
        folder.mkdir()
        return await runtime.execute(container, ExecRequest(name, ("work",), folder))

    async def story() -> list[ExecResult]:
        await runtime.open(lambda _notice: None)
        container = await runtime.launch("alpha", tmp_path)
        both = [asyncio.create_task(command(container, name)) for name in ("one", "two")]
        await asyncio.sleep(10)
        for name in ("one", "two"):
            for process in runtime.world.find(container.id).tree(name):
                process.signal(KILLED)
        return await asyncio.gather(*both)

    assert run(story()) == [ExecResult(KILLED)] * 2


def test_memory_that_an_experiment_leaves_behind_is_its_containers_own(tmp_path: Path) -> None:
    gpu = ServiceSpec("alpha", gpus=(GpuRequest(count=1),))
    project = Project("leak", tmp_path, (), {"alpha": gpu})
    faults = Faults(1.0, random.Random(1), frozenset({"memory_not_freed"}))
    runtime = SimulatedRuntime(project, commands=EachLasts(600), faults=faults)
    controller = Controller(project, runtime, tmp_path)

    async def story() -> list[str]:
        seen: list[str] = []
        controller.on_transition(lambda step: seen.append(step.event))
        await controller.start(["alpha"])
        await controller.execute("alpha", ["work"], id="leaks")
        faults.end()
        await asyncio.sleep(600)
        await controller.execute("alpha", ["work"], id="next")
        await controller.teardown()
        return seen

    events = run(story())
    assert events[:5] == ["start", "proved_ready", "dispatch", "finish", "fault"]
    assert events.count("dispatch") == 2
