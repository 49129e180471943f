"""The simulated runtime does what every runtime must."""

from __future__ import annotations

from engine.model.spec import Project
from engine.runtimes.base import Container, Runtime
from engine.runtimes.simulated import SimulatedRuntime
from engine.testing.conformance import RuntimeConformance
from engine.testing.conformance.scripts import Script
from engine.util.virtual_clock import VirtualClockLoop
from tests.runtimes.simulated.scripts import Scripts, spell


class TestSimulatedRuntime(RuntimeConformance):
    loop_factory = VirtualClockLoop

    async def make_runtime(self, project: Project) -> Runtime:
        self.runtime = SimulatedRuntime(project, commands=Scripts())
        return self.runtime

    async def kill_main_process(self, container: Container) -> None:
        self.runtime.world.find(container.id).die()

    def spell(self, script: Script, *arguments: str) -> tuple[str, ...]:
        return spell(script, *arguments)
