"""How the suite of all runtimes gets at those on the lab's engine: through Compose, and from afar."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest
from attrs import evolve

from engine.model.spec import HealthCheck, Project, ServiceSpec
from engine.ownership.owner import Owner
from engine.runtimes.base import Container, Runtime
from engine.runtimes.compose.client import client
from engine.runtimes.compose.provisioner import ComposeProvisioner
from engine.runtimes.docker.daemon.client import connect
from engine.runtimes.docker.runtime import DockerRuntime
from engine.testing.conformance.harness import Harness
from tests.lab import BASE_IMAGE, Engine
from tests.lab.elsewhere import behind_tcp, hidden_from_engine

__all__ = ["ComposeHarness", "DockerHarness", "Elsewhere"]


class DockerHarness(Harness):
    """The docker runtime."""

    image = BASE_IMAGE

    async def make_runtime(self, project: Project) -> Runtime:
        return await self.make_runtime_of(project, Owner.current())

    async def make_runtime_of(self, project: Project, owner: Owner) -> Runtime:
        return DockerRuntime(project, owner=owner)

    async def kill_main_process(self, container: Container) -> None:
        connect().kill(container.id)


class ComposeHarness(DockerHarness):
    """The compose runtime, which needs the services in a file."""

    async def make_runtime_of(self, project: Project, owner: Owner) -> Runtime:
        file = project.directory / "docker-compose.yml"
        services = {name: written(spec) for name, spec in project.services.items()}
        model = json.dumps({"name": project.name, "services": services})
        file.write_text(model.replace("$", "$$"))
        maker = partial(ComposeProvisioner, client(None))
        return DockerRuntime(evolve(project, files=(file,)), owner=owner, maker=maker)


class Elsewhere(Harness):
    """Mixed in first: the engine is behind a TCP address, and does not see where output goes."""

    away: ExitStack

    @pytest.fixture(autouse=True)
    def elsewhere(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        with ExitStack() as self.away:
            monkeypatch.setenv("DOCKER_HOST", self.away.enter_context(behind_tcp(engine)))
            yield

    async def make_runtime(self, project: Project) -> Runtime:
        output = project.directory / "output"
        output.mkdir()
        self.away.enter_context(hidden_from_engine(output))
        return await super().make_runtime(project)


def written(spec: ServiceSpec) -> dict[str, Any]:
    """A service of the suite as a compose file has it."""
    service: dict[str, Any] = {
        "image": spec.image,
        "command": list(spec.command or ()),
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
