"""How a controller takes over what a dead one left: for runtimes whose containers outlive a controller."""
# ruff: noqa: PLR2004 - these are tests, which users import

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

import pytest
from attrs import evolve

from engine.errors import CommandLost, ContainerLost
from engine.model.spec import Project
from engine.ownership.owner import Owner
from engine.runtimes.base import Container, ExecRequest, Runtime
from engine.testing.conformance.harness import Harness, scenario
from engine.testing.conformance.rig import Rig, output, until
from engine.testing.conformance.scripts import EXITS, PASSES, STAYS, Script, sh

__all__ = ["AdoptionBehaviour"]

_WAITS: Final = Script(
    "waits", sh("echo ready; while [ ! -e go ]; do sleep 0.05; done; echo done; exit 3")
)
"""Writes ``ready``, goes on until a file ``go`` lies in its working directory, and ends with exit code 3."""

_VANISHES: Final = Script("vanishes", sh("echo ready; kill -KILL $PPID; sleep 0.1"))
"""Writes ``ready``, and takes the shell with it that would note its end."""


class AdoptionBehaviour(Harness):
    """What happens to a container whose controller has died."""

    async def make_runtime_of(self, project: Project, owner: Owner) -> Runtime:
        """A runtime like that of :meth:`make_runtime`, of another controller."""
        raise NotImplementedError

    async def begun(self, rig: Rig, *, by: Owner | None = None) -> Rig:
        """A runtime of a controller that has died."""
        owner = by or evolve(Owner.current(), started="1")
        runtime = await self.make_runtime_of(self.project, owner)
        before = Rig(runtime, rig.folder, rig.services, rig.spell, numbers=rig.numbers)
        await before.open()
        return before

    async def die(self, before: Rig, *running: asyncio.Task[object]) -> None:
        """End a controller; what it has started goes on."""
        for task in running:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await before.runtime.close()

    async def left(self, rig: Rig, script: Script) -> tuple[Container, ExecRequest]:
        """A container of the service ``placed`` in which a command runs, and no controller."""
        before = await self.begun(rig)
        container = await before.ready("placed")
        request, task = await before.begin(container, script)
        await self.die(before, task)
        return container, request

    async def adopted(
        self, rig: Rig, request: ExecRequest | None = None, service: str = "placed"
    ) -> Container:
        await rig.runtime.prepare([service])
        found = await rig.runtime.adopt(service, rig.folder_of(service), request)
        assert found is not None
        return found

    def go(self, rig: Rig) -> None:
        (rig.folder / "shared" / "inner" / "go").touch()

    # The container

    @scenario
    async def test_where_nothing_is_left_nothing_is_taken_over(self, rig: Rig) -> None:
        await rig.runtime.prepare(["one"])
        assert await rig.runtime.adopt("one", rig.folder_of("one")) is None

    @scenario
    async def test_an_idle_container_is_taken_over_as_it_is(self, rig: Rig) -> None:
        before = await self.begun(rig)
        container = await before.ready("one")
        await self.die(before)
        found = await self.adopted(rig, service="one")
        assert found == container
        await rig.runtime.gate(found)
        assert (await rig.do(found, EXITS, "3")).exit_code == 3
        seen = await rig.runtime.inspect("one")
        assert seen is not None
        assert seen.container == container

    @scenario
    async def test_what_was_taken_over_is_removed_with_the_rest(self, rig: Rig) -> None:
        container, request = await self.left(rig, STAYS)
        await self.adopted(rig, request)
        await rig.runtime.remove("placed", grace_s=0)
        assert await rig.runtime.inspect("placed") is None
        assert await rig.runtime.sweep() == {}
        with pytest.raises(ContainerLost):
            await rig.runtime.attach(container, request)

    @scenario
    async def test_what_was_taken_over_can_be_restarted(self, rig: Rig) -> None:
        before, request = await self.left(rig, STAYS)
        await self.adopted(rig, request)
        folder = rig.folder_of("placed")
        after = await rig.runtime.relaunch(before, recreate=False, folder=folder)
        await rig.runtime.gate(after)
        assert after != before
        assert (await rig.do(after, PASSES)).exit_code == 0

    @scenario
    async def test_what_was_made_from_another_specification_is_not_taken_over(
        self, rig: Rig
    ) -> None:
        before = await self.begun(rig)
        container = await before.ready("placed")
        await self.die(before)
        spec = evolve(self.project.services["placed"], environment={"OTHER": "yes"})
        project = evolve(self.project, services={**self.project.services, "placed": spec})
        changed = Rig(await self.make_runtime(project), rig.folder, rig.services, rig.spell)
        await changed.open()
        try:
            await changed.runtime.prepare(["placed"])
            assert await changed.runtime.adopt("placed", changed.folder_of("placed")) is None
            assert (await changed.ready("placed")).id != container.id
        finally:
            await changed.tear_down()

    @scenario
    async def test_what_writes_to_another_folder_is_not_taken_over(self, rig: Rig) -> None:
        before = await self.begun(rig)
        await before.ready("one")
        await self.die(before)
        elsewhere = rig.folder / "elsewhere"
        elsewhere.mkdir()
        assert await rig.runtime.adopt("one", elsewhere) is None

    @scenario
    async def test_what_does_not_run_is_not_taken_over(self, rig: Rig) -> None:
        before = await self.begun(rig)
        container = await before.ready("one")
        await self.kill_main_process(container)
        await before.until_ended("one")
        await self.die(before)
        assert await rig.runtime.adopt("one", rig.folder_of("one")) is None
        assert (await rig.ready("one")).started_at != container.started_at

    @scenario
    async def test_what_belongs_to_somebody_alive_is_not_taken_over(self, rig: Rig) -> None:
        other = evolve(Owner.current(), host="elsewhere")  # this host cannot know whether it lives
        living = await self.begun(rig, by=other)
        try:
            await living.ready("one")
            assert await rig.runtime.adopt("one", rig.folder_of("one")) is None
        finally:
            await living.tear_down()

    @scenario
    async def test_one_of_several_gets_it(self, rig: Rig) -> None:
        before = await self.begun(rig)
        container = await before.ready("one")
        await self.die(before)
        here = Owner.current()
        rivals = [
            await self.begun(rig, by=evolve(here, host=f"{here.host}-{number}"))
            for number in range(4)
        ]
        folder = rig.folder_of("one")
        try:
            found = await asyncio.gather(*(one.runtime.adopt("one", folder) for one in rivals))
            assert sorted(found, key=str) == sorted([container, None, None, None], key=str)
        finally:
            for rival in rivals:
                await rival.tear_down()

    # What runs in it

    @scenario
    async def test_what_still_runs_is_waited_for(self, rig: Rig) -> None:
        _, request = await self.left(rig, _WAITS)
        container = await self.adopted(rig, request)
        waiting = asyncio.create_task(rig.runtime.attach(container, request))
        self.go(rig)
        assert (await waiting).exit_code == 3
        assert output(request) == b"ready\ndone\n"

    @scenario
    async def test_what_has_ended_meanwhile_gives_its_exit_code(self, rig: Rig) -> None:
        _, request = await self.left(rig, _WAITS)
        self.go(rig)

        async def has_ended() -> bool:
            return output(request, "exit_code") == b"3\n"

        await until(has_ended, "the end of what was left")
        container = await self.adopted(rig, request)
        assert (await rig.runtime.attach(container, request)).exit_code == 3

    @scenario
    async def test_what_ended_without_a_trace_is_lost(self, rig: Rig) -> None:
        _, request = await self.left(rig, _VANISHES)
        container = await self.adopted(rig, request)
        with pytest.raises(CommandLost, match=request.id):
            await rig.runtime.attach(container, request)

    @scenario
    async def test_what_still_runs_can_be_ended(self, rig: Rig) -> None:
        _, request = await self.left(rig, STAYS)
        container = await self.adopted(rig, request)
        waiting = asyncio.create_task(rig.runtime.attach(container, request))
        assert await rig.runtime.kill(container, request, grace_s=10)
        assert (await waiting).exit_code == 143

    @scenario
    async def test_the_death_of_a_container_that_was_taken_over_is_told(self, rig: Rig) -> None:
        _, request = await self.left(rig, STAYS)
        container = await self.adopted(rig, request)
        waiting = asyncio.create_task(rig.runtime.attach(container, request))
        await self.kill_main_process(container)
        with pytest.raises(ContainerLost):
            await waiting

    @scenario
    async def test_a_container_in_which_something_else_runs_is_not_taken_over(
        self, rig: Rig
    ) -> None:
        await self.left(rig, STAYS)
        other = rig.request(Container("placed", "", ""), "true")
        assert await rig.runtime.adopt("placed", rig.folder_of("placed"), other) is None
        assert await rig.runtime.adopt("placed", rig.folder_of("placed")) is None
