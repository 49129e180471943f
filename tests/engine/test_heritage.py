"""A backend that takes over what an earlier controller left: its container, and what runs in it."""

from __future__ import annotations

import asyncio
import os
import random
from datetime import timedelta
from pathlib import Path

import pytest

from engine.backend import Backend
from engine.backend.execution import Limits
from engine.backend.handover import Heritage, UnderWay
from engine.backend.machine import Machine
from engine.errors import CommandLost, ContainerLost, LaunchFailed
from engine.health import HealthPolicy
from engine.model.results import Ended, Ending, Fault, Leftovers, Transition
from engine.model.spec import ServiceSpec
from engine.policy import BackendPolicy
from engine.runtimes.base import Container, ExecRequest
from engine.util.clock import uptime_s, utc_now
from engine.util.virtual_clock import run
from states import BACKEND
from tests.engine.spools import spool_in
from tests.engine.watched import FIT, later, until
from tests.fake_runtime import FakeRuntime

MACHINE = Machine(BACKEND)
FOUND = Container("alpha", "of-the-dead", started_at="long ago")
OUTLIVED = [
    "stopped start starting",
    "starting reattach busy",
    "busy finish_reattached starting",
    "starting proved_ready ready",
]


class Scene:
    """A backend, a container that a dead controller left, and perhaps a command that runs in it."""

    def __init__(self, folder: Path) -> None:
        self.runtime = FakeRuntime()
        self.spool = spool_in(folder)
        self.folder = self.spool.folder
        self.taken: list[Transition] = []
        slot = self.spool.begin("outlived")
        slot.close()
        self.request = ExecRequest("outlived", ("true",), slot.folder)

    def under_way(
        self, limits: Limits | None = None, *, ago_s: float = 0, container: str = FOUND.id
    ) -> UnderWay:
        begun_at = utc_now() - timedelta(seconds=ago_s)
        return UnderWay(self.request, limits or Limits(), container, begun_at)

    def begin(
        self,
        under_way: UnderWay | None = None,
        *,
        policy: BackendPolicy | None = None,
        **known: object,
    ) -> Backend:
        backend = Backend(
            spec=ServiceSpec("alpha"),
            runtime=self.runtime,
            machine=MACHINE,
            policy=policy or BackendPolicy(),
            spool=self.spool,
            on_transition=self.taken.append,
            rng=random.Random(1),
            heritage=Heritage(under_way=under_way, **known),  # type: ignore[arg-type]
        )
        self.runtime.notify = backend.observe
        backend.start()
        return backend

    @property
    def path(self) -> list[str]:
        return [f"{step.source} {step.event} {step.target}" for step in self.taken]

    @property
    def calls(self) -> list[str]:
        return [method for method, _ in self.runtime.calls]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_an_idle_container_is_taken_over_and_proved(scene: Scene) -> None:
    async def story() -> None:
        scene.runtime.will("adopt", "alpha", FOUND)
        backend = scene.begin(generation=3, since_restart=7, restart_cause="it leaked")
        assert await backend.settled() == "ready"
        assert backend.container is backend.adopted is FOUND
        assert (backend.generation, backend.since_restart) == (3, 7)
        assert await backend.outlived() is None

    run(story())
    assert scene.calls == ["adopt", "gate"]


def test_its_restarts_go_on_counting(scene: Scene) -> None:
    async def story() -> None:
        scene.runtime.will("adopt", "alpha", FOUND)
        backend = scene.begin(restarts_ago_s=(60.0, 30.0, 10.0))
        await backend.settled()
        assert backend.restarts_left == 0
        scene.runtime.die("alpha")
        await until(lambda: backend.state == "exhausted")

    run(story())


def test_restarts_until_it_is_found_count_besides(scene: Scene) -> None:
    async def story() -> None:
        scene.runtime.will("adopt", "alpha", LaunchFailed("alpha", "no answer came"), FOUND)
        backend = scene.begin(restarts_ago_s=(60.0,))
        assert await backend.settled() == "ready"
        assert backend.adopted is FOUND
        assert backend.history.spent == 2

    run(story())


def test_what_a_launch_of_its_own_has_left_forgives_no_restart(scene: Scene) -> None:
    async def story() -> None:
        scene.runtime.will("launch", "alpha", LaunchFailed("alpha", "no answer came"))
        scene.runtime.will("adopt", "alpha", None, FOUND)
        backend = scene.begin()
        assert await backend.settled() == "ready"
        assert backend.adopted is FOUND
        assert backend.history.spent == 1

    run(story())


def test_where_there_is_nothing_to_take_over_it_starts_from_nothing(scene: Scene) -> None:
    async def story() -> None:
        backend = scene.begin(scene.under_way(), generation=3, restarts_ago_s=(1.0,))
        assert await backend.settled() == "ready"
        assert await backend.outlived() is None
        assert backend.adopted is None
        assert (backend.generation, backend.history.spent) == (1, 0)

    run(story())
    assert scene.calls == ["adopt", "launch", "gate"]


