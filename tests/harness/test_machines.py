"""The machines find what is wrong, and say which rule is broken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from engine.backend import Backend
from engine.backend.machine import Instance
from engine.policy import BackendPolicy, RestartDecision, RestartHistory, RestartPolicy
from engine.runtimes.base import Container
from engine.runtimes.simulated import SimulatedRuntime
from engine.testing.stateful import BEGINNING, BackendMachine, Coverage, LifecycleMachine, Never
from engine.testing.stateful.harness import Scene
from states import Edge, Lifecycle, Row, fact
from states.verify import OwnStep

DOOR = Lifecycle(
    name="door",
    states={"shut": "no passage", "open": "free passage"},
    initial="shut",
    events={"push": "a person pushes it", "wind": "a gust of wind"},
    facts={"locked": "a key was turned"},
    rows=[
        Row("shut", "push", "open", guard=~fact("locked")),
        Row("shut", "push", "shut", guard=fact("locked")),
        Row("shut", "wind", "open"),
        Row("open", "push", "shut"),
    ],
)


def opened_by_hand(step: OwnStep) -> bool:
    """The door opens only when a person pushes it."""
    return step.after.state != "open" or step.edge.event == "push"


def test_a_rule_of_a_users_own_is_held_against_every_step() -> None:
    with pytest.raises(AssertionError, match="opened_by_hand does not hold: The door opens only"):
        LifecycleMachine.of(DOOR, rules=[opened_by_hand]).explore(examples=20)


def test_all_that_a_table_allows_is_covered() -> None:
    coverage = LifecycleMachine.of(DOOR).explore(examples=5)
    coverage.require_whole()
    assert "pairs of edges                8        8" in coverage.table()


def test_facts_that_cannot_be_are_not_asked_for() -> None:
    never_locked = LifecycleMachine.of(DOOR, facts=[{"locked": False}]).explore(examples=5)
    never_locked.require_whole()
    assert "guard outcomes                1        1" in never_locked.table()


def test_what_was_not_seen_is_missing() -> None:
    coverage = Coverage(DOOR)
    with pytest.raises(AssertionError, match="never seen, of its edges: shut --wind--> open"):
        coverage.require_whole()


def test_what_was_said_never_to_be_must_not_be_seen() -> None:
    coverage = Coverage(DOOR, never=[Never("* --wind--> *", "open --push--> *", "it blows on")])
    push, wind = DOOR.decide("open", "push"), DOOR.decide("shut", "wind")
    coverage.took(wind, {"locked": False})
    coverage.took(push, {"locked": False})
    assert coverage.denied == ["shut --wind--> open, open --push--> shut"]
    assert not coverage.whole


def test_a_first_edge_can_be_ruled_out() -> None:
    coverage = Coverage(DOOR, never=[Never(BEGINNING, "shut --wind--> *", "no wind at first")])
    assert {way[0][0].event for way in coverage.ways()} == {"push"}


def test_a_machine_that_goes_elsewhere_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    fire = Instance.fire

    def astray(self: Instance, event: str, facts: dict[str, bool]) -> Edge:
        edge = fire(self, event, facts)
        return evolve(edge, target="shut") if event == "wind" else edge

    monkeypatch.setattr(Instance, "fire", astray)
    with pytest.raises(AssertionError, match="the rows say"):
        LifecycleMachine.of(DOOR).explore(examples=5)


class LeavesBehind(SimulatedRuntime):
    async def remove(self, service: str, *, grace_s: float) -> None:
        """Says that it has."""


class ReadyTooEarly(SimulatedRuntime):
    async def gate(self, container: Container) -> None:
        """Lets everything through."""


@pytest.mark.parametrize(
    ("runtime", "rule"),
    [(LeavesBehind, "(stopped_means_gone|nothing_is_left)"), (ReadyTooEarly, "ready_means_proved")],
)
def test_a_faulty_runtime_is_found_out(runtime: type[SimulatedRuntime], rule: str) -> None:
    with pytest.raises(AssertionError, match=f"{rule} does not hold"):
        BackendMachine.of(runtime=runtime).explore(examples=30, shrink=False)


def test_a_budget_that_is_not_kept_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    decide = RestartPolicy.decide

    def generous(self: RestartPolicy, *history: Any, **moment: Any) -> RestartDecision:
        return evolve(decide(self, *history, **moment), allowed=True)

    monkeypatch.setattr(RestartPolicy, "decide", generous)
    with pytest.raises(AssertionError, match="the_budget_holds does not hold"):
        BackendMachine.of().explore(examples=30, shrink=False)


def test_a_backoff_that_is_not_waited_out_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    relaunch = Backend._relaunch

    async def hasty(self: Backend, ticket: int, *, delay_s: float = 0.0, recreate: bool = False):
        await relaunch(self, ticket, delay_s=delay_s / 2, recreate=recreate)

    monkeypatch.setattr(Backend, "_relaunch", hasty)
    with pytest.raises(AssertionError, match="the_backoff_is_waited_out does not hold"):
        BackendMachine.of().explore(examples=60, shrink=False)


# What the harness has found


def test_a_recovery_that_is_refused_costs_nothing() -> None:
    scene = Scene(policy=BackendPolicy(RestartPolicy(jitter=0)))
    scene.start()
    scene.advance(5)
    scene.in_vain("recover")
    scene.look()
    scene.tear_down()
    scene.close()


def test_a_restart_before_the_take_over_stays_charged(tmp_path: Path) -> None:
    earlier = RestartHistory((1.0, 2.0), forgiven=1)
    joined = RestartHistory((5.0,)).after(earlier)
    assert (joined.times_s, joined.spent) == ((1.0, 2.0, 5.0), 2)
    scene = Scene(policy=BackendPolicy(RestartPolicy(jitter=0)), left="idle")
    scene.start(unadopted=True)
    scene.rest()
    assert scene.backend is not None
    assert (scene.state, scene.backend.history.spent) == ("ready", 1)
    scene.tear_down()
    scene.close()
