"""A table that is not sound is refused when it is built, with an error that names the row."""

from typing import Any

import pytest

from states import BACKEND, Latch, Lifecycle, LifecycleError, Row, fact

DOOR: dict[str, Any] = {
    "name": "door",
    "states": {"shut": "no passage", "open": "free passage"},
    "initial": "shut",
    "events": {"push": "a person pushes it"},
    "rows": [Row("shut", "push", "open"), Row("open", "push", "shut")],
}


def broken(**changes: Any) -> tuple[str, ...]:
    with pytest.raises(LifecycleError) as caught:
        Lifecycle(**{**DOOR, **changes})
    return caught.value.findings


def test_a_sound_table_is_accepted() -> None:
    assert len(Lifecycle(**DOOR).edges) == 2


LOCK = {"locked": "a key was turned"}
BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "a row from an unknown state": (
        {"rows": [*DOOR["rows"], Row("opn", "push", "shut")]},
        "row 3 (opn --push--> shut) names the unknown state 'opn'; did you mean 'open'?",
    ),
    "a row to an unknown state": (
        {"rows": [Row("shut", "push", "ajar"), Row("open", "push", "shut")]},
        "row 1 (shut --push--> ajar) names the unknown state 'ajar'",
    ),
    "a row with an unknown event": (
        {"rows": [*DOOR["rows"], Row("open", "pull", "shut")]},
        "row 3 (open --pull--> shut) names the unknown event 'pull'",
    ),
    "a guard over an unknown fact": (
        {"rows": [Row("shut", "push", "open", guard=fact("locked")), DOOR["rows"][1]]},
        "row 1 (shut --push [locked]--> open) names the unknown fact 'locked'",
    ),
    "an unknown action": (
        {"rows": [Row("shut", "push", "open", action="creak"), DOOR["rows"][1]]},
        "row 1 (shut --push--> open / creak) names the unknown action 'creak'",
    ),
    "a row from no state": (
        {"rows": [*DOOR["rows"], Row((), "push", "shut")]},
        "row 3 ( --push--> shut) starts from no state",
    ),
    "a row that lists a state twice": (
        {"rows": [Row(("shut", "shut"), "push", "open"), DOOR["rows"][1]]},
        "row 1 (shut, shut --push--> open) lists the state 'shut' 2 times",
    ),
    "an event that no row names": (
        {"events": {"push": "", "kick": ""}},
        "the event 'kick' is declared and no row names it",
    ),
    "a fact that no guard names": (
        {"facts": LOCK},
        "the fact 'locked' is declared and no row names it",
    ),
    "an action that no row names": (
        {"actions": {"creak": "it creaks"}},
        "the action 'creak' is declared and no row names it",
    ),
    "an unknown initial state": (
        {"initial": "closed"},
        "initial names the unknown state 'closed'",
    ),
    "an unknown final state": (
        {"final": {"gone"}},
        "final names the unknown state 'gone'",
    ),
    "a name that cannot be drawn": (
        {"states": {**DOOR["states"], "half open": "some pass"}},
        "states has 'half open', which is not a plain name (letters, digits, underscores)",
    ),
    "an unreachable state": (
        {
            "states": {**DOOR["states"], "torn": "it is off its hinges"},
            "rows": [*DOOR["rows"], Row("torn", "push", "open")],
        },
        "the state 'torn' cannot be reached from 'shut'",
    ),
    "a state without a way out": (
        {"rows": [Row("shut", "push", "open")]},
        "the state 'open' has no way out and is not declared final",
    ),
    "a way out of a final state": (
        {"final": {"open"}},
        "row 2 (open --push--> shut) leaves 'open', which is declared final",
    ),
    "two rows without guards": (
        {"rows": [*DOOR["rows"], Row("shut", "push", "shut")]},
        (
            "in 'shut' the event 'push' is ambiguous always:"
            " row 1 (shut --push--> open) and row 3 (shut --push--> shut)"
        ),
    ),
    "two guards that can hold at once": (
        {
            "facts": LOCK,
            "rows": [
                Row("shut", "push", "open"),
                Row("shut", "push", "shut", guard=fact("locked")),
                DOOR["rows"][1],
            ],
        },
        (
            "in 'shut' the event 'push' is ambiguous when locked:"
            " row 1 (shut --push--> open) and row 2 (shut --push [locked]--> shut)"
        ),
    ),
    "guards that leave a case out": (
        {
            "facts": LOCK,
            "rows": [Row("shut", "push", "open", guard=~fact("locked")), DOOR["rows"][1]],
        },
        (
            "in 'shut' no guard of the event 'push' holds when locked:"
            " row 1 (shut --push [not locked]--> open)"
        ),
    ),
}


@pytest.mark.parametrize(("changes", "finding"), BROKEN.values(), ids=BROKEN)
def test_refuses(changes: dict[str, Any], finding: str) -> None:
    assert finding in broken(**changes)


def test_reports_every_finding_at_once() -> None:
    rows = [Row("a", "push", "b"), *DOOR["rows"]]
    assert len(broken(rows=rows, facts=LOCK)) == 3


def without(state: str, event: str, *rows: Row, **changes: Any) -> tuple[str, ...]:
    with pytest.raises(LifecycleError) as caught:
        BACKEND.extend(without=[(state, event)], rows=rows, **changes)
    return caught.value.findings


def test_refuses_a_state_from_which_stop_is_not_taken() -> None:
    assert without("busy", "stop") == ("the state 'busy' does not take the event 'stop'",)


def test_refuses_a_stop_that_does_not_lead_to_stopped() -> None:
    findings = without(
        "busy", "removed", Row("busy", "removed", "ready", doc="still there"), name="leaky"
    )
    assert findings == (
        (
            "row 17 (starting, ready, busy, unhealthy, restarting, exhausted --stop--> = / remove)"
            " does not lead from 'busy' to stopped"
        ),
    )


def test_refuses_a_latch_over_unknown_names() -> None:
    latch = Latch("halt", until={"halted"}, released={"parked"})
    assert broken(latch=latch) == (
        "latch names the unknown event 'halt'",
        "latch names the unknown event 'halted'",
        "latch names the unknown state 'parked'",
    )


def test_refuses_to_drop_an_edge_that_is_not_there() -> None:
    with pytest.raises(LifecycleError, match="without names ready --proved_ready"):
        BACKEND.extend(without=[("ready", "proved_ready")])
