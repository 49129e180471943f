"""Remedies for the findings of a backend's health check: in virtual time."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from engine.errors import DispatchError
from engine.health.gpu import Action
from engine.util.virtual_clock import run
from tests.engine.watched import (
    FAULT,
    FIT,
    LEAK,
    MIB,
    OVER,
    Scene,
    nvml,
    shown,
)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


# What is done about it


def test_leftovers_are_ended_first_and_nothing_is_restarted_when_that_helps(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        scene.show(LEAK, FIT)
        ended = await backend.execute(scene.request())
        assert ended.succeeded
        assert scene.runtime.called("kill") == 1
        scene.show(LEAK, FIT)
        await backend.execute(scene.request())
        assert scene.runtime.called("kill") == 2, "once it was fit, it begins from the start"

    run(story())
    assert "fault" not in [step.event for step in scene.taken]


def test_what_no_kill_cures_is_restarted_and_at_last_given_up_on(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        scene.show(LEAK)
        await backend.execute(scene.request())
        assert scene.runtime.called("kill") == 1
        with pytest.raises(DispatchError, match="exhausted"):
            await backend.execute(scene.request())

    run(story())
    retry = ["unhealthy recover restarting", "restarting fault unhealthy"]
    assert scene.path[4:] == [FAULT, *retry * 3, OVER]
    assert scene.runtime.called("kill") == 1
    assert (scene.runtime.called("restart"), scene.runtime.called("recreate")) == (3, 0)


def test_lost_access_is_restarted_then_recreated_then_given_up_on(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        scene.show(nvml(999))
        for _ in range(2):
            await backend.look()
        assert await backend.settled() == "exhausted"
        assert backend.restarts_left == 1, (
            "it gives up because nothing helps, not for want of budget"
        )

    run(story())
    steps = [m for m, _ in scene.runtime.calls if m in ("restart", "recreate")]
    assert steps == ["restart", "recreate"]


def test_each_trouble_begins_at_the_first_step_of_its_own_ladder(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        scene.show(nvml(999), nvml(999), LEAK, LEAK, nvml(28), nvml(28), FIT)
        for _ in range(2):
            await backend.look()
        assert await backend.settled() == "ready"

    run(story())
    steps = [m for m, _ in scene.runtime.calls if m in ("restart", "recreate")]
    assert steps == ["restart", "restart", "recreate"]


@pytest.mark.parametrize("code", [9, 15, 16, 18])
def test_what_no_restart_cures_exhausts_it_at_once(scene: Scene, code: int) -> None:
    async def story() -> None:
        backend = await scene.ready()
        scene.show(nvml(code))
        for _ in range(2):
            await backend.look()
        assert backend.restarts_left == 3

    run(story())
    assert scene.path[2:] == [FAULT, OVER]


# Strangers


STRANGER = shown(9000, pids=(7,))


def test_a_dispatch_waits_while_others_hold_the_memory(scene: Scene) -> None:
    async def story() -> None:
        scene.runtime.will("pids", "alpha", *[frozenset({1})] * 1000)
        backend = await scene.ready(every_s=30, again_s=1, wait_for_others_s=600)
        async with backend.turn:
            await asyncio.sleep(31)
        scene.show(*[STRANGER] * 100, FIT)
        began_s = asyncio.get_running_loop().time()
        assert (await backend.execute(scene.request())).succeeded
        assert asyncio.get_running_loop().time() == began_s + 100

    run(story())
    assert "fault" not in [step.event for step in scene.taken]
    assert scene.runtime.called("kill") == 0


def test_nobody_waits_for_others_for_ever(scene: Scene) -> None:
    async def story() -> None:
        scene.runtime.will("pids", "alpha", *[frozenset({1})] * 1000)
        backend = await scene.ready(wait_for_others_s=60)
        scene.show(STRANGER)
        status = await backend.look()
        assert status.action is Action.WAIT
        began_s = asyncio.get_running_loop().time()
        with pytest.raises(DispatchError, match="others hold it"):
            await backend.execute(scene.request())
        assert asyncio.get_running_loop().time() == began_s + 60
        assert backend.state == "ready"

    run(story())


def test_others_do_not_keep_a_restarted_backend_from_being_ready(scene: Scene) -> None:
    async def story() -> None:
        scene.runtime.will("pids", "alpha", *[frozenset({1})] * 1000)
        backend = await scene.ready()
        scene.show(STRANGER)
        backend.restart("a cold start")
        assert await backend.settled() == "ready"

    run(story())
    assert "fault" not in [step.event for step in scene.taken]


def test_a_caller_may_judge_by_a_share_of_all_memory(scene: Scene) -> None:
    total = {"memory_total_bytes": 40960 * MIB}

    async def story() -> None:
        device = json.loads(shown(30000))["devices"][0]
        scene.show(json.dumps({"source": "nvml", "devices": [device | total]}))
        backend = await scene.ready()
        assert (await backend.look()).healthy
        assert not (await backend.look(threshold_pct=70)).healthy
        assert (await backend.look(threshold_pct=80)).healthy

    run(story())
