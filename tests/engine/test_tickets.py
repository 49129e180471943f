"""What comes late counts no more: calls that were cancelled, and end after all."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from engine.backend import Backend
from engine.backend.execution import Limits
from engine.errors import ContainerLost, ExecFailed, LaunchFailed, RemovalFailed
from engine.model.results import Ending, Fault
from engine.policy import BackendPolicy, RestartPolicy
from engine.runtimes.base import Happening, Notice, Observation
from engine.util.virtual_clock import run
from tests.engine.cooling import COOLING
from tests.engine.late import Deaf, Scene
from tests.engine.watched import later, until


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def launching(scene: Scene) -> tuple[Backend, asyncio.Future[Any]]:
    """A backend under a launch that is deaf to its cancellation, and what ends that launch."""
    launched = later()
    scene.runtime.will("launch", "alpha", Deaf(launched))
    backend = scene.make()
    backend.start()
    await until(lambda: scene.runtime.called("launch") == 1)
    return backend, launched


def test_a_removal_waits_until_a_cancelled_launch_has_settled(scene: Scene) -> None:
    async def story() -> None:
        backend, launched = await launching(scene)
        stop = asyncio.create_task(backend.stop())
        await asyncio.sleep(30)
        assert scene.runtime.called("remove") == 0
        launched.set_result(None)
        await stop
        assert scene.runtime.alive == {}

    run(story())


def test_a_stop_in_a_hurry_waits_until_a_cancelled_launch_has_settled(scene: Scene) -> None:
    async def story() -> None:
        backend, launched = await launching(scene)
        stops = [asyncio.create_task(backend.stop())]
        await asyncio.sleep(1)
        stops.append(asyncio.create_task(backend.stop(grace_s=0)))
        await asyncio.sleep(1)
        assert scene.runtime.called("remove") == 0
        launched.set_result(None)
        await asyncio.gather(*stops)
        assert scene.runtime.alive == {}

    run(story())


@pytest.mark.parametrize(
    ("policy", "state"),
    [
        (BackendPolicy(recover=False), "unhealthy"),
        (BackendPolicy(RestartPolicy(max_restarts=0)), "exhausted"),
    ],
)
@pytest.mark.parametrize("call", ["launch", "gate"])
def test_a_fault_that_others_see_while_it_starts_ends_the_start(
    scene: Scene, policy: BackendPolicy, state: str, call: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        outcome = later()
        scene.runtime.will(call, "alpha", Deaf(outcome))
        backend = scene.make(policy)
        backend.start()
        await until(lambda: scene.runtime.called(call) == 1)
        assert backend.report(Fault("seen from outside"))
        assert await backend.settled() == state
        outcome.set_result(None)
        await asyncio.sleep(1)
        assert backend.state == state
        assert backend.fault is not None
        assert "seen from outside" in backend.fault.reason
        await backend.stop()
        assert scene.runtime.alive == {}

    run(story())
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_what_is_decided_after_a_start_was_given_up_waits_until_it_has_settled(
    scene: Scene,
) -> None:
    async def story() -> None:
        launched = later()
        scene.runtime.will("launch", "alpha", Deaf(launched))
        backend = scene.make(BackendPolicy(RestartPolicy(backoff_s=0), recover=False))
        backend.start()
        await until(lambda: scene.runtime.called("launch") == 1)
        backend.report(Fault("seen from outside"))
        backend.recover()
        await asyncio.sleep(1)
        assert scene.runtime.called("launch") == 1
        launched.set_result(None)
        assert await backend.settled() == "ready"
        assert scene.runtime.called("launch") == 2

    run(story())


def test_a_launch_that_fails_late_fails_nothing(scene: Scene) -> None:
    async def story() -> None:
        launched = later()
        backend = await scene.stopped_under_a_launch(launched)
        launched.set_exception(LaunchFailed("alpha", "no luck"))
        await asyncio.sleep(1)
        assert (backend.state, backend.fault) == ("starting", None)

    run(story())


def test_a_bug_that_shows_late_fails_nothing(scene: Scene) -> None:
    async def story() -> None:
        launched = later()
        backend = await scene.stopped_under_a_launch(launched)
        launched.set_exception(ZeroDivisionError("a bug"))
        await asyncio.sleep(1)
        assert (backend.state, backend.fault) == ("starting", None)

    run(story())


def test_a_launch_that_succeeds_late_proves_nothing(scene: Scene) -> None:
    async def story() -> None:
        launched = later()
        backend = await scene.stopped_under_a_launch(launched)
        container = backend.container
        launched.set_result(None)
        await asyncio.sleep(1)
        assert backend.state == "starting"
        assert backend.container is container

    run(story())


@pytest.mark.parametrize("failure", [None, RemovalFailed("alpha", "unkillable")])
def test_a_removal_that_ends_late_changes_nothing(
    scene: Scene, failure: RemovalFailed | None
) -> None:
    async def story() -> None:
        backend = await scene.ready()
        removed = later()
        scene.runtime.will("remove", "alpha", Deaf(removed))
        patient = asyncio.create_task(backend.stop(grace_s=1000))
        await until(lambda: scene.runtime.called("remove") == 1)
        await backend.stop(grace_s=0)
        await patient
        assert backend.state == "stopped"
        if failure is None:
            removed.set_result(None)
        else:
            removed.set_exception(failure)
        await asyncio.sleep(1)
        assert (backend.state, backend.fault) == ("stopped", None)

    run(story())
    assert scene.path[-1] == "ready removed stopped"


def test_an_action_of_ones_own_that_ends_late_changes_nothing(scene: Scene) -> None:
    async def story() -> None:
        coolings = [later(), later()]
        begun: list[asyncio.Future[Any]] = []

        async def cools(_backend: Backend) -> str:
            begun.append(cool := coolings[len(begun)])
            while not cool.done():
                try:
                    await asyncio.shield(cool)
                except asyncio.CancelledError:
                    continue
            return "cooled"

        backend = scene.make(lifecycle=COOLING, effects={"cool": cools})
        for times in (1, 2):
            backend.start()
            await backend.settled()
            await backend.execute(scene.request())
            await until(lambda times=times: len(begun) == times)
            if times == 1:
                await backend.stop()
        coolings[0].set_result(None)
        await asyncio.sleep(1)
        assert backend.state == "cooling"
        coolings[1].set_result(None)
        assert await backend.settled() == "ready"

    run(story())


def test_a_hint_of_before_a_restart_is_dropped_with_it(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        gate = later()
        scene.runtime.will("restart", "alpha", gate)
        backend.restart("a cold start")
        await until(lambda: scene.runtime.called("restart") == 1)
        backend.observe(Notice(Happening.DIED, "alpha", "alpha-container-1"))
        gate.set_result(None)
        assert await backend.settled() == "ready"
        await asyncio.sleep(1)

    run(story())
    assert scene.runtime.called("inspect") == 0


def test_a_fault_that_is_reported_under_a_stop_is_dropped(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        removed = later()
        scene.runtime.will("remove", "alpha", removed)
        stop = asyncio.create_task(backend.stop())
        await until(lambda: scene.runtime.called("remove") == 1)
        assert not backend.report(Fault("unfit"))
        removed.set_result(None)
        await stop
        assert (backend.state, backend.fault) == ("stopped", None)

    run(story())


def test_nothing_settles_and_nobody_looks_under_a_stop(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        removed = later()
        scene.runtime.will("remove", "alpha", removed)
        stop = asyncio.create_task(backend.stop())
        settled = asyncio.create_task(backend.settled())
        await until(lambda: scene.runtime.called("remove") == 1)
        backend.observe(Notice(Happening.BLIND, None))
        await asyncio.sleep(1)
        assert not settled.done()
        assert scene.runtime.called("inspect") == 0
        removed.set_result(None)
        await stop
        assert await settled == "stopped"

    run(story())


def test_a_gate_that_is_passed_late_proves_nothing(scene: Scene) -> None:
    async def story() -> None:
        passed = later()
        scene.runtime.will("gate", "alpha", Deaf(passed), later())
        backend = scene.make()
        backend.start()
        await until(lambda: scene.runtime.called("gate") == 1)
        await backend.stop()
        backend.start()
        await until(lambda: scene.runtime.called("gate") == 2)
        passed.set_result(None)
        await asyncio.sleep(1)
        assert backend.state == "starting"

    run(story())


def test_a_removal_of_an_earlier_life_does_not_end_the_stop_of_this_one(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        first, last = later(), later()
        scene.runtime.will("remove", "alpha", Deaf(first), None, last)
        patient = asyncio.create_task(backend.stop(grace_s=1000))
        await until(lambda: scene.runtime.called("remove") == 1)
        await backend.stop(grace_s=0)
        await patient
        backend.start()
        await backend.settled()
        stop = asyncio.create_task(backend.stop())
        await until(lambda: scene.runtime.called("remove") == 3)
        first.set_result(None)
        await asyncio.sleep(1)
        assert (backend.state, backend.stopping) == ("ready", True)
        last.set_result(None)
        await stop

    run(story())


def test_a_command_that_ends_under_a_stop_finishes_nothing(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        removed = later()
        scene.runtime.will("execute", "alpha", later())
        scene.runtime.will("remove", "alpha", removed)
        work = asyncio.create_task(backend.execute(scene.request()))
        await until(lambda: backend.state == "busy" and scene.runtime.called("execute") == 1)
        stop = asyncio.create_task(backend.stop())
        assert (await work).ending is Ending.INTERRUPTED
        assert (backend.state, backend.stopping) == ("busy", True)
        removed.set_result(None)
        await stop

    run(story())
    assert "busy finish ready" not in scene.path


def test_hints_about_other_containers_and_deaths_under_a_command_are_no_faults(
    scene: Scene,
) -> None:
    async def story() -> None:
        backend = await scene.ready()
        assert backend.container is not None
        backend.observe(Notice(Happening.DIED, "alpha", "some other container"))
        await asyncio.sleep(1)
        assert scene.runtime.called("inspect") == 0
        before = evolve(backend.container, started_at="before")
        dead = Observation(before, running=False, exit_code=137)
        backend.observe(Notice(Happening.DIED, "alpha", before.id, dead))
        await asyncio.sleep(1)
        assert scene.runtime.called("inspect") == 1  # for the container that it has
        scene.runtime.will("execute", "alpha", later())
        work = asyncio.create_task(backend.execute(scene.request()))
        await until(lambda: backend.state == "busy" and scene.runtime.called("execute") == 1)
        dead = evolve(dead, container=backend.container)
        backend.observe(Notice(Happening.DIED, "alpha", before.id, dead))
        await asyncio.sleep(1)
        assert backend.state == "busy"  # the command hears of it by itself
        await backend.stop()
        await work

    run(story())
    assert not any("fault" in step for step in scene.path)


def test_a_command_that_goes_down_with_its_stopped_container_is_interrupted(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        command, removed = later(), later()
        scene.runtime.will("execute", "alpha", command)
        scene.runtime.will("kill", "alpha", ExecFailed("alpha", "it hangs"))
        scene.runtime.will("remove", "alpha", removed)
        work = asyncio.create_task(backend.execute(scene.request()))
        await until(lambda: scene.runtime.called("execute") == 1)
        stop = asyncio.create_task(backend.stop())
        await until(lambda: scene.runtime.called("remove") == 1)
        command.set_exception(ContainerLost("alpha", "it was removed"))
        assert (await work).ending is Ending.INTERRUPTED
        removed.set_result(None)
        await stop

    run(story())


def test_a_command_that_never_writes_is_ended_when_its_silence_has_lasted(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        scene.runtime.will("execute", "alpha", later())
        ended = await backend.execute(scene.request(), Limits(silence_s=60))
        assert (ended.ending, ended.duration_s) == (Ending.SILENCE, 60)

    run(story())
