"""Commands in simulated containers, two at a time."""

from __future__ import annotations

import asyncio
from pathlib import Path

from engine.runtimes.base import Container, ExecRequest, ExecResult
from engine.runtimes.simulated import EachLasts, SimulatedRuntime
from engine.runtimes.simulated.processes import KILLED
from engine.spec import Project, ServiceSpec
from engine.testing.clock import run


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
