"""When a backend is checked, and when a finding counts: in virtual time."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from engine.backend.execution import Limits
from engine.errors import ContainerLost, DispatchError, ExecFailed
from engine.health.gpu import GpuPolicy, Health
from engine.model.results import Ending
from engine.runtimes.in_container import GPU_PROBE
from engine.util.virtual_clock import run
from tests.engine.watched import (
    AGAIN,
    BLIND,
    FAULT,
    FIT,
    LEAK,
    MIB,
    UP,
    Scene,
    later,
    nvml,
    shown,
    until,
)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


# Readiness


def test_a_service_without_gpus_is_never_looked_at(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready(gpus=False)
        await backend.execute(scene.request())
        await asyncio.sleep(1000)
        await backend.stop()

    run(story())
    assert (scene.looks, scene.runtime.called("pids")) == (0, 0)


def test_the_policy_may_ask_for_looks_or_forbid_them(scene: Scene) -> None:
    async def story() -> None:
        await (await scene.ready(look_at_gpus=False)).stop()
        assert scene.looks == 0
        await scene.ready(gpus=False, look_at_gpus=True)
        assert scene.looks == 1

    run(story())


def test_each_look_is_told_with_the_baseline(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        scene.runtime.will_print("alpha", shown(900))
        await backend.execute(scene.request())
        assert backend.looked == scene.seen[-1]

    run(story())
    told = [(one.health, one.memory_used_bytes, one.baseline_bytes) for one in scene.seen]
    assert told == [("ok", 600 * MIB, 600 * MIB), ("ok", 900 * MIB, 600 * MIB)]
    assert {(one.backend, one.generation, one.memory_total_bytes) for one in scene.seen} == {
        ("alpha", 1, None)
    }


def test_a_look_that_sees_nothing_is_told_as_well(scene: Scene) -> None:
    async def story() -> None:
        scene.runtime.will_print("alpha", BLIND)
        await scene.ready()

    run(story())
    (look,) = scene.seen
    assert (look.health, look.memory_used_bytes, look.baseline_bytes) == ("unknown", None, None)


def test_the_first_readiness_gives_the_baseline_and_restarts_keep_it(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        scene.show(shown(1400))
        backend.restart("a cold start")
        assert await backend.settled() == "ready"
        scene.show(shown(1700))  # more than 1024 above the first readiness, not above the second
        assert not (await backend.look()).healthy

    run(story())


@pytest.mark.parametrize("again", ["start", "reset"])
def test_a_new_beginning_takes_a_new_baseline(scene: Scene, again: str) -> None:
    async def story() -> None:
        backend = await scene.ready()
        scene.show(nvml(15))
        for _ in range(2):
            await backend.look()
        assert backend.state == "exhausted"
        if again == "start":
            await backend.stop()
        scene.show(shown(9000, uuid="GPU-new"))
        getattr(backend, again)()
        assert await backend.settled() == "ready"
        assert (await backend.look()).healthy

    run(story())


def test_the_readiness_command_is_run_until_it_succeeds_and_before_any_look(scene: Scene) -> None:
    async def story() -> None:
        scene.runtime.will("execute", "alpha", 1, 127, 0)
        await scene.ready(ready_command=("test", "-e", "model"), again_s=5)
        assert asyncio.get_running_loop().time() == 0.25 + 0.375  # soon, and then ever later

    run(story())
    commands = [request.command for request in scene.runtime.requests]
    assert commands == [("test", "-e", "model")] * 3 + [GPU_PROBE]
    assert not list(scene.folder.iterdir()), "looks leave nothing behind"


def test_a_readiness_command_that_hangs_is_ended_at_the_gates_deadline(scene: Scene) -> None:
    async def story() -> None:
        scene.runtime.will("execute", "alpha", later())
        backend = await scene.ready(ready_command=("serve", "--ready"))
        assert "not ready within 300 s" in str(backend.restart_cause)

    run(story())
    assert scene.runtime.called("kill") == 1
    assert scene.path[1:] == ["starting fault unhealthy", *AGAIN]


def test_gpus_that_nobody_can_see_are_unknown_and_the_backend_stays_usable(scene: Scene) -> None:
    async def story() -> None:
        scene.show(BLIND)
        backend = await scene.ready()
        for _ in range(10):
            await backend.execute(scene.request())
        status = await backend.look()
        assert (status.verdict, status.healthy) == (Health.UNKNOWN, True)
        await backend.stop()

    run(story())
    assert "fault" not in [step.event for step in scene.taken]


def test_what_a_killed_controller_left_of_its_looks_is_in_nobodys_way(scene: Scene) -> None:
    async def story() -> None:
        stale = scene.folder / ".looks" / "look-1"
        stale.mkdir(parents=True)
        (stale / "stdout").write_text(LEAK)
        await scene.ready()

    run(story())
    assert scene.path[1:] == [UP]


# When it is checked


def test_a_look_precedes_a_dispatch_when_the_last_one_is_old_and_follows_each(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready(every_s=30)
        order: list[str] = []

        async def experiment() -> None:
            scene.runtime.calls.clear()
            await backend.execute(scene.request())
            order[:] = [m for m, _ in scene.runtime.calls if m in ("look", "execute")]

        await experiment()
        assert order == ["execute", "look"]
        await experiment()
        assert order == ["execute", "look"]
        async with backend.turn:  # no check runs meanwhile
            await asyncio.sleep(31)
        await experiment()
        assert order == ["look", "execute", "look"]

    run(story())


def test_an_idle_backend_is_looked_at_from_time_to_time(scene: Scene) -> None:
    async def story() -> None:
        await scene.ready(every_s=30)
        await asyncio.sleep(30 * 10 + 1)
        assert scene.looks == 1 + 10

    run(story())


def test_a_finding_is_looked_at_again_soon_and_a_stranger_at_leisure(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready(every_s=30, again_s=1, gpu=GpuPolicy(failing_after=5))
        scene.runtime.will("pids", "alpha", *[frozenset[int]()] * 3)
        scene.show(shown(9000, pids=(7,)))
        await asyncio.sleep(91)
        assert (scene.looks, backend.state) == (4, "ready")
        scene.show(nvml(999))
        await asyncio.sleep(30 + 3)
        assert (scene.looks, backend.state) == (8, "ready")

    run(story())


def test_nothing_looks_while_it_is_busy(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready(every_s=30)
        scene.runtime.will("execute", "alpha", later())
        work = asyncio.create_task(backend.execute(scene.request(), Limits(timeout_s=1000)))
        await until(lambda: backend.state == "busy")
        asked = asyncio.create_task(backend.look())
        await asyncio.sleep(999)
        assert scene.looks == 1
        await work
        assert (await asked).healthy

    run(story())


def test_nothing_is_dispatched_during_a_look_that_somebody_asked_for(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        seen = later()
        scene.runtime.will("look", "alpha", seen)
        asked = asyncio.create_task(backend.look())
        await until(lambda: scene.looks == 2)
        work = asyncio.create_task(backend.execute(scene.request()))
        await asyncio.sleep(1)
        assert scene.runtime.called("execute") == 0
        seen.set_result(0)
        assert (await asked).healthy
        await work
        assert scene.runtime.called("execute") == 1

    run(story())


def test_nobody_looks_after_an_experiment_whose_container_is_gone(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        scene.runtime.will("execute", "alpha", ContainerLost("alpha", "it died"))
        scene.runtime.will("restart", "alpha", later())
        ended = await backend.execute(scene.request())
        assert (ended.ending, backend.state) == (Ending.LOST, "restarting")
        assert scene.looks == 1

    run(story())


def test_a_dispatch_given_up_during_its_look_takes_the_look_along(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready(every_s=30)
        async with backend.turn:
            await asyncio.sleep(31)
        scene.runtime.will("look", "alpha", later())
        work = asyncio.create_task(backend.execute(scene.request()))
        await until(lambda: scene.looks == 2)
        work.cancel()
        await asyncio.wait({work})
        assert scene.runtime.called("kill") == 1

    run(story())


def test_nothing_is_dispatched_after_a_look_under_which_a_stop_began(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready(every_s=30)
        async with backend.turn:
            await asyncio.sleep(31)
        seen, gone = later(), later()
        scene.runtime.will("look", "alpha", seen)
        scene.runtime.will("remove", "alpha", gone)
        work = asyncio.create_task(backend.execute(scene.request()))
        await until(lambda: scene.looks == 2)
        stop = asyncio.create_task(backend.stop())
        await until(lambda: scene.runtime.called("remove") == 1)
        seen.set_result(0)
        await asyncio.sleep(1)
        gone.set_result(None)
        await stop
        with pytest.raises(DispatchError, match="it is stopped"):
            await work

    run(story())


def test_a_stop_mutes_looks_at_once(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready(every_s=30, look_within_s=10_000)
        scene.runtime.will("look", "alpha", later())
        await asyncio.sleep(31)
        assert scene.looks == 2
        scene.runtime.will("remove", "alpha", asyncio.create_task(asyncio.sleep(500)))
        await backend.stop()
        await asyncio.sleep(500)
        assert (scene.looks, scene.runtime.called("kill")) == (2, 1)

    run(story())
    assert scene.path[1:] == [UP, "ready stop ready", "ready removed stopped"]


def test_a_look_that_takes_too_long_is_ended_and_tells_nothing(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready(look_within_s=5)
        scene.runtime.will("look", "alpha", later())
        status = await backend.look()
        assert (status.verdict, status.reason) == (
            Health.UNKNOWN,
            "the probe gave no answer within 5 s",
        )

    run(story())
    assert scene.runtime.called("kill") == 1


def test_a_probe_that_cannot_be_started_tells_nothing(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        scene.runtime.will("look", "alpha", ExecFailed("alpha", "no /bin/sh"))
        assert "could not be run: no /bin/sh" in (await backend.look()).reason
        assert backend.state == "ready"

    run(story())


# When it counts


def test_failing_counts_after_several_looks_in_a_row(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        scene.show(nvml(999), FIT, nvml(999), BLIND, nvml(999))
        for state in ("ready", "ready", "ready", "ready", "restarting"):
            await backend.look()
            assert backend.state == state

    run(story())


def test_unknown_counts_after_its_own_number_of_looks_where_there_was_something_to_see(
    scene: Scene,
) -> None:
    async def story() -> None:
        backend = await scene.ready()
        scene.show(BLIND)
        for state in ("ready", "ready", "restarting"):
            await backend.look()
            assert backend.state == state

    run(story())


def test_a_suspect_is_looked_at_before_the_next_dispatch_however_recent_the_last_good_look(
    scene: Scene,
) -> None:
    async def story() -> None:
        backend = await scene.ready()
        scene.show(nvml(999), FIT)
        await backend.execute(scene.request())
        assert scene.looks == 2
        await backend.execute(scene.request())
        assert scene.looks == 4

    run(story())
    assert "fault" not in [step.event for step in scene.taken]


def test_what_one_look_may_find_is_no_reason_to_refuse_a_dispatch(scene: Scene) -> None:
    """Only others are waited for, and given up on; its own fault is counted and acted upon."""

    async def story() -> None:
        backend = await scene.ready(wait_for_others_s=0, gpu=GpuPolicy(failing_after=3))
        scene.show(nvml(999), nvml(999), nvml(999), FIT)
        await backend.execute(scene.request())
        assert (await backend.execute(scene.request())).ending is Ending.EXITED

    run(story())
    assert scene.path[4:7] == [FAULT, *AGAIN]


def test_what_is_seen_of_a_container_that_was_restarted_meanwhile_is_dropped(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready(gpu=GpuPolicy(failing_after=2))
        answer = later()
        scene.runtime.will("look", "alpha", answer)
        scene.show(nvml(15), FIT, nvml(15))
        look = asyncio.create_task(backend.look())
        await until(lambda: scene.looks == 2)
        backend.restart("a new model")
        assert await backend.settled() == "ready"
        answer.set_result(0)
        await look
        assert await backend.settled() == "ready"
        await backend.look()
        assert backend.state == "ready", "it is the first finding, not the second"

    run(story())
    assert FAULT not in scene.path


def test_a_container_that_dies_under_a_look_is_restarted(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        answer = later()
        scene.runtime.will("look", "alpha", answer)
        look = asyncio.create_task(backend.look())
        await until(lambda: scene.looks == 2)
        scene.runtime.notify = lambda _notice: None
        scene.runtime.die("alpha")
        answer.set_exception(ContainerLost("alpha", "it went away"))
        status = await look
        assert not status.healthy
        assert "killed from outside" in status.reason
        assert await backend.settled() == "ready"

    run(story())
    assert scene.path[2:] == [FAULT, *AGAIN]


def test_where_nobody_recovers_a_finding_leaves_it_unhealthy(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready(recover=False)
        scene.show(nvml(999))
        for _ in range(2):
            await backend.look()
        assert await backend.settled() == "unhealthy"
        with pytest.raises(DispatchError, match="lost its access"):
            await backend.execute(scene.request())
        with pytest.raises(DispatchError):
            await backend.look()
        await asyncio.sleep(1000)
        assert scene.looks == 3

    run(story())
    assert scene.path[2:] == [FAULT]


# Tricks


@pytest.mark.parametrize("kind", ["pipe", "link", "folder", "nothing"])
def test_what_is_put_in_the_place_of_a_looks_output_is_not_read(
    scene: Scene, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "secret").write_text(LEAK)

    async def story() -> None:
        look = later()
        scene.runtime.will("look", "alpha", look)
        backend = scene.make()
        backend.start()
        await until(lambda: scene.looks == 1)
        (output,) = scene.folder.glob("alpha.look-*/stdout")
        output.unlink()
        match kind:
            case "pipe":
                os.mkfifo(output)
            case "link":
                output.symlink_to(tmp_path / "secret")
            case "folder":
                output.mkdir()
        look.set_result(0)
        assert await backend.settled() == "ready"
        await backend.stop()

    run(story())
    assert [one.health for one in scene.seen][:1] == ["ok"]
    assert (tmp_path / "secret").read_text() == LEAK
    assert list(scene.folder.glob("alpha.look-*")) == []
