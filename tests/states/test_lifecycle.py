"""The language: a table can be asked, and grown."""

from enum import StrEnum

import pytest

from states import (
    BACKEND,
    EXPERIMENT,
    BackendAction,
    BackendEvent,
    BackendState,
    ExperimentEvent,
    ExperimentState,
    FactMissing,
    Lifecycle,
    Row,
    TransitionRefused,
    fact,
)

FACTS = {"curable": True, "budget_left": True}


def test_decides_by_state_event_and_facts() -> None:
    assert BACKEND.decide("unhealthy", "recover", FACTS).target == "restarting"
    assert BACKEND.decide("unhealthy", "recover", {**FACTS, "curable": False}).target == "exhausted"


def test_an_event_that_the_table_lacks_is_refused_with_what_it_takes() -> None:
    with pytest.raises(TransitionRefused) as caught:
        BACKEND.decide("stopped", "dispatch")
    assert caught.value.allowed == ("start", "stop")
    assert "a backend in state 'stopped' does not take the event 'dispatch'" in str(caught.value)


def test_a_missing_fact_is_named() -> None:
    with pytest.raises(FactMissing, match="whether 'budget_left' holds"):
        BACKEND.decide("unhealthy", "recover", {"curable": True})


def test_while_the_latch_is_up_only_the_removal_is_taken() -> None:
    for state in BACKEND.states:
        if state != "stopped":
            assert BACKEND.allowed(state, latched=True) == ("removed", "removal_failed")
    with pytest.raises(TransitionRefused, match="which is being stopped"):
        BACKEND.decide("busy", "finish", latched=True)


def test_the_latch_is_not_raised_where_there_is_nothing_to_remove() -> None:
    edge = BACKEND.decide("stopped", "stop")
    assert (edge.target, edge.action) == ("stopped", None)
    assert not BACKEND.latched_after(edge, latched=False)


def test_a_row_from_several_states_gives_an_edge_for_each() -> None:
    stops = [edge for edge in BACKEND.edges if edge.event == "stop"]
    assert {edge.source for edge in stops} == set(BACKEND.states)
    assert all(edge.target == edge.source for edge in stops)


def test_the_backend_has_the_seven_states_and_the_experiment_its_outcomes() -> None:
    assert list(BACKEND.states) == [
        "stopped",
        "starting",
        "ready",
        "busy",
        "unhealthy",
        "restarting",
        "exhausted",
    ]
    assert EXPERIMENT.final == {"completed", "failed", "skipped", "lost"}


def test_every_name_has_a_meaning_and_every_row_a_line() -> None:
    for lifecycle in (BACKEND, EXPERIMENT):
        for kind in (lifecycle.states, lifecycle.events, lifecycle.facts, lifecycle.actions):
            assert all(kind.values())
        assert all(row.doc for row in lifecycle.rows)


def test_what_an_extension_names_no_more_is_not_taken_over() -> None:
    reckless = BACKEND.extend(
        without=[("unhealthy", "recover"), ("busy", "finish_reattached")],
        rows=[
            Row("unhealthy", "recover", "restarting", action="relaunch"),
            Row("busy", "finish_reattached", "starting"),
        ],
    )
    assert dict(reckless.facts) == {}
    assert BACKEND.actions.keys() - reckless.actions.keys() == {"prove"}


def test_can_be_extended_by_a_state_in_a_few_lines() -> None:
    cooling = BACKEND.extend(
        name="cooling backend",
        states={"cooling": "waiting for the device to cool down"},
        events={"cooled": "the device is cool"},
        facts={"hot": "the device is above its limit"},
        actions={"cool": "wait until the device is cool"},
        without=[("busy", "finish")],
        rows=[
            Row("busy", "finish", "cooling", guard=fact("hot"), action="cool"),
            Row("busy", "finish", "ready", guard=~fact("hot")),
            Row("cooling", "cooled", "ready"),
            Row("cooling", "stop", "cooling", action="remove"),
            Row("cooling", "removed", "stopped"),
            Row("cooling", "removal_failed", "exhausted"),
        ],
    )
    assert cooling.decide("busy", "finish", {"hot": True}).target == "cooling"
    assert "cooling" not in BACKEND.states


@pytest.mark.parametrize(
    ("names", "lifecycle", "kind"),
    [
        (BackendState, BACKEND, "states"),
        (BackendEvent, BACKEND, "events"),
        (BackendAction, BACKEND, "actions"),
        (ExperimentState, EXPERIMENT, "states"),
        (ExperimentEvent, EXPERIMENT, "events"),
    ],
)
def test_each_name_of_a_table_has_its_member(
    names: type[StrEnum], lifecycle: Lifecycle, kind: str
) -> None:
    assert [member.value for member in names] == [*getattr(lifecycle, kind)]


def test_a_table_holds_plain_text_whatever_it_was_declared_with() -> None:
    held = {
        *(*BACKEND.states, *BACKEND.events, *BACKEND.actions),
        *(edge.source for edge in BACKEND.edges),
        *(edge.target for edge in BACKEND.edges),
        *(edge.event for edge in BACKEND.edges),
        *(edge.action for edge in BACKEND.edges if edge.action is not None),
        *(*BACKEND.trouble, BACKEND.initial),
    }
    assert {type(name) for name in held} == {str}