def test_no_gate_and_no_probe_enters_before_the_end_of_what_runs_in_it(scene: Scene) -> None:
    async def story() -> None:
        end = later()
        scene.runtime.will("adopt", "alpha", FOUND)
        scene.runtime.will("attach", "alpha", end)
        scene.runtime.will_print("alpha", FIT)
        looks = BackendPolicy(health=HealthPolicy(look_at_gpus=True))
        backend = scene.begin(scene.under_way(), policy=looks)
        await asyncio.sleep(3600)
        assert backend.state == "busy"
        assert scene.calls == ["adopt", "attach"]
        end.set_result(0)
        assert await backend.settled() == "ready"

    run(story())
    assert scene.path == OUTLIVED
    assert scene.calls == ["adopt", "attach", "kill", "gate", "look", "pids"]


def test_the_end_of_what_runs_in_it_is_told_as_if_nothing_had_been(scene: Scene) -> None:
    async def story() -> Ended | None:
        scene.runtime.will("adopt", "alpha", FOUND)
        scene.runtime.will("attach", "alpha", 3)
        under_way = scene.under_way(ago_s=100)
        ended = await scene.begin(under_way, generation=2, since_restart=4).outlived()
        assert ended is not None
        assert ended.started_at == under_way.begun_at
        return ended

    ended = run(story())
    assert ended is not None
    assert (ended.ending, ended.exit_code) == (Ending.EXITED, 3)
    assert ended.duration_s >= 100
    assert (ended.container_id, ended.generation, ended.since_restart) == (FOUND.id, 2, 4)


@pytest.mark.parametrize(
    ("limits", "ending"),
    [
        (Limits(timeout_s=1000), Ending.TIMEOUT),
        (Limits(timeout_s=10), Ending.TIMEOUT),
        (Limits(silence_s=10), Ending.SILENCE),
    ],
)
def test_its_limits_count_from_its_true_beginning(
    scene: Scene, limits: Limits, ending: Ending
) -> None:
    async def story() -> tuple[Ended | None, float]:
        scene.runtime.will("adopt", "alpha", FOUND)
        scene.runtime.will("attach", "alpha", later())
        ended = await scene.begin(scene.under_way(limits, ago_s=990)).outlived()
        return ended, asyncio.get_running_loop().time()

    ended, after_s = run(story())
    assert ended is not None
    assert ended.ending is ending
    assert after_s <= 10


@pytest.mark.parametrize("set_by_s", [-3600, 3600], ids=["back", "forward"])
@pytest.mark.parametrize(
    ("limits", "ending"),
    [
        (Limits(timeout_s=1000), Ending.TIMEOUT),
        (Limits(silence_s=10), Ending.SILENCE),
        (Limits(silence_s=7200), Ending.SILENCE),
    ],
)
def test_a_clock_that_was_set_meanwhile_changes_nothing_of_that(
    scene: Scene, limits: Limits, ending: Ending, set_by_s: float
) -> None:
    for name in ("stdout", "stderr"):
        (scene.request.folder / name).touch()

    async def story() -> tuple[Ended | None, float]:
        scene.runtime.will("adopt", "alpha", FOUND)
        scene.runtime.will("attach", "alpha", later())
        begun_at = utc_now() - timedelta(seconds=990 + set_by_s)
        for name in ("stdout", "stderr"):  # it wrote 5 s ago
            when_s = utc_now().timestamp() - 5 - set_by_s
            os.utime(scene.request.folder / name, (when_s, when_s))
        uptime = uptime_s() - 990
        under_way = UnderWay(scene.request, limits, FOUND.id, begun_at, uptime)
        ended = await scene.begin(under_way).outlived()
        return ended, asyncio.get_running_loop().time()

    ended, after_s = run(story())
    assert ended is not None
    assert ended.ending is ending
    most_s = 10 if limits.silence_s is None else limits.silence_s
    assert after_s == pytest.approx(most_s, abs=1)


def test_the_end_of_what_was_given_up_ends_nothing_of_what_runs_since(scene: Scene) -> None:
    async def story() -> None:
        ended = later()
        scene.runtime.will("adopt", "alpha", FOUND)
        scene.runtime.will("attach", "alpha", later())
        scene.runtime.will("kill", "alpha", ended)
        backend = scene.begin(scene.under_way())
        await until(lambda: backend.state == "busy")
        outlived = asyncio.create_task(backend.outlived())
        backend.report(Fault("seen from outside"))
        assert await backend.settled() == "ready"
        (scene.folder / "next").mkdir()
        scene.runtime.will("execute", "alpha", later())
        request = ExecRequest("next", ("true",), scene.folder / "next")
        running = asyncio.create_task(backend.execute(request))
        await until(lambda: scene.runtime.called("execute") == 1)
        ended.set_result(True)
        lost = await outlived
        assert lost is not None
        assert lost.ending is Ending.LOST
        assert backend.state == "busy"
        await backend.stop()
        assert (await running).ending is Ending.INTERRUPTED

    run(story())


