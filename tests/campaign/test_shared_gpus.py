"""Experiments that need the same GPU follow one another; those that do not, run side by side; and it is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from engine.campaign.events import AttemptEnded, AttemptStarted, Event, Pausing
from engine.campaign.model import Experiment, Order, Pauses
from engine.campaign.planning.eta import eta_s
from engine.campaign.planning.shared_gpus import SharedGpus
from engine.campaign.runs.plan import plan
from engine.model.spec import Condition, Dependency, GpuRequest, ServiceSpec
from tests.campaign.stage import Stage

ALL = GpuRequest(count=-1)
FIRST, SECOND = (GpuRequest(device_ids=(name,)) for name in ("0", "1"))
ANY = GpuRequest(count=1)


class Gpus:
    """A campaign whose commands take ten seconds, on backends that reserve GPUs."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.running: set[str] = set()
        self.together: set[frozenset[str]] = set()
        self.order: list[str] = []
        self.at_start: dict[str, Callable[[], None]] = {}

    def services(self, **reserved: GpuRequest | None) -> None:
        made = {
            name: ServiceSpec(name, gpus=() if one is None else (one,))
            for name, one in reserved.items()
        }
        self.stage.project = evolve(self.stage.project, services=made)
        self.experiments(*(Experiment(name, (*reserved,), ("run",)) for name in ("x", "y")))

    def depend(self, name: str, on: str, condition: Condition = Condition.HEALTHY) -> None:
        services = dict(self.stage.project.services)
        services[name] = evolve(services[name], depends_on={on: Dependency(condition)})
        self.stage.project = evolve(self.stage.project, services=services)

    def experiments(self, *experiments: Experiment) -> None:
        self.stage.change(experiments=experiments)

    def run(self, **campaign: Any) -> dict[str, str]:
        self.stage.change(**campaign)
        execute = self.stage.fake._run

        async def lasting(method: str, container: Any, request: Any) -> Any:
            if method == "execute":
                await asyncio.sleep(10)
            return await execute(method, container, request)

        self.stage.fake._run = lasting  # type: ignore[method-assign]
        return self.stage.run(self.note)

    def note(self, event: Event) -> None:
        if isinstance(event, AttemptStarted):
            self.running.add(event.run.backend)
            self.order.append(event.run.id)
            self.at_start.get(event.run.id, lambda: None)()
            self.together.update(
                frozenset({one, event.run.backend}) for one in self.running - {event.run.backend}
            )
        elif isinstance(event, AttemptEnded):
            self.running.discard(event.run.backend)

    def record(self, run: str) -> dict[str, Any]:
        (found,) = (one for one in self.stage.records if one["run"] == run)
        return found


@pytest.fixture
def gpus(stage: Stage) -> Gpus:
    return Gpus(stage)


def pairs(*names: str) -> set[frozenset[str]]:
    return {frozenset(name) for name in names}


@pytest.mark.parametrize(
    ("a", "b", "beside"),
    [
        (None, None, ["b"]),
        (None, ALL, ["b"]),
        (FIRST, SECOND, ["b"]),
        (FIRST, FIRST, []),
        (FIRST, ALL, []),
        (ANY, ANY, []),
        (ANY, SECOND, []),
    ],
)
def test_what_may_need_the_same_gpu_does_not_run_side_by_side(
    gpus: Gpus, a: GpuRequest | None, b: GpuRequest | None, beside: list[str]
) -> None:
    gpus.services(a=a, b=b)
    assert set(gpus.run().values()) == {"completed"}
    assert gpus.together == (pairs("ab") if beside else set())
    assert gpus.record("a-x")["beside"] == beside


def test_a_backend_that_needs_all_gpus_holds_up_no_two_others(gpus: Gpus) -> None:
    gpus.services(a=FIRST, b=SECOND, c=ALL)
    gpus.run()
    assert gpus.together == pairs("ab")


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (Order.GROUPED, ["a-x", "a-y", "b-x", "b-y"]),
        (Order.INTERLEAVED, ["a-x", "b-x", "a-y", "b-y"]),
    ],
)
def test_they_keep_the_order_of_the_plan(gpus: Gpus, order: Order, expected: list[str]) -> None:
    gpus.services(a=ALL, b=ALL)
    gpus.run(order=order)
    assert gpus.order == expected


