"""What a backend keeps account of: restarts and refunds, commands, graces, what was wrong with it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.errors import ContainerLost, LaunchFailed, NotReady, RemovalFailed
from engine.model.results import Fault
from engine.policy import BackendPolicy, RestartPolicy
from engine.util.virtual_clock import run
from tests.engine.late import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


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


def test_a_command_that_does_not_count_makes_a_used_container_all_the_same(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready()
        assert (backend.fresh, backend.restarted) == (True, True)
        aside = await backend.execute(scene.request(), counted=False)
        assert (backend.fresh, backend.restarted) == (False, False)
        ended = await backend.execute(scene.request())
        assert [aside.since_restart, ended.since_restart, backend.since_restart] == [0, 0, 1]
        backend.restart("in place")
        await backend.settled()
        assert (backend.fresh, backend.restarted) == (False, True)
        backend.restart("a new one", recreate=True)
        await backend.settled()
        assert (backend.fresh, backend.restarted) == (True, True)

    run(story())


def test_a_restart_counts_from_when_it_is_due(scene: Scene) -> None:
    """One in any sixty seconds: after one that was due at 30 s none is due before 90 s."""
    once = RestartPolicy(
        max_restarts=9, window_s=60, max_in_window=1, backoff_s=30, backoff_factor=1, jitter=0
    )

    async def story() -> None:
        backend = await scene.ready(BackendPolicy(restart=once))
        backend.report(Fault("unfit"))
        assert await backend.settled() == "ready"
        assert asyncio.get_running_loop().time() == 30
        await asyncio.sleep(5)
        backend.report(Fault("unfit"))
        assert await backend.settled() == "exhausted"

    run(story())


def test_a_reset_makes_a_spent_budget_whole(scene: Scene) -> None:
    async def story() -> None:
        backend = await scene.ready(BackendPolicy(restart=RestartPolicy(max_restarts=1)))
        for _ in range(2):
            backend.report(Fault("unfit"))
            await backend.settled()
        assert (backend.state, backend.restarts_left) == ("exhausted", 0)
        backend.reset()
        assert await backend.settled() == "ready"
        assert backend.restarts_left == 1

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


def test_what_is_not_ready_is_restarted_and_what_cannot_be_restarted_is_recreated(
    scene: Scene,
) -> None:
    async def story() -> None:
        scene.runtime.will("gate", "alpha", NotReady("alpha", "it is slow"))
        scene.runtime.will("restart", "alpha", LaunchFailed("alpha", "it is broken"))
        backend = scene.make()
        backend.start()
        assert await backend.settled() == "ready"

    run(story())
    assert [method for method, _ in scene.runtime.calls] == [
        *("adopt", "launch", "gate", "logs"),
        "restart",
        *("recreate", "gate"),
    ]
