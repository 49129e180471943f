"""The base of a runtime's tests: its hooks, its services, an open runtime for each test."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from engine.model.spec import HealthCheck, Mount, MountKind, Project, ServiceSpec
from engine.runtimes.base import Container, Runtime
from engine.testing.conformance.rig import Rig
from engine.testing.conformance.scripts import (
    EXITS,
    FAILS_ONCE,
    KEPT,
    PASSES,
    REFUSES,
    TALKS,
    Script,
    spelt,
)

__all__ = ["Harness", "scenario"]


def scenario(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Let plain pytest run a test that is a coroutine, on the event loop of its rig."""

    @functools.wraps(test)
    def run(self: Harness, rig: Rig, **arguments: Any) -> None:
        self.runner.run(test(self, rig, **arguments))

    return run


class Harness:
    """The hooks that a subclass fills, and the services that its tests start."""

    image: str | None = None
    """The image of every service, for runtimes that need one."""

    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    """Makes the event loop that the runtime works on; None for the usual one."""

    runner: asyncio.Runner
    project: Project

    async def make_runtime(self, project: Project) -> Runtime:
        """The runtime under test, not yet opened."""
        raise NotImplementedError

    async def kill_main_process(self, container: Container) -> None:
        """End the container's main process by SIGKILL, from outside of the runtime."""
        raise NotImplementedError

    def spell(self, script: Script, *arguments: str) -> tuple[str, ...]:
        """The argument vector by which the runtime runs a script of the suite."""
        return spelt(script, *arguments)

    def project_name(self) -> str:
        """The project's name; every process of a test run has its own."""
        return f"conformance-{os.getpid()}"

    def services(self, folder: Path) -> tuple[ServiceSpec, ...]:
        """The services that the tests start.

        Args:
            folder: a scratch folder that services may mount.
        """

        def health(script: Script, retries: int) -> HealthCheck:
            return HealthCheck(
                ("CMD", *self.spell(script)),
                interval_s=0.1,
                timeout_s=30,
                start_period_s=0,
                retries=retries,
            )

        kept = self.spell(KEPT)

        mount = Mount(MountKind.BIND, target="/data", source=str(folder))
        return (
            ServiceSpec("one", command=kept),
            ServiceSpec("two", command=kept),
            ServiceSpec("passes", command=self.spell(PASSES)),
            ServiceSpec("fails", command=self.spell(EXITS, "3")),
            ServiceSpec("talks", command=self.spell(TALKS)),
            ServiceSpec("sick", command=kept, healthcheck=health(REFUSES, 2)),
            ServiceSpec(
                "late",
                command=kept,
                working_dir="/data",
                mounts=(mount,),
                healthcheck=health(FAILS_ONCE, 100),
            ),
            ServiceSpec(
                "placed",
                command=kept,
                working_dir="/data/inner",
                mounts=(mount,),
                environment={"OF_SERVICE": "service", "OF_BOTH": "service"},
            ),
        )

    @pytest.fixture
    def rig(self, tmp_path: Path) -> Iterator[Rig]:
        """The runtime, opened; what runs in it is removed in the end."""
        shared = tmp_path / "shared"
        (shared / "inner").mkdir(parents=True)
        specs = [evolve(service, image=self.image) for service in self.services(shared)]
        self.project = project = Project(
            self.project_name(), tmp_path, (), {service.name: service for service in specs}
        )
        with asyncio.Runner(loop_factory=self.loop_factory) as self.runner:
            runtime = self.runner.run(self.make_runtime(project))
            rig = Rig(runtime, tmp_path, tuple(project.services), self.spell)
            self.runner.run(rig.open())
            yield rig
            self.runner.run(rig.tear_down())
