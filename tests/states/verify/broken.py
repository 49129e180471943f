"""Tables with something wrong in them, as a user might write them."""

from __future__ import annotations

from attrs import evolve

from states import ALWAYS, BACKEND, Lifecycle, LifecycleError

__all__ = ["LEAKING", "NO_GUARD", "no_stop_from_busy"]


def _no_guard() -> Lifecycle:
    """The restart guard is dropped: every fault is answered by a restart."""
    rows = [row for row in BACKEND.rows if (row.event, row.target) != ("recover", "exhausted")]
    rows = [evolve(row, guard=ALWAYS) if row.event == "recover" else row for row in rows]
    return evolve(BACKEND, name="no_guard", rows=rows, facts={})


def _leaking() -> Lifecycle:
    """What could not be removed counts as stopped."""
    rows = [
        evolve(row, target="stopped") if row.event == "removal_failed" else row
        for row in BACKEND.rows
    ]
    return evolve(BACKEND, name="leaking", rows=rows)


def no_stop_from_busy() -> Lifecycle:
    """A table without a stop from busy, which the language refuses to build."""
    rows = [
        evolve(row, source=tuple(source for source in row.source if source != "busy"))
        if row.event == "stop"
        else row
        for row in BACKEND.rows
    ]
    try:
        evolve(BACKEND, name="deaf", rows=rows)
    except LifecycleError as error:
        assert error.refused is not None
        return error.refused
    raise AssertionError("it has been taken")


NO_GUARD = _no_guard()
LEAKING = _leaking()
