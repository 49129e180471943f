"""Many backends: what starts, in which order, and how it all ends."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from engine.controller import Controller
from engine.errors import (
    ComposeError,
    DispatchError,
    InputError,
    LaunchFailed,
    RemovalFailed,
    RuntimeUnavailable,
    SetupError,
    StartError,
    TeardownError,
)
from engine.model.results import Transition
from engine.model.spec import Condition, Dependency, Project, ServiceSpec
from engine.policy import BackendPolicy
from engine.util.virtual_clock import run
from states import BACKEND, Row, fact
from tests.fake_runtime import FakeRuntime

HEALTHY = Dependency(Condition.HEALTHY)
COMPLETED = Dependency(Condition.COMPLETED)


def controller(folder: Path, *services: ServiceSpec, **options: Any) -> Controller:
    project = Project("p", folder, (), {service.name: service for service in services})
    return Controller(project, FakeRuntime(), folder, **options)


def fake(of: Controller) -> FakeRuntime:
    assert isinstance(of.runtime, FakeRuntime)
    return of.runtime


THREE = (ServiceSpec("alpha"), ServiceSpec("beta"), ServiceSpec("gamma"))


def test_starts_only_what_is_needed(tmp_path: Path) -> None:
    async def story() -> None:
        of = controller(tmp_path, *THREE)
        await of.start(["beta"])
        assert {name: b.state for name, b in of.backends.items()} == {"beta": "ready"}
        await of.teardown()
        assert fake(of).called("launch") == 1

    run(story())


def test_what_containers_wrote_to_goes_with_the_teardown(tmp_path: Path) -> None:
    async def story() -> None:
        of = controller(tmp_path, *THREE)
        await of.start(["alpha"])
        spool = of.backend("alpha").folder
        assert spool.is_dir()
        await of.teardown()
        assert not spool.exists()

    run(story())


def test_a_runtime_that_does_not_open_is_closed(tmp_path: Path) -> None:
    async def story() -> None:
        of = controller(tmp_path, *THREE)
        fake(of).will("open", "", RuntimeUnavailable("no engine"))
        with pytest.raises(RuntimeUnavailable):
            await of.start(["alpha"])
        assert [method for method, _ in fake(of).calls] == ["open", "close"]

    run(story())


def test_starting_again_leaves_alone_what_runs(tmp_path: Path) -> None:
    async def story() -> None:
        of = controller(tmp_path, *THREE)
        await of.start(["alpha"])
        await of.start(["alpha", "beta"])
        assert fake(of).called("launch", "alpha") == 1
        assert ("prepare", "beta") in fake(of).calls
        await of.teardown()

    run(story())


def test_two_who_need_it_at_once_start_it_once(tmp_path: Path) -> None:
    async def story() -> None:
        of = controller(tmp_path, *THREE)
        await asyncio.gather(of.start(["alpha"]), of.start(["beta", "alpha"]))
        assert {name: b.state for name, b in of.backends.items()} == {
            "alpha": "ready",
            "beta": "ready",
        }
        assert fake(of).called("launch", "alpha") == 1
        assert fake(of).called("open") == 1
        await of.teardown()

    run(story())


def test_two_who_stop_it_at_once_both_see_it_stopped(tmp_path: Path) -> None:
    async def story() -> None:
        of = controller(tmp_path, *THREE)
        await of.start(["alpha"])
        await asyncio.gather(of.stop(["alpha"]), of.stop(["alpha"]))
        assert of.backend("alpha").state == "stopped"
        assert fake(of).called("remove", "alpha") == 1
        await of.start(["alpha"])
        assert of.backend("alpha").state == "ready"
        await of.teardown()

    run(story())


def test_a_one_shot_is_stopped_like_any_other(tmp_path: Path) -> None:
    async def story() -> None:
        needs = ServiceSpec("alpha", depends_on={"base": COMPLETED})
        of = controller(tmp_path, needs, ServiceSpec("base"))
        await of.start(["alpha"])
        await of.stop(["base"])
        assert fake(of).called("remove", "base") == 1
        await of.teardown()

    run(story())


def test_an_unknown_service_starts_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        of = controller(tmp_path, *THREE)
        with pytest.raises(ComposeError, match="alpha"):
            await of.start(["alpa"])
        assert fake(of).calls == []

    run(story())


def test_backends_start_side_by_side(tmp_path: Path) -> None:
    async def story() -> None:
        of = controller(tmp_path, *THREE)
        gates = {name: asyncio.get_running_loop().create_future() for name in ("alpha", "beta")}
        for name, gate in gates.items():
            fake(of).will("gate", name, gate)
        start = asyncio.create_task(of.start(["alpha", "beta"]))
        await asyncio.sleep(1)
        assert fake(of).called("gate") == 2
        for gate in gates.values():
            gate.set_result(None)
        await start
        await of.teardown()

    run(story())


def test_a_dependant_waits_for_what_it_asks_of_its_dependencies(tmp_path: Path) -> None:
    async def story() -> None:
        of = controller(
            tmp_path,
            ServiceSpec("alpha", depends_on={"store": HEALTHY, "base": COMPLETED}),
            ServiceSpec("store"),
            ServiceSpec("base"),
        )
        healthy: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        fake(of).will("gate", "store", healthy)
        start = asyncio.create_task(of.start(["alpha"]))
        await asyncio.sleep(1)
        assert fake(of).called("launch", "alpha") == 0
        assert fake(of).called("complete", "base") == 1
        healthy.set_result(None)
        await start
        assert set(of.backends) == {"alpha", "store"}
        await of.teardown()
        removed = [service for method, service in fake(of).calls if method == "remove"]
        assert removed[0] == "alpha"
        assert set(removed) == {"alpha", "store", "base"}

    run(story())


def test_a_one_shot_that_fails_is_told_with_its_last_lines(tmp_path: Path) -> None:
    async def story() -> None:
        of = controller(
            tmp_path, ServiceSpec("alpha", depends_on={"base": COMPLETED}), ServiceSpec("base")
        )
        fake(of).will("complete", "base", 3)
        with pytest.raises(StartError) as caught:
            await of.start(["alpha"])
        assert caught.value.reasons["base"] == "it ended with exit code 3"
        assert "its last words" in caught.value.quoted["base"]
        assert "its last words" in str(caught.value)
        assert caught.value.reasons["alpha"] == "not started, because base failed"
        await of.teardown()

    run(story())


def test_all_that_did_not_start_is_told_at_once(tmp_path: Path) -> None:
    async def story() -> None:
        of = controller(tmp_path, *THREE)
        for name in ("alpha", "gamma"):
            fake(of).will("launch", name, LaunchFailed(name, "no image", curable=False))
        with pytest.raises(RuntimeError) as caught:
            await of.start(["alpha", "beta", "gamma"])
        assert isinstance(caught.value, StartError)
        assert caught.value.reasons == {"alpha": "no image", "gamma": "no image"}
        assert of.backends["beta"].state == "ready"
        await of.teardown()

    run(story())


def test_what_cannot_be_prepared_is_a_failed_start(tmp_path: Path) -> None:
    async def story() -> None:
        of = controller(tmp_path, *THREE)
        fake(of).will("prepare", "alpha", LaunchFailed("alpha", "no image", curable=False))
        with pytest.raises(StartError, match="alpha: no image"):
            await of.start(["alpha"])
        await of.teardown()

    run(story())


def test_commands_run_in_folders_of_their_own(tmp_path: Path) -> None:
    async def story() -> None:
        of = controller(tmp_path, *THREE)
        await of.start(["alpha"])
        ended = await of.execute("alpha", ["true"], id="first")
        assert ended.stdout == tmp_path / "alpha" / "first" / "stdout"
        ended = await of.execute("alpha", ["true"], id="second", folder="run/attempt-1")
        assert ended.stderr == tmp_path / "alpha" / "run" / "attempt-1" / "stderr"
        await of.teardown()

    run(story())


def test_nothing_is_handed_to_what_was_not_started(tmp_path: Path) -> None:
    async def story() -> None:
        of = controller(tmp_path, *THREE)
        await of.start(["alpha"])
        with pytest.raises(DispatchError, match=r"beta has not been started \(started: alpha\)"):
            await of.execute("beta", ["true"], id="x")
        await of.teardown()

    run(story())


def test_the_teardown_is_harmless_when_repeated(tmp_path: Path) -> None:
    async def story() -> None:
        of = controller(tmp_path, *THREE)
        await of.teardown()
        await of.start(["alpha"])
        await of.teardown()
        await of.teardown()
        assert (fake(of).called("remove"), fake(of).called("close")) == (1, 1)
        await of.start(["alpha"])
        assert of.backends["alpha"].state == "ready"
        await of.teardown()

    run(story())


def test_the_teardown_cuts_a_start_short(tmp_path: Path) -> None:
    async def story() -> None:
        of = controller(
            tmp_path, ServiceSpec("alpha", depends_on={"store": HEALTHY}), ServiceSpec("store")
        )
        fake(of).will("gate", "store", asyncio.get_running_loop().create_future())
        start = asyncio.create_task(of.start(["alpha"]))
        await asyncio.sleep(1)
        await of.teardown()
        assert fake(of).alive == {}
        with pytest.raises(StartError, match="alpha: a teardown cut its start short"):
            await start

    run(story())


def test_one_that_cannot_be_removed_does_not_hold_up_the_others(tmp_path: Path) -> None:
    async def story() -> None:
        of = controller(tmp_path, *THREE)
        await of.start(["alpha", "beta", "gamma"])
        fake(of).will("remove", "beta", RemovalFailed("beta", "unkillable"))
        fake(of).will("sweep", "", {"network p_default": "in use"})
        with pytest.raises(TeardownError) as caught:
            await of.teardown()
        assert caught.value.leftovers == {"beta": "unkillable", "network p_default": "in use"}
        assert list(fake(of).alive) == ["beta"]
        assert of.backends["beta"].state == "exhausted"
        await of.teardown()
        assert fake(of).alive == {}

    run(story())


def test_siblings_of_an_exhausted_backend_are_untouched(tmp_path: Path) -> None:
    async def story() -> None:
        of = controller(tmp_path, *THREE)
        taken: list[Transition] = []
        of.on_transition(taken.append)
        await of.start(["alpha", "beta"])
        before = len([step for step in taken if step.backend == "beta"])
        fake(of).will("restart", "alpha", *[LaunchFailed("alpha", "no")] * 9)
        fake(of).will("recreate", "alpha", *[LaunchFailed("alpha", "no")] * 9)
        fake(of).die("alpha")
        alpha = of.backends["alpha"]
        await alpha._until(lambda: alpha.state == "exhausted")
        with pytest.raises(DispatchError, match="alpha takes no experiment, it is exhausted"):
            await of.execute("alpha", ["true"], id="none")
        assert of.backends["beta"].state == "ready"
        assert len([step for step in taken if step.backend == "beta"]) == before
        await of.teardown()

    run(story())


def test_a_listener_that_fails_stops_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        of = controller(tmp_path, *THREE)
        of.on_transition(lambda _: print(1 / 0))
        await of.start(["alpha"])
        await of.teardown()
        assert fake(of).alive == {}

    run(story())


def test_each_backend_has_its_policy(tmp_path: Path) -> None:
    async def story() -> None:
        of = controller(tmp_path, *THREE, policies={"alpha": BackendPolicy(ready_within_s=1)})
        await of.start(["alpha", "beta"])
        assert of.backends["alpha"].policy.ready_within_s == 1
        assert of.backends["beta"].policy == BackendPolicy()
        await of.teardown()

    run(story())


def test_an_action_that_nothing_does_is_refused(tmp_path: Path) -> None:
    odd = BACKEND.extend(
        actions={"sing": "who knows"},
        without=[("busy", "finish")],
        rows=[Row("busy", "finish", "ready", action="sing")],
    )
    with pytest.raises(InputError, match="actions without a function: sing"):
        controller(tmp_path, *THREE, lifecycle=odd)


def test_a_fact_that_nobody_tells_is_refused(tmp_path: Path) -> None:
    odd = BACKEND.extend(
        facts={"hot": "the device is above its limit"},
        without=[("ready", "dispatch")],
        rows=[
            Row("ready", "dispatch", "busy", guard=~fact("hot"), action="execute"),
            Row("ready", "dispatch", "unhealthy", guard=fact("hot")),
        ],
    )
    with pytest.raises(InputError, match="facts without a function: hot"):
        controller(tmp_path, *THREE, lifecycle=odd)


@pytest.mark.parametrize("name", ["..", "-a", "x" * 81])
def test_a_service_whose_folder_would_lie_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    async def story() -> None:
        with pytest.raises(InputError, match="no folder can be named like"):
            await controller(tmp_path, ServiceSpec(name)).start([name])

    run(story())


def test_a_folder_for_output_may_be_there_if_nothing_is_in_it(tmp_path: Path) -> None:
    async def story() -> None:
        of = controller(tmp_path, *THREE)
        await of.start(["alpha"])
        (tmp_path / "alpha" / "x").mkdir()
        assert (await of.execute("alpha", ["true"], id="x")).exit_code == 0
        with pytest.raises(SetupError, match="cannot be made: File exists"):
            await of.execute("alpha", ["true"], id="x")
        await of.teardown()

    run(story())


@pytest.mark.parametrize("folder", ["../beta/x", "y/../../beta/x", "/tmp/x", "out/x", "deep/out/x"])
def test_a_folder_for_output_that_leads_out_is_refused(tmp_path: Path, folder: str) -> None:
    async def story() -> None:
        of = controller(tmp_path, *THREE)
        await of.start(["alpha"])
        (tmp_path / "alpha" / "deep").mkdir()
        for link in ("out", "deep/out"):
            (tmp_path / "alpha" / link).symlink_to(tmp_path)
        with pytest.raises(InputError, match="leads out of that of alpha"):
            await of.execute("alpha", ["true"], id="x", folder=folder)
        await of.teardown()

    run(story())


def test_a_folder_for_output_may_lead_elsewhere_within(tmp_path: Path) -> None:
    async def story() -> None:
        of = controller(tmp_path, *THREE)
        await of.start(["alpha"])
        (tmp_path / "alpha" / "deep").mkdir()
        (tmp_path / "alpha" / "link").symlink_to("deep")
        ended = await of.execute("alpha", ["true"], id="x", folder="link/../link/x")
        assert ended.stdout.resolve() == tmp_path / "alpha" / "deep" / "x" / "stdout"
        await of.teardown()

    run(story())


def test_what_a_runtime_says_is_told_without_secrets(tmp_path: Path) -> None:
    told: list[Transition] = []

    async def story() -> None:
        of = controller(tmp_path, ServiceSpec("alpha", environment={"A_TOKEN": "hush-hush"}))
        of.on_transition(told.append)
        fault = LaunchFailed("alpha", "bad: A_TOKEN=hush-hush", curable=False)
        fake(of).will("launch", "alpha", fault)
        with pytest.raises(StartError, match=r"A_TOKEN=\*\*\*"):
            await of.start(["alpha"])
        await of.teardown()

    run(story())
    assert any("A_TOKEN=***" in one.reason for one in told)
    assert not any("hush" in one.reason for one in told)


def test_what_is_held_is_let_go_of_once_all_is_down_and_not_before(tmp_path: Path) -> None:
    held: list[str] = []

    class Held:
        def release(self) -> None:
            held.append("released")

    def hold() -> Held:
        held.append("held")
        return Held()

    async def story() -> None:
        of = controller(tmp_path, *THREE, hold=hold)
        await of.start(["alpha"])
        await of.start(["beta"])
        fake(of).will("remove", "beta", RemovalFailed("beta", "unkillable"))
        with pytest.raises(TeardownError):
            await of.teardown()
        assert held == ["held"]
        await of.teardown()
        assert held == ["held", "released"]

    asyncio.run(story())  # in real time: what is held is taken in a thread
