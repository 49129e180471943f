"""What comes late counts no more: calls that were cancelled, and end after all."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from engine.backend import Backend, Effect
from engine.errors import ContainerLost, LaunchFailed, RemovalFailed
from engine.machine import Machine
from engine.policy import BackendPolicy, RestartPolicy
from engine.record import Fault, Transition
from engine.runtimes.base import ExecRequest, Happening, Notice
from engine.spec import ServiceSpec
from engine.testing.clock import run
from states import BACKEND, Lifecycle, Row
from tests.engine.watched import later, until
from tests.fake_runtime import FakeRuntime


@frozen
class Deaf:
    """An outcome that is waited for whoever cancels the wait."""

    outcome: asyncio.Future[Any]


class DeafRuntime(FakeRuntime):
    """Calls that are told to be deaf go on when they are cancelled, and end as they would have."""

    def __init__(self) -> None:
        super().__init__()
        self.graces_s: list[float] = []

    async def _do(self, method: str, service: str, default: Any = None) -> Any:
        told = self._outcomes[method, service]
        if not (told and isinstance(told[0], Deaf)):
            return await super()._do(method, service, default)
        self.calls.append((method, service))
        outcome = told.popleft().outcome
        while not outcome.done():
            try:
                await asyncio.shield(outcome)
            except asyncio.CancelledError:
                continue
        return outcome.result()

    async def remove(self, service: str, *, grace_s: float) -> None:
        self.graces_s.append(grace_s)
        await super().remove(service, grace_s=grace_s)


class Scene:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runtime = DeafRuntime()
        self.taken: list[Transition] = []

    def make(
        self,
        policy: BackendPolicy | None = None,
        lifecycle: Lifecycle = BACKEND,
        effects: dict[str, Effect] | None = None,
    ) -> Backend:
        backend = Backend(
            spec=ServiceSpec("alpha", stop_grace_period_s=8),
            runtime=self.runtime,
            machine=Machine(lifecycle),
            policy=policy or BackendPolicy(),
            folder=self.folder,
            on_transition=self.taken.append,
            rng=random.Random(1),
            effects=effects or {},
        )
        self.runtime.notify = backend.observe
        return backend

    async def ready(self, policy: BackendPolicy | None = None) -> Backend:
        backend = self.make(policy)
        backend.start()
        assert await backend.settled() == "ready"
        return backend

    async def stopped_under_a_launch(self, outcome: asyncio.Future[Any]) -> Backend:
        """A backend whose launch did not end, not even after a minute; started anew, at its gate."""
        self.runtime.will("launch", "alpha", Deaf(outcome))
        backend = self.make()
        backend.start()
        await until(lambda: self.runtime.called("launch") == 1)
        await backend.stop()
        assert asyncio.get_running_loop().time() == 60
        self.runtime.will("gate", "alpha", later())
        backend.start()
        await until(lambda: self.runtime.called("gate") == 1)
        return backend

    def request(self) -> ExecRequest:
        name = f"request-{len(self.runtime.requests)}"
        (self.folder / name).mkdir()
        return ExecRequest(name, ("true",), self.folder / name)

    @property
    def path(self) -> list[str]:
        return [f"{step.source} {step.event} {step.target}" for step in self.taken]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_removal_waits_until_a_cancelled_launch_has_settled(scene: Scene) -> None:
    async def story() -> None:
        launched = later()
        scene.runtime.will("launch", "alpha", Deaf(launched))
        backend = scene.make()
        backend.start()
        await until(lambda: scene.runtime.called("launch") == 1)
        stop = asyncio.create_task(backend.stop())
        await asyncio.sleep(30)
        assert scene.runtime.called("remove") == 0
        launched.set_result(None)
        await stop
        assert scene.runtime.alive == {}

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
    cooling = BACKEND.extend(
        states={"cooling": "waiting for the device to cool down"},
        events={"cooled": "it has"},
        actions={"cool": "wait"},
        without=[("busy", "finish")],
        rows=[
            Row("busy", "finish", "cooling", action="cool"),
            Row("cooling", "cooled", "ready"),
            Row("cooling", "stop", "cooling", action="remove"),
            Row("cooling", "removed", "stopped"),
            Row("cooling", "removal_failed", "exhausted"),
        ],
    )

    async def story() -> None:
        cool = later()

        async def cools(_backend: Backend) -> str:
            while not cool.done():
                try:
                    await asyncio.shield(cool)
                except asyncio.CancelledError:
                    continue
            return "cooled"

        failures: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, failure: failures.append(failure)
        )
        backend = scene.make(lifecycle=cooling, effects={"cool": cools})
        backend.start()
        await backend.settled()
        await backend.execute(scene.request())
        await backend.stop()
        scene.runtime.will("gate", "alpha", later())
        backend.start()
        await until(lambda: scene.runtime.called("gate") == 2)
        cool.set_result(None)
        await asyncio.sleep(1)
        assert (backend.state, backend.fault) == ("starting", None)
        assert failures == []

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


def test_what_was_wrong_is_forgotten_once_it_is_ready(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        backend.report(Fault("unfit"))
        assert backend.fault is not None
        assert await backend.settled() == "ready"
        assert backend.fault is None

    run(story())


def test_a_container_that_was_removed_is_forgotten(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        await backend.stop()
        assert backend.container is None

    run(story())


def test_what_cannot_be_removed_is_not_to_be_cured(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        scene.runtime.will("remove", "alpha", RemovalFailed("alpha", "unkillable"))
        with pytest.raises(RemovalFailed):
            await backend.stop()
        assert backend.fault == Fault("unkillable", curable=False)

    run(story())


@pytest.mark.parametrize(
    ("policy_s", "asked_s", "graced_s"), [(None, None, 8), (3, None, 3), (3, 1, 1)]
)
def test_the_grace_is_who_asks_first(
    scene: Scene, policy_s: float | None, asked_s: float | None, graced_s: float
) -> None:
    async def story() -> None:
        backend = await scene.ready(BackendPolicy(stop_grace_s=policy_s))
        await backend.stop(grace_s=asked_s)

    run(story())
    assert scene.runtime.graces_s == [graced_s]


def test_commands_are_counted_from_each_start_of_the_container(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        counted = [(await backend.execute(scene.request())).since_restart for _ in range(2)]
        backend.restart("a cold start")
        await backend.settled()
        counted.append((await backend.execute(scene.request())).since_restart)
        assert counted == [0, 1, 0]

    run(story())


class TestRefund:
    POLICY = BackendPolicy(
        restart=RestartPolicy(max_restarts=3, backoff_s=0, refund_after_s=600),
        ready_within_s=10_000,
    )

    def test_it_takes_health_on_end_and_not_only_time(self, scene: Scene) -> None:
        async def story() -> None:
            backend = await scene.ready(self.POLICY)
            await asyncio.sleep(1000)
            for _ in range(3):
                backend.report(Fault("unfit"))
                assert await backend.settled() == "ready"
                await asyncio.sleep(300)
            assert backend.restarts_left == 0

        run(story())

    def test_a_restart_that_takes_long_is_no_health(self, scene: Scene) -> None:
        async def slow_failure() -> None:
            await asyncio.sleep(700)
            raise LaunchFailed("alpha", "no luck")

        async def story() -> None:
            backend = await scene.ready(self.POLICY)
            failures = [asyncio.ensure_future(slow_failure())]
            scene.runtime.will("restart", "alpha", failures[0])
            backend.report(Fault("unfit"))
            assert await backend.settled() == "ready"
            assert backend.restarts_left == 1

        run(story())

    def test_it_is_granted_with_the_next_fault(self, scene: Scene) -> None:
        async def story() -> None:
            backend = await scene.ready(self.POLICY)
            scene.runtime.will("execute", "alpha", ContainerLost("alpha", "it died"))
            await backend.execute(scene.request())
            await backend.settled()
            await asyncio.sleep(601)
            scene.runtime.will("execute", "alpha", ContainerLost("alpha", "it died"))
            await backend.execute(scene.request())
            await backend.settled()
            assert backend.restarts_left == 2

        run(story())
