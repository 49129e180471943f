"""What is done to a backend before a run: others out of the way, a restart, time to cool down."""

from __future__ import annotations

import json

import pytest
from attrs import evolve

from engine.campaign.events import Pausing
from engine.campaign.execution.backend_pool import refresh_reason
from engine.campaign.model import CoolDown, Experiment, Isolation, Order, Refresh
from engine.campaign.runs.plan import PlannedRun
from engine.errors import RemovalFailed
from engine.model.results import Transition
from engine.policy.health import HealthPolicy
from tests.campaign.stage import AT_ONCE, Stage


def run_of(model: str = "a", *, cold: bool = False) -> PlannedRun:
    isolation = Isolation.RESTART if cold else Isolation.REUSE
    experiment = Experiment("e", ("b",), ("true",), keys={"model": model}, isolation=isolation)
    return PlannedRun("b-e", experiment, "b")


@pytest.mark.parametrize(
    ("refresh", "last", "run", "since", "reason"),
    [
        (Refresh(), None, run_of(), 0, ""),
        (Refresh(), run_of(), run_of(cold=True), 3, "a cold start"),
        (Refresh(every=3), run_of(), run_of(), 2, ""),
        (Refresh(every=3), run_of(), run_of(), 3, "3 experiments since its last start"),
        (Refresh(on_change=("model",)), run_of("a"), run_of("a"), 1, ""),
        (Refresh(on_change=("model",)), run_of("a"), run_of("b"), 1, "another model"),
        (Refresh(on_change=("dtype",)), run_of("a"), run_of("b"), 1, ""),
        (Refresh(on_change=("model",)), None, run_of("b"), 1, ""),
    ],
)
def test_when_a_backend_is_restarted_though_nothing_is_wrong(
    refresh: Refresh, last: PlannedRun | None, run: PlannedRun, since: int, reason: str
) -> None:
    assert refresh_reason(refresh, last, run, since) == reason


def test_restarts_on_request_come_between_the_experiments_and_are_free(stage: Stage) -> None:
    stage.change(refresh={"alpha": Refresh(every=1)})
    assert set(stage.run().values()) == {"completed"}
    restarts = [e for e in stage.events if isinstance(e, Transition) and e.event == "restart"]
    assert [(e.backend, e.reason) for e in restarts] == [
        ("alpha", "1 experiments since its last start")
    ]
    backends = stage.runner.controller.backends
    assert (backends["alpha"].restarts_left, backends["alpha"].generation) == (2, 2)
    assert backends["beta"].generation == 1
    last = [record for record in stage.records if record["run"] == "alpha-y"]
    assert last[0]["restart_cause"] == "1 experiments since its last start"


def test_an_exclusive_backend_has_the_others_taken_down_first(stage: Stage) -> None:
    stage.change(exclusive=True, eager=False, parallel=False, order=Order.INTERLEAVED)
    assert set(stage.run().values()) == {"completed"}
    steps = [call for call in stage.fake.calls if call[0] in ("launch", "execute", "remove")]
    alpha, beta = (
        [(m, name) for m in ("launch", "execute", "remove")] for name in ("alpha", "beta")
    )
    assert steps == [*alpha, *beta, *alpha, *beta]


def test_a_launch_after_another_backend_s_turn_is_no_restart(stage: Stage) -> None:
    stage.change(exclusive=True, eager=False, parallel=False, order=Order.INTERLEAVED)
    x, y = stage.campaign.experiments
    cold = evolve(x, isolation=Isolation.RECREATE, repeat=2)
    stage.change(experiments=(cold, y), order=Order.GROUPED, cycles=2)
    stage.run()
    causes = [
        (record["run"], record["restart_cause"])
        for record in stage.records
        if record["backend"] == "alpha"
    ]
    new = "a new container for the run"
    assert causes == [
        ("alpha-x-c1-r1", None),
        ("alpha-x-c1-r2", new),
        ("alpha-y-c1", new),
        ("alpha-x-c2-r1", None),
        ("alpha-x-c2-r2", new),
        ("alpha-y-c2", new),
    ]


def test_an_exclusive_run_is_not_tried_beside_what_cannot_be_removed(stage: Stage) -> None:
    stage.change(exclusive=True, eager=False, parallel=False, order=Order.INTERLEAVED)
    stage.fake.will("remove", "alpha", RemovalFailed("alpha", "stuck"))
    states = stage.run()
    assert states.pop("beta-x") == "skipped"
    assert stage.reasons["beta-x"] == "not alone on the machine: alpha: stuck"
    assert states["beta-y"] == "completed"
    assert stage.is_down()


def warm(degrees: int) -> str:
    device = {"index": 0, "uuid": "GPU-0", "name": "one", "temperature_c": degrees}
    return json.dumps({"source": "nvml", "driver": "1", "devices": [device]})


def test_an_experiment_waits_until_its_gpus_are_cool(stage: Stage) -> None:
    looks = evolve(AT_ONCE, health=HealthPolicy(look_at_gpus=True))
    stage.fake.will_print("alpha", warm(40), warm(80), warm(70), warm(40))
    stage.change(
        cool_down=CoolDown(below_c=50),
        policies={"alpha": looks},
        experiments=(Experiment("x", ("alpha",), ("true",)),),
    )
    assert stage.run() == {"alpha-x": "completed"}
    (pause,) = [event for event in stage.events if isinstance(event, Pausing)]
    assert pause.reason == "cooling down from 80 to 50 degrees"
    assert stage.fake.called("look") >= 4


def test_it_does_not_wait_for_ever(stage: Stage) -> None:
    looks = evolve(AT_ONCE, health=HealthPolicy(look_at_gpus=True))
    stage.fake.will_print("alpha", warm(90))
    stage.change(
        cool_down=CoolDown(below_c=50, at_most_s=60),
        policies={"alpha": looks},
        experiments=(Experiment("x", ("alpha",), ("true",)),),
    )
    assert stage.run() == {"alpha-x": "completed"}
