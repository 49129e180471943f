"""The process runtime does what every runtime must."""

from __future__ import annotations

import os
import signal

from engine.model.spec import Project
from engine.runtimes.base import Container, Runtime
from engine.runtimes.process import ProcessRuntime
from engine.testing.conformance import RuntimeConformance


class TestProcessRuntime(RuntimeConformance):
    async def make_runtime(self, project: Project) -> Runtime:
        return ProcessRuntime(project)

    async def kill_main_process(self, container: Container) -> None:
        os.kill(int(container.id.partition(":")[0]), signal.SIGKILL)
