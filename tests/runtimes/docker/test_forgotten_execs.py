"""An engine that has been restarted knows its execs no more, and what it had started by them runs on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import docker.errors
import pytest
from docker.api import APIClient

from engine.errors import CommandLost, ContainerLost
from engine.model.spec import Project
from engine.ownership.owner import Owner
from engine.runtimes.base import Happening, Runtime
from engine.runtimes.docker.commands import execs
from engine.runtimes.docker.runtime import DockerRuntime
from engine.testing.conformance.harness import scenario
from engine.testing.conformance.rig import Rig, until
from engine.testing.conformance.scripts import Script, sh
from tests.lab import Engine
from tests.runtimes.harnesses import DockerHarness
from tests.world.gate import Gate

_TOLD: Final = "echo ready; until test -e go; do sleep 0.05; done; "
_WAITS: Final = Script("waits", sh(f"{_TOLD}echo done; exit 3"))
_VANISHES: Final = Script("vanishes", sh(f"{_TOLD}kill -KILL $PPID"))
"""Takes the shell with it that would note its end."""


@pytest.mark.docker
class TestForgottenExecs(DockerHarness):
    """On the real engine, the way to which is cut for a moment."""

    gate: Gate

    @pytest.fixture(autouse=True)
    def way(self, engine: Engine) -> Iterator[None]:
        with tempfile.TemporaryDirectory() as folder:
            self.gate = Gate(Path(folder) / "docker.sock", engine.socket)
            self.gate.open()
            yield
            self.gate.bar()

    async def make_runtime_of(self, project: Project, owner: Owner) -> Runtime:
        return DockerRuntime(project, owner=owner, engine=self.gate.environment)

    async def restart(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the engine be away, and come back without its execs."""
        take_in = execs.Execs.on_event

        def without_execs(self: execs.Execs, event: Mapping[str, Any]) -> None:
            if not event["Action"].startswith("exec_"):
                take_in(self, event)

        def unknown(*_: object) -> None:
            raise docker.errors.NotFound("No such exec instance")

        self.gate.bar()
        monkeypatch.setattr(APIClient, "exec_inspect", unknown)
        monkeypatch.setattr(execs.Execs, "on_event", without_execs)
        self.gate.open()

        async def is_back() -> bool:
            return any(notice.happening is Happening.BLIND for notice in rig.notices)

        await until(is_back, "the engine's return")

    def go(self, rig: Rig) -> None:
        (rig.folder / "shared" / "inner" / "go").touch()

    @scenario
    async def test_what_runs_on_gives_its_true_exit_code(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _, running = await rig.begin(await rig.ready("placed"), _WAITS)
        await self.restart(rig, monkeypatch)
        self.go(rig)
        finished = await running
        assert (finished.exit_code, finished.stdout) == (3, b"ready\ndone\n")

    @scenario
    async def test_what_ended_without_a_trace_is_lost(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(execs, "_LIST_EVERY_S", 0.0)
        request, running = await rig.begin(await rig.ready("placed"), _VANISHES)
        await self.restart(rig, monkeypatch)
        self.go(rig)
        with pytest.raises(
            CommandLost, match=f"nothing of {request.id} runs, and it noted no exit code"
        ):
            await running

    @scenario
    async def test_what_goes_down_with_its_container_is_lost_with_it(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        container = await rig.ready("placed")
        _, running = await rig.begin(container, _WAITS)
        await self.restart(rig, monkeypatch)
        await self.kill_main_process(container)
        with pytest.raises(ContainerLost):
            await running
