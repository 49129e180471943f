"""One backend: requests to it, faults that hit it, and the edges that it takes."""

from __future__ import annotations

import asyncio
import gc
import os
import random
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from engine.backend import Backend, Effect, Fact
from engine.backend.execution import Limits
from engine.backend.machine import Machine
from engine.errors import (
    ContainerLost,
    DispatchError,
    ExecFailed,
    LaunchFailed,
    NotReady,
    RemovalFailed,
    RuntimeFault,
)
from engine.model.results import Ending, Fault, Transition
from engine.model.spec import ServiceSpec
from engine.policy import BackendPolicy, RestartPolicy
from engine.runtimes.base import Container, ExecRequest, ExecResult, Happening, Notice, Observation
from engine.util.clock import utc_now
from engine.util.virtual_clock import VirtualClockLoop, run
from states import BACKEND, Lifecycle, Row, TransitionRefused, fact
from tests.engine.cooling import COOLING
from tests.engine.spools import spool_in
from tests.engine.watched import until
from tests.fake_runtime import FakeRuntime

MACHINE = Machine(BACKEND)


class Scene:
    """A backend on a fake runtime, and what has become of it."""

    def __init__(self, folder: Path) -> None:
        self.spool = spool_in(folder)
        self.folder = self.spool.folder
        self.runtime = FakeRuntime()
        self.taken: list[Transition] = []
        self.backend = self.make()
        self._requests = 0

    def make(
        self,
        policy: BackendPolicy | None = None,
        lifecycle: Lifecycle = BACKEND,
        effects: dict[str, Effect] | None = None,
        facts: dict[str, Fact] | None = None,
    ) -> Backend:
        backend = Backend(
            spec=ServiceSpec("alpha"),
            runtime=self.runtime,
            machine=MACHINE if lifecycle is BACKEND else Machine(lifecycle),
            policy=policy or BackendPolicy(),
            spool=self.spool,
            on_transition=self.taken.append,
            rng=random.Random(1),
            effects=effects or {},
            facts=facts or {},
        )
        self.runtime.notify = backend.observe
        self.backend = backend
        return backend

    def request(self) -> ExecRequest:
        self._requests += 1
        name = f"request-{self._requests}"
        return ExecRequest(name, ("true",), self.folder / name)

    async def ready(self, policy: BackendPolicy | None = None) -> Backend:
        backend = self.make(policy)
        backend.start()
        assert await backend.settled() == "ready"
        return backend

    async def busy(self, policy: BackendPolicy | None = None) -> tuple[Backend, asyncio.Task[Any]]:
        backend = await self.ready(policy)
        self.runtime.will("execute", "alpha", asyncio.get_running_loop().create_future())
        work = asyncio.create_task(backend.execute(self.request(), Limits(timeout_s=50)))
        await until(lambda: backend.state == "busy" and self.runtime.called("execute") == 1)
        return backend, work

    @property
    def path(self) -> list[str]:
        return [f"{step.source} {step.event} {step.target}" for step in self.taken]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


START = ["stopped start starting", "starting proved_ready ready"]
GOES = ["ready stop ready", "ready removed stopped"]


