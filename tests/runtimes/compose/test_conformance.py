"""The compose runtime passes the suite that every runtime must pass, with real Compose, on a real engine."""

import json
from functools import partial
from typing import Any

import pytest
from attrs import evolve

from engine.runtimes.base import Container, Runtime
from engine.runtimes.compose.client import client
from engine.runtimes.compose.maker import ComposeMaker
from engine.runtimes.docker.client import connect
from engine.runtimes.docker.runtime import DockerRuntime
from engine.spec import HealthCheck, Project, ServiceSpec
from engine.testing.conformance import RuntimeConformance
from tests.lab import BASE_IMAGE


@pytest.mark.docker
@pytest.mark.usefixtures("engine")
class TestComposeRuntime(RuntimeConformance):
    image = BASE_IMAGE

    async def make_runtime(self, project: Project) -> Runtime:
        file = project.directory / "docker-compose.yml"
        services = {name: written(spec) for name, spec in project.services.items()}
        file.write_text(json.dumps({"name": project.name, "services": services}))
        return DockerRuntime(
            evolve(project, files=(file,)), maker=partial(ComposeMaker, client(None))
        )

    async def kill_main_process(self, container: Container) -> None:
        connect().kill(container.id)


def written(spec: ServiceSpec) -> dict[str, Any]:
    """A service of the suite as a compose file has it."""
    service: dict[str, Any] = {
        "image": spec.image,
        "command": [word.replace("$", "$$") for word in spec.command or ()],
        "working_dir": spec.working_dir,
        "environment": dict(spec.environment),
        "volumes": [
            {"type": "bind", "source": mount.source, "target": mount.target}
            for mount in spec.mounts
        ],
        "healthcheck": health(spec.healthcheck) if spec.healthcheck else None,
    }
    return {key: value for key, value in service.items() if value}


def health(check: HealthCheck) -> dict[str, Any]:
    return {
        "test": [*(check.test or ())],
        "interval": f"{check.interval_s}s",
        "timeout": f"{check.timeout_s}s",
        "retries": check.retries,
    }
