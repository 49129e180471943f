"""Hazards of the ``transitions`` library that could touch us, each with what keeps it away.

They were reproduced with version 0.9.3; see docs/decisions/0001 and 0003.
"""

from __future__ import annotations

import threading
from typing import Any

import pytest
import transitions

from engine.backend.machine import Machine
from states import (
    ALWAYS,
    BACKEND,
    FactMissing,
    Guard,
    Lifecycle,
    LifecycleError,
    Row,
    TransitionRefused,
    fact,
)


@pytest.fixture
def machine() -> Machine:
    return Machine(BACKEND)


def test_no_shared_queue_that_an_exception_could_clear(machine: Machine) -> None:
    assert not machine._machine.has_queue


def test_what_fails_for_one_loses_nothing_of_another(machine: Machine) -> None:
    """In a queue that all models share, an exception in one's callback clears what another was accepted for."""

    class Model:
        state = "shut"

    def fails(event: transitions.EventData) -> None:
        if event.model is one:
            assert library.events["push"].trigger(other)  # accepted: it waits in the queue
            raise ZeroDivisionError

    one, other = Model(), Model()
    library = transitions.Machine(
        model=[one, other], states=["shut", "open"], initial="shut", queued=True, send_event=True
    )
    library.add_transition("push", "shut", "open", after=fails)
    with pytest.raises(ZeroDivisionError):
        library.events["push"].trigger(one)
    assert (one.state, other.state) == ("open", "shut")

    ours, others = machine.instance(), machine.instance()
    ours.fire("start")
    ours.fire("fault")
    with pytest.raises(FactMissing):
        ours.fire("recover")
    others.fire("start")
    assert (ours.state, others.state) == ("unhealthy", "starting")


def test_no_automatic_transitions_to_any_state(machine: Machine) -> None:
    assert set(machine._machine.events) == set(BACKEND.events)


def test_no_callbacks_in_states_that_could_fail_halfway(machine: Machine) -> None:
    for state in machine._machine.states.values():
        assert (state.on_enter, state.on_exit) == ([], [])
    library = machine._machine
    hooks = (library.prepare_event, library.finalize_event, library.on_exception)
    assert hooks == ([], [], [])
    assert (library.before_state_change, library.after_state_change) == ([], [])


def test_models_are_not_registered_and_grow_no_methods(machine: Machine) -> None:
    instance = machine.instance()
    instance.fire("start")
    assert machine._machine.models == []
    assert not hasattr(instance._model, "is_ready")
    assert not hasattr(instance._model, "__dict__")


def test_garbage_cannot_be_written_into_the_state(machine: Machine) -> None:
    instance = machine.instance()
    with pytest.raises(AttributeError):
        instance.state = "garbage"  # type: ignore[misc]


def test_no_lock_that_one_could_hold_against_the_others(machine: Machine) -> None:
    """A slow callback of one model would delay all; the plain machine has no lock, and ours no callback."""
    assert type(machine._machine) is transitions.Machine


def test_no_timers_that_would_fire_from_threads_of_their_own(machine: Machine) -> None:
    """States with a timeout are a separate class; timers are the engine's, on its clock."""
    before = threading.active_count()
    instance = machine.instance()
    for event in ("start", "proved_ready", "dispatch", "finish", "stop"):
        instance.fire(event)
    assert {type(state) for state in machine._machine.states.values()} == {transitions.State}
    assert threading.active_count() == before


def test_guards_cannot_be_slow_nor_do_anything() -> None:
    """Two threads in one slow guard took one edge twice; ours are expressions over what is known."""
    facts = dict.fromkeys(BACKEND.facts, True)
    for edge in BACKEND.edges:
        assert isinstance(edge.guard, Guard)
        assert edge.guard(facts) == edge.guard(facts)


def test_one_event_is_taken_once_however_many_ask(machine: Machine) -> None:
    instance = machine.instance()
    taken = [instance.fire("start").action]
    with pytest.raises(TransitionRefused):
        instance.fire("start")
    assert taken == ["launch"]


DOOR: dict[str, Any] = {"name": "door", "initial": "shut", "events": {"push": ""}}
SHUT_AND_OPEN = {"shut": "", "open": ""}
LOCKED = {"locked": ""}
UNSOUND = {
    "a dangling target": (
        SHUT_AND_OPEN,
        {},
        [Row("shut", "push", "opn"), Row("open", "push", "shut")],
        "unknown state 'opn'",
    ),
    "a guard that is not there": (
        SHUT_AND_OPEN,
        {},
        [Row("shut", "push", "open", guard=fact("locked")), Row("open", "push", "shut")],
        "unknown fact 'locked'",
    ),
    "an unreachable state": (
        {**SHUT_AND_OPEN, "gone": ""},
        {},
        [Row("shut", "push", "open"), Row(("open", "gone"), "push", "shut")],
        "'gone' cannot be reached",
    ),
    "two rows without a guard": (
        SHUT_AND_OPEN,
        {},
        [Row("shut", "push", "open"), Row("shut", "push", "shut"), Row("open", "push", "shut")],
        "ambiguous",
    ),
    "no row whose guard holds": (
        SHUT_AND_OPEN,
        LOCKED,
        [
            Row("shut", "push", "open", guard=fact("locked")),
            Row("open", "push", "shut", guard=ALWAYS),
        ],
        "no guard of the event 'push' holds",
    ),
}


@pytest.mark.parametrize(("states", "facts", "rows", "message"), UNSOUND.values(), ids=UNSOUND)
def test_what_the_library_takes_without_a_word_our_table_refuses(
    states: dict[str, str], facts: dict[str, str], rows: list[Row], message: str
) -> None:
    with pytest.raises(LifecycleError, match=message):
        Lifecycle(**DOOR, states=states, facts=facts, rows=rows)


def test_an_event_that_leads_nowhere_is_an_error_and_not_false(machine: Machine) -> None:
    instance = machine.instance()
    with pytest.raises(TransitionRefused):
        instance.fire("finish")
