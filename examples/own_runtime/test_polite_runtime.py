"""The conformance suite: what every runtime must do, with real commands."""

from __future__ import annotations

import os
import signal

from polite_runtime import PoliteRuntime

from engine.model.spec import Project
from engine.runtimes.base import Container, Runtime
from engine.testing.conformance import RuntimeConformance


class TestPoliteRuntime(RuntimeConformance):
    async def make_runtime(self, project: Project) -> Runtime:
        return PoliteRuntime(project)

    async def kill_main_process(self, container: Container) -> None:
        os.kill(int(container.id.partition(":")[0]), signal.SIGKILL)
