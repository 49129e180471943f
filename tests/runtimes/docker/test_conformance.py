"""The docker runtime passes the suite that every runtime must pass, on a real engine."""

import pytest

from engine.runtimes.base import Container, Runtime
from engine.runtimes.docker.client import connect
from engine.runtimes.docker.runtime import DockerRuntime
from engine.spec import Project
from engine.testing.conformance import RuntimeConformance
from tests.lab import BASE_IMAGE


@pytest.mark.docker
@pytest.mark.usefixtures("engine")
class TestDockerRuntime(RuntimeConformance):
    image = BASE_IMAGE

    async def make_runtime(self, project: Project) -> Runtime:
        return DockerRuntime(project)

    async def kill_main_process(self, container: Container) -> None:
        connect().kill(container.id)
