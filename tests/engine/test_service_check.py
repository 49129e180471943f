"""The health check of a service, run by dockwarden: when it is run, and when its failures count."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from engine.backend import Backend
from engine.errors import ContainerLost
from engine.health import HealthPolicy
from engine.model.results import Ended
from engine.model.spec import HealthCheck
from engine.policy import BackendPolicy, HealthChecks
from engine.runtimes.base import Checked, Container, Observation
from engine.util.virtual_clock import run
from tests.engine.watched import AGAIN, FAULT, OVER, UP, Scene, later, until
from tests.fake_runtime import FakeRuntime

CHECK = HealthCheck(("CMD", "ask"), interval_s=30.0, retries=3)
SICK = Checked("exit code 1: no")
MISSING = Checked("exit code 127: ask: not found", cannot_run=True)


class CheckedRuntime(FakeRuntime):
    """Leaves the health check of every container to its caller."""

    check_of = CHECK

    def __init__(self) -> None:
        super().__init__()
        self.checked_s: list[float] = []

    async def health_check(self, container: Container) -> HealthCheck | None:
        return self.check_of

    async def check(self, container: Container, check: HealthCheck) -> Checked:
        assert check is self.check_of
        self.checked_s.append(now_s())
        found: Checked = await self._do("check", container.service, Checked())
        return found


def now_s() -> float:
    return asyncio.get_running_loop().time()


class Stage(Scene):
    """A backend without GPUs whose health check answers as the test says."""

    runtime: CheckedRuntime

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.runtime = CheckedRuntime()

    def answer(self, *answers: Any) -> None:
        self.runtime.will("check", "alpha", *answers)

    async def ready(self, **options: Any) -> Backend:
        return await super().ready(gpus=False, **options)

    @property
    def checks(self) -> int:
        return len(self.runtime.checked_s)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_start_is_checked_at_once_and_often_instead_of_after_an_interval(stage: Stage) -> None:
    async def story() -> None:
        stage.answer(SICK, SICK, SICK, SICK)
        await stage.ready()
        assert now_s() < 2.5 < CHECK.interval_s  # type: ignore[operator]

    run(story())
    between = [b - a for a, b in pairwise(stage.runtime.checked_s)]
    assert stage.runtime.checked_s[0] == 0
    assert between == sorted(between), "ever later"


def test_a_start_that_fails_its_check_is_given_as_long_as_by_the_engine(stage: Stage) -> None:
    async def story() -> None:
        stage.answer(*[SICK] * 1000)
        backend = stage.make(gpus=False, recover=False)
        backend.start()
        assert await backend.settled() == "unhealthy"
        assert now_s() == pytest.approx(3 * 30.0)
        assert backend.fault is not None
        assert backend.fault.reason == "its health check fails: exit code 1: no"
        assert backend.fault.curable

    run(story())


def test_failures_in_the_start_period_do_not_count(stage: Stage) -> None:
    stage.runtime.check_of = HealthCheck(
        ("CMD", "ask"), interval_s=1.0, retries=1, start_period_s=60.0
    )

    async def story() -> None:
        stage.answer(*[SICK] * 40)
        await stage.ready()
        assert 30 < now_s() < 60

    run(story())
    assert stage.path == ["stopped start starting", UP]


def test_a_check_that_cannot_be_run_costs_no_restarts(stage: Stage) -> None:
    async def story() -> None:
        stage.answer(*[MISSING] * 1000)
        backend = stage.make(gpus=False)
        backend.start()
        assert await backend.settled() == "exhausted"
        assert backend.fault is not None
        assert (
            "cannot be run: exit code 127: ask: not found; name a program" in backend.fault.reason
        )
        assert backend.history.spent == 0

    run(story())
    assert stage.path[-1] == OVER


def test_a_container_that_ends_while_it_is_checked_is_known_at_once(stage: Stage) -> None:
    async def story() -> None:
        stage.answer(*[SICK] * 1000)
        backend = stage.make(gpus=False, recover=False)
        backend.start()
        await asyncio.sleep(20)
        stage.runtime.die("alpha", 3)
        died_s = now_s()
        assert await backend.settled() == "unhealthy"
        assert now_s() == died_s

    run(story())
    assert stage.runtime.called("gate") == 2, "asked again for how it ended"


def test_while_idle_it_is_checked_at_its_interval(stage: Stage) -> None:
    async def story() -> None:
        await stage.ready()
        await asyncio.sleep(95)

    run(story())
    assert stage.runtime.checked_s == pytest.approx([0, 30, 60, 90])


def test_an_idle_backend_is_restarted_after_so_many_failures_in_a_row(stage: Stage) -> None:
    async def story() -> None:
        stage.answer(Checked(), SICK, SICK, Checked(), SICK, SICK, SICK)
        await stage.ready()
        await asyncio.sleep(175)
        assert FAULT not in stage.path
        await asyncio.sleep(10)

    run(story())
    assert stage.path[-3:] == [FAULT, *AGAIN]


async def busy(stage: Stage, backend: Backend, for_s: float, exit_code: int = 0) -> Ended:
    """Run a command that takes so long."""
    end = later()
    stage.runtime.will("execute", "alpha", end)
    running = asyncio.create_task(backend.execute(stage.request()))
    await until(lambda: backend.state == "busy")
    await asyncio.sleep(for_s)
    end.set_result(exit_code)
    return await running


def test_a_busy_backend_is_not_checked(stage: Stage) -> None:
    async def story() -> Ended:
        backend = await stage.ready()
        ended = await busy(stage, backend, 600)
        assert stage.checks == 1
        await asyncio.sleep(31)
        assert stage.checks == 2, "they go on"
        return ended

    assert run(story()).health_checks == 0


def test_a_busy_backend_is_checked_where_that_is_asked_for(stage: Stage) -> None:
    async def story() -> Ended:
        backend = await stage.ready(checks=HealthChecks.ALWAYS)
        return await busy(stage, backend, 95)

    assert run(story()).health_checks == 3


def test_a_busy_backend_that_fails_loses_its_command_where_that_is_asked_for(stage: Stage) -> None:
    async def story() -> Ended:
        stage.answer(Checked(), *[SICK] * 3)
        backend = await stage.ready(checks=HealthChecks.ALWAYS)
        return await busy(stage, backend, 95)

    ended = run(story())
    assert (ended.ending.value, ended.reason) == ("lost", "its health check fails: exit code 1: no")


def test_after_a_command_that_failed_it_is_checked_before_the_next_one(stage: Stage) -> None:
    async def story() -> None:
        stage.answer(Checked(), SICK, SICK, Checked())
        backend = await stage.ready()
        await busy(stage, backend, 1, exit_code=1)
        assert stage.checks == 2
        before_s = now_s()
        await backend.execute(stage.request())
        assert stage.checks == 4, "nothing is dispatched before it passes"
        assert now_s() - before_s < 30

    run(story())


def test_a_check_that_finds_the_container_gone_says_how_it_ended(stage: Stage) -> None:
    async def story() -> None:
        backend = await stage.ready(recover=False)
        container = stage.runtime.alive["alpha"].container
        stage.runtime.alive["alpha"] = Observation(container, running=False, exit_code=137)
        stage.answer(ContainerLost("alpha", "gone"))
        await asyncio.sleep(31)
        assert backend.fault is not None
        assert "killed from outside" in backend.fault.reason

    run(story())


def test_what_the_engine_checks_is_not_counted(stage: Stage) -> None:
    stage.runtime.check_of = None  # type: ignore[assignment]

    async def story() -> Ended:
        backend = await stage.ready(checks=HealthChecks.ENGINE)
        return await busy(stage, backend, 1)

    assert run(story()).health_checks is None


def test_dockwarden_checks_by_default() -> None:
    assert BackendPolicy().health == HealthPolicy(checks=HealthChecks.PAUSED)