def test_they_pause_between_one_another_as_within_a_queue(gpus: Gpus) -> None:
    gpus.services(a=ALL, b=ALL)
    gpus.run(order=Order.INTERLEAVED, pauses=Pauses(between_experiments_s=5))
    assert sum(isinstance(event, Pausing) for event in gpus.stage.events) == 3


def test_nothing_is_measured_on_a_gpu_while_another_backend_starts_on_it(gpus: Gpus) -> None:
    gpus.services(a=ALL, b=ALL, c=None)
    gpus.run()
    calls = gpus.stage.fake.calls
    assert calls.index(("gate", "b")) < calls.index(("execute", "a"))


def test_a_run_occupies_the_gpus_of_what_its_backend_depends_on(gpus: Gpus) -> None:
    gpus.services(a=None, b=ALL, server=ALL)
    gpus.depend("a", "server")
    gpus.experiments(Experiment("x", ("a", "b"), ("run",)))
    gpus.run()
    assert gpus.together == set()
    assert gpus.record("a-x")["gpus_shared_with"] == ["b"]
    assert gpus.record("b-x")["gpus_shared_with"] == ["server"]


def test_but_not_of_what_has_completed_before(gpus: Gpus) -> None:
    gpus.services(a=None, b=ALL, download=ALL)
    gpus.depend("a", "download", Condition.COMPLETED)
    gpus.experiments(Experiment("x", ("a", "b"), ("run",)))
    gpus.run()
    assert gpus.together == pairs("ab")


def test_a_run_occupies_the_gpus_of_what_it_measures(gpus: Gpus) -> None:
    gpus.services(a=None, b=None, server=ALL)
    gpus.experiments(
        Experiment("x", ("a",), ("run",), targets=("server",)),
        Experiment("x", ("b",), ("run",), targets=("server",)),
    )
    gpus.run()
    assert gpus.together == set()


def test_share_gpus_lets_them_run_side_by_side_and_that_is_recorded(gpus: Gpus) -> None:
    gpus.services(a=ALL, b=ANY, c=None)
    gpus.run(share_gpus=True)
    assert gpus.together == pairs("ab", "ac", "bc")
    told = {one["run"]: (one["beside"], one["gpus_shared_with"]) for one in gpus.stage.records}
    assert told["a-x"] == (["b", "c"], ["b"])
    assert told["c-x"] == (["a", "b"], [])


def test_an_idle_server_on_the_same_gpu_is_recorded(gpus: Gpus) -> None:
    gpus.services(a=ALL, b=ALL)
    gpus.run(parallel=False)
    record = gpus.record("a-x")
    assert (record["beside"], record["gpus_shared_with"]) == ([], ["b"])


def test_under_exclusive_there_is_nothing_beside(gpus: Gpus) -> None:
    gpus.services(a=ALL, b=ALL)
    gpus.run(parallel=False, eager=False, exclusive=True)
    assert gpus.record("b-y")["gpus_shared_with"] == []


def test_a_run_that_is_skipped_holds_up_nothing(gpus: Gpus) -> None:
    gpus.services(a=ALL, b=ALL)
    x, y = (Experiment(name, ("a", "b"), ("run",)) for name in ("x", "y"))
    gpus.experiments(x, evolve(y, after=("x",)))
    gpus.stage.fake.will("launch", "a", *([ValueError("broken")] * 9))
    states = gpus.run()
    assert (states["a-x"], states["b-x"]) == ("skipped", "completed")


def test_what_is_left_to_do_adds_up_where_runs_follow_one_another(gpus: Gpus) -> None:
    gpus.services(a=ALL, b=ALL)
    left: list[float | None] = []

    def look() -> None:
        runner = gpus.stage.runner
        left.append(eta_s(runner.campaign, runner.progress.values(), 0, runner.turns.meet))

    gpus.at_start["a-y"] = look
    gpus.run()
    assert left[0] is not None
    assert left[0] > 25


def test_who_needs_the_same_gpus_is_told_before(gpus: Gpus) -> None:
    gpus.services(a=FIRST, b=ANY, c=ALL, d=None, server=SECOND)
    gpus.depend("d", "server")
    gpus.experiments(Experiment("x", ("a", "b", "c", "d"), ("run",)))
    shared = SharedGpus(gpus.stage.project)
    assert list(map(str, shared.rivals(plan(gpus.stage.campaign)))) == [
        "a (GPU 0): c, b (perhaps)",
        "b (1 GPU, which the engine chooses): c, a (perhaps), d (perhaps)",
        "c (all GPUs): a, b, d",
        "d (server: GPU 1): c, b (perhaps)",
    ]
