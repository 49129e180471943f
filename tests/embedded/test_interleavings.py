"""Calls that several threads or tasks make in any order: each comes to an end, and nothing is left."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from attrs import frozen
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from engine.controller import Controller
from engine.errors import DockwardenError, UseError
from engine.model.spec import Condition, Dependency, Project, ServiceSpec
from engine.runtimes.simulated import EachLasts, SimulatedRuntime, World
from engine.testing.simulation import left_in
from engine.util.virtual_clock import run
from states import StateError
from tests.embedded.conftest import PATIENCE_S, Make, SimulatedThreads

TYPED = DockwardenError, StateError
"""What a call may raise: an error of the tree, or the refusal of an event by the table."""

AT_MOST_S = 200.0
"""By then, in virtual time, every call has to have ended: the longest wait of a teardown, and some more."""


@frozen
class Step:
    """One call.

    Attributes:
        at_s: when it is made.
        cancelled_after_s: after how long its caller gives up; None for never.
    """

    call: str
    service: str
    at_s: float
    cancelled_after_s: float | None


SERVICES = {
    "alpha": ServiceSpec("alpha", depends_on={"beta": Dependency(Condition.HEALTHY)}),
    "beta": ServiceSpec("beta"),
    "gamma": ServiceSpec("gamma"),
}

_TIMES = st.floats(0.0, 3.0, allow_nan=False) | st.sampled_from([0.0, 0.005, 0.1, 0.5, 1.0])
STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(["start", "execute", "stop", "clear", "restart", "teardown", "hurry"]),
        st.sampled_from(sorted(SERVICES)),
        _TIMES,
        st.none() | _TIMES,
    ),
    min_size=1,
    max_size=12,
)


class Play:
    """A controller that several tasks use at once."""

    def __init__(self, folder: Path) -> None:
        self.world = World()
        self.outcomes: list[BaseException | None] = []
        project = Project("p", folder, (), SERVICES)
        runtime = SimulatedRuntime(project, world=self.world, commands=EachLasts(1.0))
        self.controller = Controller(project, runtime, folder, seed=1)

    async def _call(self, step: Step, number: int) -> None:
        controller, service = self.controller, step.service
        match step.call:
            case "start":
                await controller.start([service])
            case "execute":
                await controller.execute(service, ["work"], id=f"command-{number}")
            case "stop":
                await controller.stop([service])
            case "clear":
                await controller.clear([service])
            case "restart":
                controller.backend(service).restart("asked for")
            case "teardown":
                await controller.teardown()
            case "hurry":
                await controller.teardown(grace_s=0)

    async def take(self, step: Step, number: int) -> None:
        """Make one call, and see how it ends; cancel it, where its caller gives up."""
        await asyncio.sleep(step.at_s)
        call = asyncio.create_task(self._call(step, number))
        await asyncio.wait({call}, timeout=step.cancelled_after_s)
        given_up = not call.done()
        call.cancel()
        await asyncio.wait({call})
        if call.cancelled():
            assert given_up, f"{step.call} was cancelled by another call"
        else:
            self.outcomes.append(call.exception())

    async def through(self, steps: Sequence[Step]) -> None:
        """Make all the calls, then leave as a with block does."""
        async with asyncio.timeout(AT_MOST_S):
            await asyncio.gather(*(self.take(step, n) for n, step in enumerate(steps)))
            await self.controller.teardown()


@settings(max_examples=300)
@given(STEPS)
def test_every_call_of_a_controller_ends_and_nothing_is_left(steps: list[Step]) -> None:
    with TemporaryDirectory() as folder:
        play = Play(Path(folder))
        run(play.through(steps))
    untyped = [one for one in play.outcomes if one is not None and not isinstance(one, TYPED)]
    assert untyped == []
    assert left_in(play.world) == []
    assert not play.controller.opened
    assert {one.state for one in play.controller.backends.values()} <= {"stopped"}
    for outcome in play.outcomes:
        event(type(outcome).__name__)


@settings(max_examples=100)
@given(STEPS, _TIMES)
def test_a_loop_that_ends_within_a_teardown_leaves_nothing(
    steps: list[Step], ends_s: float
) -> None:
    """As under asyncio.run: once the program has ended every task is cancelled, and waited for."""
    under_way: list[bool] = []

    async def program() -> None:
        calls = [asyncio.create_task(play.take(step, n)) for n, step in enumerate(steps)]
        await asyncio.sleep(ends_s)
        calls.append(asyncio.create_task(play.controller.teardown()))
        await asyncio.sleep(0.001)
        under_way.append(not calls[-1].done())

    with TemporaryDirectory() as folder:
        play = Play(Path(folder))
        run(program())
    assume(under_way == [True])
    assert left_in(play.world) == []


def _start(manager: SimulatedThreads, service: str) -> Any:
    return manager.start_services([service])


ACTS: Sequence[Callable[[SimulatedThreads, str], Any]] = (
    _start,
    _start,
    lambda manager, service: manager.execute(service, ["work"]),
    lambda manager, service: manager.execute(service, ["work"], timeout_s=0.005),
    lambda manager, service: manager.execute_experiment(service, "a.yaml"),
    lambda manager, service: manager.restart_service(service),
    lambda manager, service: manager.check_and_recover(service),
    lambda manager, service: manager.is_service_running(service),
    lambda manager, service: manager.start_services([service], wait=False),
    lambda manager, _service: manager.teardown(timeout=0),
)


@pytest.mark.parametrize("seed", range(12))
def test_every_call_of_threads_ends_and_nothing_is_left(make: Make, seed: int) -> None:
    """Four threads that call what they like, until the block is left under them."""
    errors: list[BaseException] = []
    happens = threading.Semaphore(0)

    def go_on(own: random.Random) -> None:
        while True:
            try:
                own.choice(ACTS)(manager, own.choice(["alpha", "beta"]))
            except UseError:
                return
            except BaseException as error:  # noqa: BLE001 - checked below
                errors.append(error)

    manager = make(on_transition=lambda _step: happens.release())
    rng = random.Random(seed)
    threads = [
        threading.Thread(target=go_on, args=(random.Random(rng.random()),), daemon=True)
        for _ in range(4)
    ]
    with manager:
        for thread in threads:
            thread.start()
        for _ in range(rng.randrange(1, 30)):
            assert happens.acquire(timeout=PATIENCE_S), "the calls wait for ever"
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), "a call waits for ever"
    assert [error for error in errors if not isinstance(error, TYPED)] == []
    assert manager.left == []
    assert {*manager.states.values()} <= {"stopped"}
