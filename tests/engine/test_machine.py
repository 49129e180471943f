"""The running machine does what the table says, and nothing else."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.backend.machine import Machine
from states import BACKEND, EXPERIMENT, FactMissing, Lifecycle, TransitionRefused

MACHINES = {lifecycle.name: Machine(lifecycle) for lifecycle in (BACKEND, EXPERIMENT)}


@given(name=st.sampled_from(sorted(MACHINES)), seed=st.integers(0, 2**32))
def test_agrees_with_the_table_on_every_event(name: str, seed: int) -> None:
    lifecycle: Lifecycle = MACHINES[name].lifecycle
    instance, rng = MACHINES[name].instance(), random.Random(seed)
    for _ in range(40):
        event = rng.choice(list(lifecycle.events))
        facts = {fact: rng.random() < 0.5 for fact in lifecycle.facts}
        before, latched = instance.state, instance.latched
        try:
            wanted = lifecycle.decide(before, event, facts, latched=latched)
        except TransitionRefused as refused:
            with pytest.raises(TransitionRefused, match=event) as caught:
                instance.fire(event, facts)
            assert str(caught.value) == str(refused)
            assert (instance.state, instance.latched) == (before, latched)
        else:
            assert instance.fire(event, facts) == wanted
            assert instance.state == wanted.target
            assert instance.latched == lifecycle.latched_after(wanted, latched=latched)


def test_instances_of_one_machine_do_not_touch_each_other() -> None:
    one, other = MACHINES["backend"].instance(), MACHINES["backend"].instance()
    one.fire("start")
    assert (one.state, other.state) == ("starting", "stopped")


def test_the_state_cannot_be_written() -> None:
    instance = MACHINES["backend"].instance()
    with pytest.raises(AttributeError):
        instance.state = "ready"  # type: ignore[misc]


def test_no_undeclared_event_moves_it() -> None:
    instance = MACHINES["backend"].instance()
    for name in ("to_ready", "to_exhausted", "trigger", ""):
        with pytest.raises(TransitionRefused):
            instance.fire(name)
    assert instance.state == "stopped"


def test_a_missing_fact_changes_nothing() -> None:
    instance = MACHINES["backend"].instance()
    instance.fire("start")
    instance.fire("fault")
    with pytest.raises(FactMissing, match="'budget_left'"):
        instance.fire("recover", {"curable": True})
    assert instance.state == "unhealthy"


def test_a_stop_wins_until_the_removal_is_decided() -> None:
    instance = MACHINES["backend"].instance()
    instance.fire("start")
    instance.fire("stop")
    for event in BACKEND.events.keys() - {"removed", "removal_failed"}:
        with pytest.raises(TransitionRefused):
            instance.fire(event, {"curable": True, "budget_left": True})
    assert instance.fire("removed").target == "stopped"
    assert not instance.latched
    assert instance.fire("start").target == "starting"
