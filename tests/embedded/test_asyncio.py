"""A controller in a program with an event loop, which cancels calls and ends at any time."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.controller import Controller
from engine.errors import DispatchError, StartError, UsedOnOtherLoop
from engine.model.spec import Project, ServiceSpec
from engine.runtimes.simulated import EachLasts, SimulatedRuntime, World
from engine.testing.simulation import left_in
from engine.util.virtual_clock import run
from tests.fake_runtime import FakeRuntime

MakeController = Callable[..., Controller]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def make(tmp_path: Path, world: World) -> MakeController:
    """Makes a controller of simulated containers, in which every command takes an hour."""

    def make(command_s: float = 3600.0) -> Controller:
        project = Project(
            "p", tmp_path, (), {name: ServiceSpec(name) for name in ("alpha", "beta")}
        )
        runtime = SimulatedRuntime(project, world=world, commands=EachLasts(command_s))
        return Controller(project, runtime, tmp_path)

    return make


async def cancelled(work: Any, after_s: float) -> None:
    """Begin a call, and cancel it after a while."""
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(work, after_s)


def test_the_block_tears_down_on_an_error(make: MakeController, world: World) -> None:
    async def story() -> None:
        async with make() as controller:
            await controller.start(["alpha"])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(story())
    assert left_in(world) == []


class TestACancelledStart:
    @pytest.mark.parametrize("after_s", [0.001, 0.05, 0.2, 0.45, 0.5])
    def test_leaves_nothing_after_the_teardown(
        self, make: MakeController, world: World, after_s: float
    ) -> None:
        async def story() -> None:
            async with make() as controller:
                await cancelled(controller.start(["alpha", "beta"]), after_s)

        run(story())
        assert left_in(world) == []

    def test_goes_on_for_the_others_that_wait_for_it(self, make: MakeController) -> None:
        async def story() -> None:
            async with make() as controller:
                stays = asyncio.create_task(controller.start(["alpha"]))
                await cancelled(controller.start(["alpha"]), 0.2)
                await stays
                assert controller.backends["alpha"].state == "ready"

        run(story())

    def test_can_be_asked_for_again(self, make: MakeController) -> None:
        async def story() -> None:
            async with make() as controller:
                await cancelled(controller.start(["alpha"]), 0.2)
                await controller.start(["alpha"])
                assert controller.backends["alpha"].state == "ready"

        run(story())

    def test_closes_a_runtime_that_was_half_open(self, tmp_path: Path) -> None:
        async def story() -> None:
            fake = FakeRuntime()
            controller = Controller(
                Project("p", tmp_path, (), {"alpha": ServiceSpec("alpha")}), fake, tmp_path
            )
            fake.will("open", "", asyncio.get_running_loop().create_future())
            await cancelled(controller.start(["alpha"]), 1)
            assert (fake.called("open"), fake.called("close")) == (1, 1)

        run(story())


def test_a_cancelled_command_is_ended(make: MakeController, world: World) -> None:
    async def story() -> None:
        async with make() as controller:
            await controller.start(["alpha"])
            await cancelled(controller.execute("alpha", ["work"], id="first"), 1)
            assert not [one for box in world.containers.values() for one in box.tree("first")]
            assert controller.backends["alpha"].state == "ready"

    run(story())


class TestACancelledTeardown:
    def test_goes_on_and_can_be_waited_for_again(self, make: MakeController, world: World) -> None:
        async def story() -> None:
            controller = make()
            await controller.start(["alpha", "beta"])
            await cancelled(controller.teardown(), 0.001)
            assert left_in(world) != []
            await controller.teardown()
            assert left_in(world) == []

        run(story())

    def test_ends_with_its_loop(self, make: MakeController, world: World) -> None:
        """As asyncio.run does, when a second Ctrl+C comes: every task is cancelled, and waited for once."""

        async def story() -> None:
            controller = make()
            await controller.start(["alpha", "beta"])
            await cancelled(controller.teardown(), 0.001)

        run(story())
        assert left_in(world) == []


def test_a_program_that_cancels_all_its_tasks_can_still_tear_down(
    make: MakeController, world: World
) -> None:
    async def story() -> None:
        controller = make()
        await controller.start(["alpha"])
        stop = asyncio.create_task(controller.stop(["alpha"]))
        await asyncio.sleep(0.001)
        assert controller.backends["alpha"].stopping
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.wait(others)
        assert stop.cancelled()
        await controller.teardown()

    run(story())
    assert left_in(world) == []


def test_a_call_that_outlasts_the_teardown_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        project = Project("p", tmp_path, (), {"alpha": ServiceSpec("alpha")})
        fake = FakeRuntime()
        controller = Controller(project, fake, tmp_path)
        await controller.start(["alpha"])
        fake.will("execute", "alpha", asyncio.get_running_loop().create_future())
        fake.will("kill", "alpha", False)
        call = asyncio.create_task(controller.execute("alpha", ["work"], id="x"))
        await asyncio.sleep(1)
        await controller.teardown()
        assert not call.done()

    run(story())
    assert "all is down, and these calls are still under way: execute" in caplog.text


class TestATeardownThatIsUnderWay:
    def story(self, make: MakeController, call: Callable[[Controller], Any]) -> Any:
        async def story() -> Any:
            controller = make()
            await controller.start(["alpha"])
            down = asyncio.create_task(controller.teardown())
            await asyncio.sleep(0.001)
            try:
                return await call(controller)
            finally:
                await down

        return run(story())

    def test_refuses_a_start(self, make: MakeController, world: World) -> None:
        with pytest.raises(StartError, match="beta: a teardown is under way; start it again"):
            self.story(make, lambda controller: controller.start(["beta"]))
        assert left_in(world) == []

    def test_refuses_a_command(self, make: MakeController) -> None:
        with pytest.raises(DispatchError, match="alpha takes no experiment: a teardown is under"):
            self.story(make, lambda controller: controller.execute("alpha", ["work"], id="x"))

    def test_is_waited_for_by_a_stop(self, make: MakeController, world: World) -> None:
        self.story(make, lambda controller: controller.stop(["alpha"]))
        assert left_in(world) == []

    def test_is_hurried_by_one_that_leaves_no_time(self, tmp_path: Path) -> None:
        async def story() -> float:
            project = Project(
                "p", tmp_path, (), {"alpha": ServiceSpec("alpha", stop_grace_period_s=600)}
            )
            fake = FakeRuntime()
            controller = Controller(project, fake, tmp_path)
            await controller.start(["alpha"])
            fake.will("remove", "alpha", asyncio.get_running_loop().create_future())
            down = asyncio.create_task(controller.teardown())
            await asyncio.sleep(1)
            await controller.teardown(grace_s=0)
            await down
            return fake.called("remove", "alpha")

        assert run(story()) == 2


class TestAnotherLoop:
    def test_is_refused_once_the_first_has_ended_with_backends_up(
        self, make: MakeController
    ) -> None:
        controller = make()
        run(controller.start(["alpha"]))
        for call in (controller.start(["alpha"]), controller.teardown()):
            with pytest.raises(
                UsedOnOtherLoop, match="closed while these were up: alpha"
            ) as caught:
                run(call)
            assert "the watchdog does when this process ends" in str(caught.value)

    def test_is_refused_after_the_teardown_too(self, make: MakeController) -> None:
        async def story(controller: Controller) -> None:
            async with controller:
                await controller.start(["alpha"])

        controller = make()
        run(story(controller))
        with pytest.raises(UsedOnOtherLoop, match="make a new Controller"):
            run(controller.start(["alpha"]))
        run(controller.teardown())  # there is nothing to do

    def test_is_refused_while_the_first_one_runs(self, make: MakeController) -> None:
        async def story() -> None:
            async with make() as controller:
                await controller.start(["alpha"])
                with pytest.raises(UsedOnOtherLoop, match="call it there"):
                    await asyncio.to_thread(lambda: asyncio.run(controller.stop(["alpha"])))

        asyncio.run(story())


@pytest.mark.parametrize("presses", [1, 2])
@pytest.mark.parametrize("event", ["start", "dispatch"])
def test_ctrl_c_under_asyncio_run_leaves_nothing(
    make: MakeController, world: World, event: str, presses: int
) -> None:
    due = [event, "stop"][:presses]

    async def story() -> None:
        controller = make()

        def interrupts(step: Any) -> None:
            if due and step.event == due[0]:
                del due[0]
                signal.raise_signal(signal.SIGINT)

        controller.on_transition(interrupts)
        async with controller:
            await controller.start(["alpha"])
            await controller.execute("alpha", ["work"], id="first")

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(story())
    assert due == []
    assert left_in(world) == []
