"""Hazards of the ``transitions`` library that could touch us, each with what keeps it away.

They were reproduced with version 0.9.3; see docs/decisions/0001 and 0003.
"""

from __future__ import annotations

import pytest

from engine.machine import Machine
from states import BACKEND, Lifecycle, LifecycleError, Row, TransitionRefused


@pytest.fixture
def machine() -> Machine:
    return Machine(BACKEND)


def test_no_shared_queue_that_an_exception_could_clear(machine: Machine) -> None:
    assert not machine._machine.has_queue


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


def test_what_the_library_takes_without_a_word_our_table_refuses() -> None:
    with pytest.raises(LifecycleError, match="unknown state 'opn'"):
        Lifecycle("door", {"shut": ""}, "shut", {"push": ""}, [Row("shut", "push", "opn")])


def test_an_event_that_leads_nowhere_is_an_error_and_not_false(machine: Machine) -> None:
    instance = machine.instance()
    with pytest.raises(TransitionRefused):
        instance.fire("finish")
