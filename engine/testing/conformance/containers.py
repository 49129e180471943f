"""How the containers of any runtime behave: from launch to removal."""
# ruff: noqa: PLR2004 - these are tests, which users import

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import ContainerLost, NotReady
from engine.runtimes.base import Happening
from engine.testing.conformance.harness import Harness, scenario
from engine.testing.conformance.rig import Rig, until
from engine.testing.conformance.scripts import IGNORES_TERM, PASSES, STAYS

__all__ = ["ContainerBehaviour"]


class ContainerBehaviour(Harness):
    """The life of a container."""

    # Opening and closing

    @scenario
    async def test_open_and_close_can_be_repeated(self, rig: Rig) -> None:
        await rig.open()
        await rig.runtime.close()
        await rig.runtime.close()
        await rig.open()
        container = await rig.ready("one")
        await self.kill_main_process(container)
        await rig.until_noticed(Happening.DIED, container)

    @scenario
    async def test_it_says_what_it_is(self, rig: Rig) -> None:
        assert rig.runtime.name
        assert rig.runtime.description
        assert "\n" not in rig.runtime.description

    # A container's life

    @scenario
    async def test_a_service_that_was_not_launched_is_not_there(self, rig: Rig) -> None:
        assert await rig.runtime.inspect("one") is None

    @scenario
    async def test_a_launched_service_runs(self, rig: Rig) -> None:
        container = await rig.ready("one")
        seen = await rig.runtime.inspect("one")
        assert seen is not None
        assert seen.running
        assert seen.container == container
        assert container.service == "one"

    @pytest.mark.parametrize("recreate", [False, True])
    @scenario
    async def test_a_relaunched_service_runs_under_a_new_identity(
        self, rig: Rig, *, recreate: bool
    ) -> None:
        before = await rig.ready("one")
        after = await rig.runtime.relaunch(before, recreate=recreate, folder=rig.folder_of("one"))
        await rig.runtime.gate(after)
        assert (after.id, after.started_at) != (before.id, before.started_at)
        assert not recreate or after.id != before.id
        seen = await rig.runtime.inspect("one")
        assert seen is not None
        assert seen.running
        assert seen.container == after
        assert (await rig.do(after, PASSES)).exit_code == 0

    @pytest.mark.parametrize("recreate", [False, True])
    @scenario
    async def test_relaunch_ends_what_runs_in_it(
        self, rig: Rig, tmp_path: Path, *, recreate: bool
    ) -> None:
        before = await rig.ready("one")
        _, task = await rig.begin(before, STAYS, tmp_path.name)
        after = await rig.runtime.relaunch(before, recreate=recreate, folder=rig.folder_of("one"))
        await rig.runtime.gate(after)
        with pytest.raises(ContainerLost):
            await task
        assert not await rig.survivors(after, tmp_path.name)

    @scenario
    async def test_a_service_that_ended_can_be_relaunched(self, rig: Rig) -> None:
        before = await rig.ready("one")
        await self.kill_main_process(before)
        await rig.until_ended("one")
        after = await rig.runtime.relaunch(before, recreate=False, folder=rig.folder_of("one"))
        await rig.runtime.gate(after)
        assert (await rig.do(after, PASSES)).exit_code == 0

    @scenario
    async def test_the_death_of_an_idle_container_is_told(self, rig: Rig) -> None:
        container = await rig.ready("one")
        await self.kill_main_process(container)
        await rig.until_noticed(Happening.DIED, container)
        seen = await rig.runtime.inspect("one")
        assert seen is not None
        assert not seen.running
        assert seen.exit_code == 137

    # The gate

    @scenario
    async def test_a_service_whose_main_process_died_is_not_ready(self, rig: Rig) -> None:
        container = await rig.start("fails")
        await rig.until_ended("fails")
        with pytest.raises(NotReady, match="3"):
            await rig.runtime.gate(container)

    @scenario
    async def test_a_service_whose_health_check_fails_is_not_ready(self, rig: Rig) -> None:
        container = await rig.start("sick")
        with pytest.raises(NotReady, match="no luck"):
            await rig.runtime.gate(container)
        seen = await rig.runtime.inspect("sick")
        assert seen is not None
        assert seen.running
        assert seen.health == "unhealthy"

    @scenario
    async def test_a_service_is_ready_once_its_health_check_passes(self, rig: Rig) -> None:
        container = await rig.start("late")
        await rig.runtime.gate(container)
        assert (rig.folder / "shared" / "asked").exists()
        seen = await rig.runtime.inspect("late")
        assert seen is not None
        assert seen.health == "healthy"

    # One-shot services

    @pytest.mark.parametrize(("service", "code"), [("passes", 0), ("fails", 3)])
    @scenario
    async def test_a_one_shot_service_is_waited_for(
        self, rig: Rig, service: str, code: int
    ) -> None:
        assert await rig.runtime.complete(await rig.start(service)) == code

    # Logs and removal

    @scenario
    async def test_the_last_lines_of_the_main_process_are_kept(self, rig: Rig) -> None:
        await rig.ready("talks")

        async def all_is_said() -> bool:
            return len(await rig.runtime.logs("talks", 10)) == 3

        await until(all_is_said, "three lines")
        assert sorted(await rig.runtime.logs("talks", 10)) == ["one", "three", "two"]
        assert len(await rig.runtime.logs("talks", 2)) == 2

    @scenario
    async def test_remove_of_nothing_is_harmless(self, rig: Rig) -> None:
        await rig.runtime.remove("one", grace_s=0)
        assert await rig.runtime.inspect("one") is None

    @scenario
    async def test_remove_ends_what_runs_and_can_be_repeated(self, rig: Rig) -> None:
        container = await rig.ready("one")
        _, task = await rig.begin(container, IGNORES_TERM)
        await rig.runtime.remove("one", grace_s=0.5)
        assert await rig.runtime.inspect("one") is None
        with pytest.raises(ContainerLost):
            await task
        await rig.runtime.remove("one", grace_s=0.5)

    @scenario
    async def test_remove_leaves_siblings_alone(self, rig: Rig) -> None:
        await rig.ready("one")
        sibling = await rig.ready("two")
        await rig.runtime.remove("one", grace_s=0)
        seen = await rig.runtime.inspect("two")
        assert seen is not None
        assert seen.running
        assert seen.container == sibling

    @scenario
    async def test_a_removed_service_can_be_launched_again(self, rig: Rig) -> None:
        before = await rig.ready("one")
        await rig.runtime.remove("one", grace_s=0)
        after = await rig.ready("one")
        assert after.id != before.id

    @scenario
    async def test_sweep_leaves_nothing_to_name(self, rig: Rig) -> None:
        await rig.ready("one")
        await rig.runtime.remove("one", grace_s=0)
        assert await rig.runtime.sweep() == {}
        assert await rig.runtime.sweep() == {}