def test_starts_is_ready_and_stops(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        await backend.stop()

    run(story())
    assert scene.path == [*START, *GOES]
    calls = [method for method, _ in scene.runtime.calls]
    assert calls == ["adopt", "launch", "gate", "remove"]


def test_a_command_makes_it_busy_and_its_exit_code_is_its_own_affair(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        scene.runtime.will("execute", "alpha", 3)
        ended = await backend.execute(scene.request())
        assert (ended.ending, ended.exit_code, ended.succeeded) == (Ending.EXITED, 3, False)
        assert (ended.generation, ended.since_restart, ended.restart_cause) == (1, 0, None)
        assert (await backend.execute(scene.request())).since_restart == 1

    run(story())
    again = ["ready dispatch busy", "busy finish ready"]
    assert scene.path == [*START, *again, *again]


def test_runs_one_command_at_a_time_in_order(scene: Scene) -> None:
    async def story() -> None:
        backend, first = await scene.busy()
        second = asyncio.create_task(backend.execute(scene.request()))
        third = asyncio.create_task(backend.execute(scene.request()))
        await asyncio.sleep(10)
        assert scene.runtime.called("execute") == 1
        assert backend.container is not None
        await scene.runtime.kill(backend.container, scene.runtime.requests[0], grace_s=1)
        await asyncio.gather(first, second, third)
        assert [request.id for request in scene.runtime.requests] == [
            "request-1",
            "request-2",
            "request-3",
        ]

    run(story())


def test_a_time_limit_ends_the_process_tree_and_says_so(scene: Scene) -> None:
    async def story() -> None:
        backend, work = await scene.busy()
        ended = await work
        assert (ended.ending, ended.exit_code) == (Ending.TIMEOUT, 143)
        assert ended.reason == "ended after its time limit of 50 s"
        assert ended.duration_s == pytest.approx(50)
        assert backend.state == "ready"

    run(story())


def test_a_silent_command_is_ended_and_a_talkative_one_is_not(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        scene.runtime.will("execute", "alpha", asyncio.get_running_loop().create_future())
        work = asyncio.create_task(backend.execute(scene.request(), Limits(silence_s=60)))
        await until(lambda: scene.runtime.called("execute") == 1)
        for line in range(5):
            with (scene.folder / "request-1" / "stdout").open("a") as output:
                output.write(f"{line}\n")
            await asyncio.sleep(50)
            assert not work.done()
        for name in ("stdout", "stderr"):
            os.utime(scene.folder / "request-1" / name, (0, 0))
        ended = await work
        assert (ended.ending, ended.exit_code) == (Ending.SILENCE, 143)
        assert ended.reason == "ended after 60 s without any output"
        assert backend.state == "ready"

    run(story())


@pytest.mark.parametrize("set_by_s", [-50, 50], ids=["back", "forward"])
def test_a_clock_that_is_set_makes_nobody_silent(scene: Scene, set_by_s: float) -> None:
    async def story() -> None:
        backend = await scene.ready()
        scene.runtime.will("execute", "alpha", asyncio.get_running_loop().create_future())
        work = asyncio.create_task(backend.execute(scene.request(), Limits(silence_s=60)))
        await until(lambda: scene.runtime.called("execute") == 1)
        await asyncio.sleep(50)
        written = scene.folder / "request-1" / "stdout"
        written.write_text("here\n")
        at_s = utc_now().timestamp()
        os.utime(written, (at_s, at_s))
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualClockLoop)
        loop.set_by_s = set_by_s
        ended = await work
        assert ended.ending is Ending.SILENCE
        assert ended.duration_s >= 50 + 60

    run(story())


def test_a_process_that_cannot_be_ended_is_the_backends_fault(scene: Scene) -> None:
    async def story() -> None:
        backend, work = await scene.busy()
        scene.runtime.will("kill", "alpha", False)
        ended = await work
        assert (ended.ending, ended.exit_code) == (Ending.TIMEOUT, None)
        assert await backend.settled() == "ready"
        assert scene.runtime.called("recreate") == 1

    run(story())


def test_what_a_command_leaves_running_at_its_limit_is_the_backends_fault(scene: Scene) -> None:
    class EndsWithoutItsChild(FakeRuntime):
        asked: asyncio.Event

        async def execute(self, container: Container, request: ExecRequest) -> ExecResult:
            await self.asked.wait()
            return ExecResult(143, by_itself=False)

        async def kill(self, container: Container, request: ExecRequest, *, grace_s: float) -> bool:
            self.asked.set()
            return False

    async def story() -> None:
        scene.runtime = runtime = EndsWithoutItsChild()
        runtime.asked = asyncio.Event()
        backend = await scene.ready()
        ended = await backend.execute(scene.request(), Limits(timeout_s=5))
        assert (ended.ending, ended.exit_code) == (Ending.TIMEOUT, 143)

    run(story())
    assert "busy fault unhealthy" in scene.path


def test_a_death_under_a_command_is_a_loss_and_a_counted_restart(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        scene.runtime.will("execute", "alpha", ContainerLost("alpha", "it died"))
        ended = await backend.execute(scene.request())
        assert (ended.ending, ended.exit_code) == (Ending.LOST, None)
        assert (ended.generation, ended.restart_cause) == (1, None)
        assert await backend.settled() == "ready"
        assert (backend.generation, backend.restart_cause) == (2, "it died")
        assert backend.restarts_left == 2

    run(story())
    assert scene.path[3:] == [
        "busy fault unhealthy",
        "unhealthy recover restarting",
        "restarting proved_ready ready",
    ]


def test_a_death_while_idle_is_found_by_inspection(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        scene.runtime.die("alpha")
        await until(lambda: backend.state == "restarting")
        assert await backend.settled() == "ready"
        assert "killed from outside" in str(backend.restart_cause)

    run(story())


def test_a_hint_without_substance_changes_nothing(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        for happening in Happening:
            backend.observe(Notice(happening, "alpha", "alpha-container-1"))
            await until(lambda: not backend._attention._noticed)
        backend.observe(Notice(Happening.DIED, "alpha", "some other container"))
        assert scene.runtime.called("inspect") == len(Happening)

    run(story())
    assert scene.path == START


def test_a_hint_that_proves_a_death_is_acted_upon_at_once(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        assert backend.container is not None
        seen = Observation(backend.container, running=False, exit_code=3)
        backend.observe(Notice(Happening.DIED, "alpha", backend.container.id, seen))
        assert backend.state == "restarting"
        assert scene.runtime.called("inspect") == 0
        assert backend.fault is not None
        assert "exit code 3" in backend.fault.reason

    run(story())


def test_a_death_before_the_last_start_only_wakes(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        assert backend.container is not None
        seen = Observation(
            evolve(backend.container, started_at="before"), running=False, exit_code=3
        )
        backend.observe(Notice(Happening.DIED, "alpha", backend.container.id, seen))
        assert backend.idle
        await until(lambda: scene.runtime.called("inspect") == 1)
        assert backend.idle

    run(story())


def test_nothing_is_inspected_while_busy_and_once_afterwards(scene: Scene) -> None:
    async def story() -> None:
        backend, work = await scene.busy()
        for _ in range(5):
            backend.observe(Notice(Happening.HEALTH, "alpha", "alpha-container-1"))
            await asyncio.sleep(1)
        assert scene.runtime.called("inspect") == 0
        await work
        await until(lambda: scene.runtime.called("inspect") == 1)

    run(story())


def test_an_inspection_that_gets_no_answer_is_repeated_ever_more_seldom(scene: Scene) -> None:
    async def story() -> float:
        await scene.ready()
        scene.runtime.will("inspect", "alpha", *[RuntimeFault("alpha", "no answer")] * 8)
        began = asyncio.get_running_loop().time()
        scene.runtime.die("alpha")
        while scene.runtime.called("inspect") < 9:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(1)
        await until(lambda: "ready fault unhealthy" in scene.path)
        return asyncio.get_running_loop().time() - began

    assert run(story()) == 1 + 2 + 4 + 8 + 16 + 32 + 60 + 60


def test_no_inspection_outlives_its_backend(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        scene.runtime.will("inspect", "alpha", RuntimeFault("alpha", "no answer"))
        backend.observe(Notice(Happening.BLIND, None))
        await until(lambda: scene.runtime.called("inspect") == 1)
        await backend.stop()
        await until(lambda: len(asyncio.all_tasks()) == 1)
        await asyncio.sleep(3600)
        assert scene.runtime.called("inspect") == 1

    run(story())


def test_an_inspection_that_a_dispatch_overtakes_is_repeated_after_it(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        assert backend.container is not None
        unfit = Observation(backend.container, running=True, health="unhealthy")
        answer = asyncio.get_running_loop().create_future()
        scene.runtime.will("inspect", "alpha", answer, unfit)
        ends = asyncio.get_running_loop().create_future()
        scene.runtime.will("execute", "alpha", ends)
        backend.observe(Notice(Happening.HEALTH, "alpha", backend.container.id))
        await until(lambda: scene.runtime.called("inspect") == 1)
        work = asyncio.create_task(backend.execute(scene.request()))
        await until(lambda: scene.runtime.called("execute") == 1)
        answer.set_result(unfit)
        await asyncio.sleep(1)
        assert (backend.state, scene.runtime.called("inspect")) == ("busy", 1)
        ends.set_result(0)
        assert (await work).ending is Ending.EXITED
        await until(lambda: backend.state == "restarting")

    run(story())


@pytest.mark.parametrize("recover", [True, False])
def test_a_fault_that_others_see_ends_what_runs_as_lost(scene: Scene, recover: bool) -> None:  # noqa: FBT001
    async def story() -> None:
        patient = RestartPolicy(backoff_s=60, backoff_max_s=60, jitter=0)
        backend, work = await scene.busy(BackendPolicy(restart=patient, recover=recover))
        began = asyncio.get_running_loop().time()
        backend.report(Fault("seen from outside"))
        ended = await work
        assert (ended.ending, ended.reason) == (Ending.LOST, "seen from outside")
        assert backend.state == ("restarting" if recover else "unhealthy")
        assert asyncio.get_running_loop().time() == began
        assert scene.runtime.called("kill") == 1

    run(story())


def test_what_inspection_tells_late_is_dropped(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        scene.runtime.will("inspect", "alpha", answer)
        backend.observe(Notice(Happening.BLIND, None))
        await until(lambda: scene.runtime.called("inspect") == 1)
        backend.restart("a new model")
        assert await backend.settled() == "ready"
        answer.set_result(Observation(scene.runtime.alive["alpha"].container, running=False))
        await asyncio.sleep(1)
        assert backend.state == "ready"

    run(story())
    assert "ready fault unhealthy" not in scene.path


@pytest.mark.parametrize("error", [LaunchFailed, NotReady])
def test_a_start_that_fails_is_tried_again_within_the_budget(
    scene: Scene, error: type[LaunchFailed | NotReady]
) -> None:
    async def story() -> None:
        step = "launch" if error is LaunchFailed else "gate"
        scene.runtime.will(step, "alpha", *[error("alpha", "no luck")] * 9)
        scene.runtime.will("restart", "alpha")
        backend = scene.make(BackendPolicy(restart=RestartPolicy(max_restarts=2)))
        backend.start()
        assert await backend.settled() == "exhausted"

    run(story())
    assert scene.path[-1] == "unhealthy recover exhausted"
    assert scene.taken[-1].reason == "the restart budget is spent (2): no luck"
    assert sum(step.endswith("recover restarting") for step in scene.path) == 2


def test_what_no_restart_cures_is_not_tried_again(scene: Scene) -> None:
    async def story() -> None:
        scene.runtime.will("launch", "alpha", LaunchFailed("alpha", "no image", curable=False))
        backend = scene.make()
        backend.start()
        assert await backend.settled() == "exhausted"
        with pytest.raises(DispatchError, match="alpha takes no experiment, it is exhausted: no"):
            await backend.execute(scene.request())

    run(story())
    assert scene.runtime.called("launch") == 1


def test_the_readiness_gate_has_a_deadline(scene: Scene) -> None:
    async def story() -> None:
        scene.runtime.will("gate", "alpha", asyncio.get_running_loop().create_future())
        backend = scene.make(BackendPolicy(ready_within_s=7))
        backend.start()
        await backend.settled()
        assert "not ready within 7 s" in str(backend.restart_cause)

    run(story())


def test_a_reset_grants_a_new_budget(scene: Scene) -> None:
    async def story() -> None:
        scene.runtime.will("launch", "alpha", LaunchFailed("alpha", "no", curable=False))
        backend = scene.make()
        backend.start()
        assert await backend.settled() == "exhausted"
        backend.reset()
        assert await backend.settled() == "ready"
        assert backend.restarts_left == 3

    run(story())


def test_a_restart_on_request_is_free(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        for _ in range(10):
            backend.restart("a cold start")
            assert await backend.settled() == "ready"
        assert (backend.restarts_left, backend.generation) == (3, 11)

    run(story())


def test_where_nobody_recovers_it_waits_for_the_caller(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready(BackendPolicy(recover=False))
        assert backend.report(Fault("seen from outside"))
        assert await backend.settled() == "unhealthy"
        backend.recover()
        assert await backend.settled() == "ready"

    run(story())


def test_a_stop_during_a_backoff_returns_at_once(scene: Scene) -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        patient = RestartPolicy(backoff_s=60, backoff_max_s=60, jitter=0)
        backend = await scene.ready(BackendPolicy(restart=patient))
        backend.report(Fault("unfit"))
        await asyncio.sleep(1)
        began = loop.time()
        await backend.stop()
        assert loop.time() == began
        assert backend.state == "stopped"

    run(story())
    assert scene.runtime.called("restart") == 0


def test_a_stop_during_the_launch_cancels_it_and_drops_its_result(scene: Scene) -> None:
    async def story() -> None:
        scene.runtime.will("launch", "alpha", asyncio.get_running_loop().create_future())
        backend = scene.make()
        backend.start()
        await until(lambda: scene.runtime.called("launch") == 1)
        await backend.stop()
        assert backend.state == "stopped"

    run(story())
    assert scene.path == [
        "stopped start starting",
        "starting stop starting",
        "starting removed stopped",
    ]


def test_a_stop_ends_what_runs_before_it_removes_the_container(scene: Scene) -> None:
    async def story() -> None:
        backend, work = await scene.busy()
        await backend.stop(grace_s=5)
        ended = await work
        assert (ended.ending, ended.exit_code) == (Ending.INTERRUPTED, 143)

    run(story())
    assert [method for method, _ in scene.runtime.calls[-2:]] == ["kill", "remove"]
    assert scene.path[-2:] == ["busy stop busy", "busy removed stopped"]


def test_a_second_stop_waits_for_the_first(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        removal: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        scene.runtime.will("remove", "alpha", removal)
        stops = [asyncio.create_task(backend.stop()) for _ in range(3)]
        await asyncio.sleep(1)
        assert backend.stopping
        removal.set_result(None)
        await asyncio.gather(*stops)
        await backend.stop()

    run(story())
    assert scene.runtime.called("remove") == 1


def test_a_second_stop_without_grace_hurries_the_first(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        scene.runtime.will("remove", "alpha", asyncio.get_running_loop().create_future())
        patient = asyncio.create_task(backend.stop(grace_s=1000))
        await until(lambda: scene.runtime.called("remove") == 1)
        await backend.stop(grace_s=0)
        await patient
        assert backend.state == "stopped"

    run(story())
    assert scene.runtime.called("remove") == 2


def test_a_caller_who_is_cancelled_does_not_take_the_removal_along(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        removal: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        scene.runtime.will("remove", "alpha", removal)
        stop = asyncio.create_task(backend.stop())
        await until(lambda: scene.runtime.called("remove") == 1)
        stop.cancel()
        await asyncio.wait({stop})
        removal.set_result(None)
        await backend.stop()
        assert backend.state == "stopped"

    run(story())
    assert scene.runtime.called("remove") == 1


def test_a_container_that_cannot_be_removed_exhausts_its_backend(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        scene.runtime.will("remove", "alpha", RemovalFailed("alpha", "unkillable"))
        with pytest.raises(RemovalFailed, match="alpha: unkillable"):
            await backend.stop()
        assert backend.state == "exhausted"
        await backend.stop()
        assert backend.state == "stopped"

    run(story())
    assert scene.path[-2:] == ["exhausted stop exhausted", "exhausted removed stopped"]


def test_stops_from_every_state(scene: Scene) -> None:
    async def bring(state: str) -> Backend:
        if state == "busy":
            return (await scene.busy())[0]
        waits = asyncio.get_running_loop().create_future()
        backend = scene.make(BackendPolicy(recover=state in ("restarting", "exhausted")))
        if state == "stopped":
            return backend
        if state == "starting":
            scene.runtime.will("gate", "alpha", waits)
        if state == "restarting":
            scene.runtime.will("restart", "alpha", waits)
        backend.start()
        if state == "starting":
            await until(lambda: scene.runtime.calls[-1:] == [("gate", "alpha")])
            return backend
        await backend.settled()
        if state == "exhausted":
            backend.report(Fault("incurable", curable=False))
        elif state != "ready":
            backend.report(Fault("curable"))
        return backend

    async def story() -> None:
        for state in BACKEND.states:
            backend = await bring(state)
            assert backend.state == state
            await backend.stop()
            assert (backend.state, backend.stopping) == ("stopped", False)
            assert scene.runtime.alive == {}

    run(story())


def test_a_command_that_cannot_be_started_is_no_fault_of_the_backend(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        scene.runtime.will("execute", "alpha", ExecFailed("alpha", "no such folder: /nope"))
        ended = await backend.execute(scene.request())
        assert (ended.ending, ended.exit_code) == (Ending.UNSTARTED, None)
        assert ended.reason == "no such folder: /nope"
        assert backend.state == "ready"

    run(story())
    assert scene.path[-1] == "busy finish ready"


def test_a_caller_who_gives_up_takes_the_command_along(scene: Scene) -> None:
    async def story() -> None:
        backend, work = await scene.busy()
        work.cancel()
        await asyncio.wait({work})
        assert backend.state == "ready"

    run(story())
    assert scene.runtime.called("kill") == 1


def test_a_command_that_goes_on_although_its_caller_gave_up_is_the_backends_fault(
    scene: Scene,
) -> None:
    async def story() -> None:
        backend = await scene.ready()
        scene.runtime.will("execute", "alpha", asyncio.get_running_loop().create_future())
        scene.runtime.will("kill", "alpha", False)
        running = asyncio.create_task(backend.execute(scene.request()))
        await until(lambda: backend.state == "busy")
        running.cancel()
        await asyncio.wait({running})
        assert running.cancelled()
        assert await backend.settled() == "ready"

    run(story())
    assert scene.path[3:6] == [
        "busy fault unhealthy",
        "unhealthy recover restarting",
        "restarting proved_ready ready",
    ]
    assert scene.runtime.called("recreate") == 1


def test_a_caller_who_gives_up_twice_does_not_wait_for_the_end_and_nobody_trusts_in_it(
    scene: Scene,
) -> None:
    async def story() -> None:
        backend = await scene.ready()
        scene.runtime.will("execute", "alpha", asyncio.get_running_loop().create_future())
        scene.runtime.will("kill", "alpha", asyncio.get_running_loop().create_future())
        running = asyncio.create_task(backend.execute(scene.request()))
        await until(lambda: scene.runtime.called("execute") == 1)
        running.cancel()
        await until(lambda: scene.runtime.called("kill") == 1)
        running.cancel()
        await asyncio.wait({running})
        assert await backend.settled() == "ready"

    run(story())
    assert "busy fault unhealthy" in scene.path


@pytest.mark.parametrize("gives_up", [True, False])
def test_a_command_that_begins_after_its_end_was_verified_is_the_backends_fault(
    scene: Scene,
    gives_up: bool,  # noqa: FBT001
) -> None:
    class BeginsLate(FakeRuntime):
        async def kill(self, container: Container, request: ExecRequest, *, grace_s: float) -> bool:
            return True  # nothing of it is there yet

    async def story() -> None:
        scene.runtime = BeginsLate()
        backend = await scene.ready()
        scene.runtime.will("execute", "alpha", asyncio.get_running_loop().create_future())
        running = asyncio.create_task(backend.execute(scene.request(), Limits(timeout_s=5)))
        await asyncio.sleep(1)
        if gives_up:
            running.cancel()
        await asyncio.wait({running})
        assert gives_up or running.result().ending is Ending.TIMEOUT
        assert await backend.settled() == "ready"

    run(story())
    assert "busy fault unhealthy" in scene.path


class LosesLate(FakeRuntime):
    """A command of which it is known only after a while that its container went away."""

    async def execute(self, container: Container, request: ExecRequest) -> ExecResult:
        await asyncio.sleep(10)
        raise ContainerLost(container.service, "gone")


def test_a_command_that_fails_after_it_was_given_up_is_no_complaint_of_asyncios(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        scene.runtime = LosesLate()
        backend = await scene.ready()
        running = asyncio.create_task(backend.execute(scene.request()))
        await asyncio.sleep(1)
        running.cancel()
        await asyncio.wait({running})

    run(story())
    gc.collect()
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


def test_an_unexpected_error_in_an_effect_becomes_a_fault(scene: Scene) -> None:
    async def story() -> None:
        scene.runtime.will("launch", "alpha", ZeroDivisionError("a bug"))
        backend = scene.make()
        backend.start()
        assert await backend.settled() == "ready"
        assert backend.restart_cause == "unexpected ZeroDivisionError: a bug"

    run(story())


def test_an_unexpected_error_in_a_removal_is_a_failed_removal(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        scene.runtime.will("remove", "alpha", ZeroDivisionError("a bug"))
        with pytest.raises(RemovalFailed, match="unexpected ZeroDivisionError: a bug"):
            await backend.stop()

    run(story())


def test_what_the_table_does_not_allow_is_refused_and_changes_nothing(scene: Scene) -> None:
    async def story() -> None:
        backend = scene.make()
        asked: list[Any] = [backend.recover, backend.reset, lambda: backend.restart("now")]
        for ask in asked:
            with pytest.raises(TransitionRefused):
                ask()
        assert not backend.report(Fault("of what?"))

    run(story())
    assert scene.path == []


async def cool(_backend: Backend) -> str:
    await asyncio.sleep(30)
    return "cooled"


def test_an_extended_lifecycle_does_actions_of_the_users_own(scene: Scene) -> None:
    async def story() -> None:
        backend = scene.make(lifecycle=COOLING, effects={"cool": cool})
        backend.start()
        await backend.settled()
        await backend.execute(scene.request())
        assert backend.state == "cooling"
        assert await backend.settled() == "ready"
        assert asyncio.get_running_loop().time() >= 30
        await backend.execute(scene.request())
        await backend.stop()
        assert backend.state == "stopped"

    run(story())


def test_an_extended_lifecycle_is_told_facts_of_the_users_own(scene: Scene) -> None:
    guarded = COOLING.extend(
        facts={"hot": "the device is above its limit"},
        without=[("ready", "dispatch"), ("busy", "finish")],
        rows=[
            Row("ready", "dispatch", "busy", guard=~fact("hot"), action="execute"),
            Row("ready", "dispatch", "cooling", guard=fact("hot"), action="cool"),
            Row("busy", "finish", "ready"),
        ],
    )

    def hot(_backend: Backend) -> bool:
        return asyncio.get_running_loop().time() < 50

    async def story() -> None:
        backend = scene.make(lifecycle=guarded, effects={"cool": cool}, facts={"hot": hot})
        backend.start()
        await backend.settled()
        ended = await backend.execute(scene.request())
        assert ended.exit_code == 0
        assert asyncio.get_running_loop().time() == 60
        await backend.stop()

    run(story())
    once = ["ready dispatch cooling", "cooling cooled ready"]
    assert scene.path[2:-2] == [*once, *once, "ready dispatch busy", "busy finish ready"]


def test_virtual_time_says_so_when_nothing_can_happen_any_more() -> None:
    async def waits_for_ever() -> None:
        await asyncio.get_running_loop().create_future()

    story: Coroutine[Any, Any, None] = waits_for_ever()
    with pytest.raises(RuntimeError, match="it waits for ever"):
        run(story)


def test_a_container_that_takes_its_spool_away_is_made_anew_on_another_one(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        ends = asyncio.get_running_loop().create_future()
        scene.runtime.will("execute", "alpha", ends)
        work = asyncio.create_task(backend.execute(scene.request()))
        await until(lambda: scene.runtime.called("execute") == 1)
        scene.folder.rename(scene.folder.with_name("away"))
        ends.set_result(0)
        await work
        assert await backend.settled() == "ready"
        assert (scene.runtime.called("recreate"), backend.generation) == (1, 2)
        assert scene.folder.is_dir()

    run(story())


def test_a_stop_whose_removal_was_cancelled_is_begun_again_by_the_next(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        scene.runtime.will("remove", "alpha", asyncio.get_running_loop().create_future())
        first = asyncio.create_task(backend.stop(grace_s=5))
        await until(lambda: scene.runtime.called("remove") == 1)
        (removal,) = (task for task in asyncio.all_tasks() if task.get_name() == "alpha")
        removal.cancel()
        await asyncio.wait({removal})
        async with asyncio.timeout(60):
            await backend.stop(grace_s=5)
            await first
        assert (backend.state, scene.runtime.called("remove")) == ("stopped", 2)

    run(story())
