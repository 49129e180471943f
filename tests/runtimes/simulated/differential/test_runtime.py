"""The simulated runtime does what a real engine does: the same commands on both, and the same comes of them.

``DIFFERENTIAL_SEQUENCES=50`` tries more random sequences.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from engine.errors import RuntimeFault
from engine.model.spec import Project, ServiceSpec
from engine.runtimes.base import Container, Happening, Runtime
from engine.runtimes.docker.runtime import DockerRuntime
from engine.runtimes.simulated import SimulatedRuntime
from engine.testing.conformance.rig import Rig
from engine.testing.conformance.scripts import EXITS, IGNORES_TERM, KEPT, STAYS, Spelling, spelt
from engine.util.virtual_clock import VirtualClockLoop
from tests.lab import BASE_IMAGE
from tests.runtimes.simulated.differential.outside import Outside, on_docker, on_simulated
from tests.runtimes.simulated.scripts import Scripts, spell

_STEPS = 9
_SEQUENCES = int(os.environ.get("DIFFERENTIAL_SEQUENCES", "1"))

_ACTS = (
    *("succeeds", "fails", "is_ended", "ignores_term", "is_killed", "is_paused", "is_removed"),
    *("restarts", "recreates", "goes", "goes", "is_launched", "is_launched"),
)


@define
class Side:
    """One of the two runtimes, and what has come of each step on it."""

    rig: Rig
    outside: Outside
    container: Container | None = None
    told: list[Any] = field(factory=list)

    async def do(self, step: str) -> None:
        """Do a step, and note what comes of it and what inspection then shows."""
        act: Callable[[], Awaitable[Any]] = getattr(self, step)
        try:
            came = await act()
        except RuntimeFault as fault:
            came = type(fault).__name__
        seen = await self.rig.runtime.inspect("one")
        shown = seen and (seen.running, seen.paused, seen.health, seen.exit_code, seen.oom_killed)
        same = seen and self.container and seen.container == self.container
        self.told.append((step, came, shown, same))

    async def is_launched(self) -> None:
        if await self.rig.runtime.inspect("one") is None:
            self.container = await self.rig.ready("one")

    async def succeeds(self) -> Any:
        return self.container and (await self.rig.do(self.container, EXITS, "0")).exit_code

    async def fails(self) -> Any:
        return self.container and (await self.rig.do(self.container, EXITS, "3")).exit_code

    async def is_ended(self) -> Any:
        return await self._ended(STAYS, 5.0)

    async def ignores_term(self) -> Any:
        return await self._ended(IGNORES_TERM, 0.3)

    async def _ended(self, script: Any, grace_s: float) -> Any:
        seen = await self.rig.runtime.inspect("one")
        if self.container is None or seen is None or not seen.running or seen.paused:
            return None
        request, task = await self.rig.begin(self.container, script)
        gone = await self.rig.runtime.kill(self.container, request, grace_s=grace_s)
        return gone, (await task).exit_code

    async def is_killed(self) -> None:
        seen = await self.rig.runtime.inspect("one")
        if seen is not None and seen.running:
            await self._befalls("kill", seen.container, Happening.DIED)

    async def is_paused(self) -> None:
        seen = await self.rig.runtime.inspect("one")
        if seen is not None and seen.running and not seen.paused:
            await self._befalls("pause", seen.container, Happening.PAUSED)

    async def is_removed(self) -> None:
        seen = await self.rig.runtime.inspect("one")
        if seen is not None:
            await self._befalls("remove", seen.container, Happening.DIED)

    async def _befalls(self, what: str, container: Container, happening: Happening) -> None:
        self.rig.notices.clear()
        self.outside(what, container)
        await self.rig.until_noticed(happening, container)

    async def restarts(self) -> Any:
        return await self._again(recreate=False)

    async def recreates(self) -> Any:
        return await self._again(recreate=True)

    async def _again(self, *, recreate: bool) -> Any:
        before = self.container
        if before is None:
            return None
        folder = self.rig.folder_of("one")
        after = await self.rig.runtime.relaunch(before, recreate=recreate, folder=folder)
        await self.rig.runtime.gate(after)
        self.container = after
        return after.id == before.id, after.started_at == before.started_at

    async def goes(self) -> None:
        await self.rig.runtime.remove("one", grace_s=1)


def come_of(
    steps: list[str],
    runtime: Runtime,
    folder: Path,
    outside: Outside,
    *,
    spelling: Spelling = spelt,
    loop: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> list[Any]:
    folder.mkdir()

    async def story() -> list[Any]:
        side = Side(Rig(runtime, folder, ("one",), spelling), outside)
        await side.rig.open()
        try:
            for step in steps:
                await side.do(step)
        finally:
            await side.rig.tear_down()
        return side.told

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(story())


def drawn(seed: int) -> list[str]:
    return ["is_launched", *random.Random(seed).choices(_ACTS, k=_STEPS)]


_SCENES = [
    ["is_launched", "is_paused", "succeeds", "goes"],
    ["is_launched", "is_killed", "fails", "restarts", "ignores_term", "goes", "goes", "succeeds"],
    *map(drawn, range(_SEQUENCES)),
]


@pytest.mark.docker
@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("steps", _SCENES, ids=range(len(_SCENES)))
def test_the_same_comes_of_the_same_commands(steps: list[str], tmp_path: Path) -> None:
    def project(spelling: Spelling) -> Project:
        spec = ServiceSpec("one", image=BASE_IMAGE, command=spelling(KEPT), stop_grace_period_s=1)
        return Project(f"differential-{os.getpid()}", tmp_path, (), {"one": spec})

    real = DockerRuntime(project(spelt))
    simulated = SimulatedRuntime(project(spell), commands=Scripts())
    expected = come_of(steps, real, tmp_path / "docker", on_docker)
    found = come_of(
        steps,
        simulated,
        tmp_path / "simulated",
        on_simulated(simulated),
        spelling=spell,
        loop=VirtualClockLoop,
    )
    assert found == expected