def test_a_command_of_which_nothing_is_left_is_no_try_and_its_container_is_kept(
    scene: Scene,
) -> None:
    async def story() -> Ended | None:
        scene.runtime.will("adopt", "alpha", FOUND)
        scene.runtime.will("attach", "alpha", CommandLost("alpha", "nothing is left of it"))
        backend = scene.begin(scene.under_way())
        ended = await backend.outlived()
        assert await backend.settled() == "ready"
        return ended

    ended = run(story())
    assert ended is not None
    assert (ended.ending, ended.reason) == (Ending.INTERRUPTED, "nothing is left of it")
    assert scene.path == OUTLIVED


def test_the_death_of_the_container_under_it_is_a_fault(scene: Scene) -> None:
    async def story() -> Ended | None:
        scene.runtime.will("adopt", "alpha", FOUND)
        scene.runtime.will("attach", "alpha", ContainerLost("alpha", "it went away"))
        backend = scene.begin(scene.under_way())
        ended = await backend.outlived()
        assert await backend.settled() == "ready"
        return ended

    ended = run(story())
    assert ended is not None
    assert ended.ending is Ending.LOST
    assert scene.path[1:4] == [
        "starting reattach busy",
        "busy fault unhealthy",
        "unhealthy recover restarting",
    ]


def test_what_ran_in_another_container_is_not_waited_for(scene: Scene) -> None:
    async def story() -> None:
        scene.runtime.will("adopt", "alpha", FOUND)
        backend = scene.begin(scene.under_way(container="the-one-before"))
        assert await backend.outlived() is None
        assert await backend.settled() == "ready"

    run(story())
    assert scene.calls == ["adopt", "gate"]


def test_what_cannot_be_looked_at_now_is_looked_at_again(scene: Scene) -> None:
    async def story() -> Ended | None:
        scene.runtime.will("adopt", "alpha", LaunchFailed("alpha", "no answer"), FOUND)
        return await scene.begin(scene.under_way()).outlived()

    ended = run(story())
    assert ended is not None
    assert ended.ending is Ending.EXITED
    assert "restarting reattach busy" in scene.path


def test_what_it_leaves_running_and_cannot_be_ended_is_a_fault(scene: Scene) -> None:
    async def story() -> str:
        scene.runtime.will("adopt", "alpha", FOUND)
        scene.runtime.will("kill", "alpha", False)
        return await scene.begin(scene.under_way()).settled()

    assert run(story()) == "ready"
    assert "recreate" in scene.calls


def test_a_stop_ends_what_was_reattached_to(scene: Scene) -> None:
    async def story() -> Ended | None:
        scene.runtime.will("adopt", "alpha", FOUND)
        scene.runtime.will("attach", "alpha", later())
        backend = scene.begin(scene.under_way())
        await until(lambda: backend.state == "busy")
        await backend.stop(grace_s=1)
        return await backend.outlived()

    ended = run(story())
    assert ended is not None
    assert ended.ending is Ending.INTERRUPTED
    assert scene.path[-2:] == ["busy stop busy", "busy removed stopped"]


def test_a_stop_before_anything_was_found_leaves_nothing_to_wait_for(scene: Scene) -> None:
    async def story() -> Ended | None:
        scene.runtime.will("adopt", "alpha", later())
        backend = scene.begin(scene.under_way())
        outlived = asyncio.create_task(backend.outlived())
        await until(lambda: "adopt" in scene.calls)
        await backend.stop()
        return await outlived

    assert run(story()) is None


def test_the_end_of_what_outlived_its_container_is_not_that_of_the_next(scene: Scene) -> None:
    async def story() -> None:
        outlived, under_way = later(), later()
        scene.runtime.will("adopt", "alpha", FOUND)
        scene.runtime.will("attach", "alpha", outlived)
        scene.runtime.will("execute", "alpha", under_way)
        backend = scene.begin(scene.under_way())
        await until(lambda: scene.runtime.called("attach") == 1)
        backend.report(Fault("seen from outside"))
        assert await backend.settled() == "ready"
        (scene.folder / "next").mkdir()
        request = ExecRequest("next", ("true",), scene.folder / "next")
        work = asyncio.create_task(backend.execute(request))
        await until(lambda: scene.runtime.called("execute") == 1)
        outlived.set_exception(ContainerLost("alpha", "it was restarted"))
        await asyncio.sleep(1)
        assert backend.state == "busy"
        under_way.set_result(0)
        assert (await work).ending is Ending.EXITED

    run(story())


def test_what_an_outlived_experiment_may_leave_is_not_ended_before_the_gate(scene: Scene) -> None:
    async def story() -> None:
        scene.runtime.will("adopt", "alpha", FOUND)
        under_way = scene.under_way(Limits(leftovers=Leftovers.KEEP))
        backend = scene.begin(under_way)
        await backend.outlived()
        assert await backend.settled() == "ready"

    run(story())
    assert scene.calls == ["adopt", "attach", "gate"]
