"""States are derived through the table, and what it does not have is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import ReplayRefused
from engine.journal import Journal
from engine.model.results import Transition
from states import BACKEND, Row
from tests.journal.conftest import Step


def test_a_life_from_nothing_to_nothing(journal: Journal, life: tuple[Transition, ...]) -> None:
    states = []
    for transition in life:
        journal.transition(transition)
        states.append(journal.replay()["alpha"])
    assert states == ["starting", "ready", "busy", "ready", "ready", "stopped"]


def test_each_backend_for_itself(journal: Journal, step: Step) -> None:
    journal.transition(step("stopped --start--> starting / launch"))
    journal.transition(step("stopped --start--> starting / launch", backend="beta"))
    journal.transition(step("starting --fault--> unhealthy", backend="beta"))
    assert journal.replay(BACKEND) == {"alpha": "starting", "beta": "unhealthy"}


def test_a_session_begins_with_nothing_and_leaves_others_where_they_were(
    journal: Journal, path: Path, step: Step
) -> None:
    for backend in ("alpha", "beta"):
        journal.transition(step("stopped --start--> starting / launch", backend=backend))
        journal.transition(step("starting --proved_ready--> ready", backend=backend))
    journal.close()
    with Journal.open(path) as resumed:
        resumed.begin_session({})
        resumed.transition(step("stopped --start--> starting / launch"))
        assert resumed.replay() == {"alpha": "starting", "beta": "ready"}


REFUSED = {
    "an edge that is not in the table": ["stopped --dispatch--> busy / execute"],
    "an edge with another target": ["stopped --start--> ready / launch"],
    "an edge with another action": ["stopped --start--> starting / remove"],
    "a step that does not follow": [
        "stopped --start--> starting / launch",
        "ready --dispatch--> busy / execute",
    ],
    "an event that the latch refuses": [
        "stopped --start--> starting / launch",
        "starting --stop--> starting / remove",
        "starting --proved_ready--> ready",
    ],
    "an answer to no question": [
        "stopped --start--> starting / launch",
        "starting --removed--> stopped",
    ],
}


@pytest.mark.parametrize("steps", REFUSED.values(), ids=REFUSED)
def test_is_refused_by_its_row(journal: Journal, step: Step, steps: list[str], path: Path) -> None:
    for one in steps:
        journal.transition(step(one))
    with pytest.raises(ReplayRefused, match=f"transition {len(steps)}: alpha is ") as caught:
        journal.replay()
    assert (caught.value.seq, caught.value.file) == (len(steps), path)


@pytest.mark.parametrize(
    ("facts", "fits"),
    [
        (None, True),
        ({"curable": True, "budget_left": True}, True),
        ({"curable": True, "budget_left": False}, False),
        ({"curable": True}, False),
    ],
)
def test_recorded_facts_must_satisfy_the_guard(
    journal: Journal, step: Step, facts: dict[str, bool] | None, *, fits: bool
) -> None:
    journal.transition(step("stopped --start--> starting / launch"))
    journal.transition(step("starting --fault--> unhealthy"))
    journal.transition(step("unhealthy --recover--> restarting / relaunch"), facts=facts)
    if fits:
        assert journal.replay() == {"alpha": "restarting"}
    else:
        with pytest.raises(ReplayRefused):
            journal.replay()


def test_an_extended_lifecycle_is_replayed_through_its_own_table(
    journal: Journal, step: Step
) -> None:
    warmer = BACKEND.extend(
        states={"warm": "its caches are filled"},
        events={"warmed": "it said so"},
        rows=[
            Row("ready", "warmed", "warm"),
            Row("warm", "stop", "warm", action="remove"),
            Row("warm", "removed", "stopped"),
            Row("warm", "removal_failed", "exhausted"),
        ],
    )
    journal.transition(step("stopped --start--> starting / launch"))
    journal.transition(step("starting --proved_ready--> ready"))
    journal.transition(step("ready --warmed--> warm"))
    assert journal.replay(warmer) == {"alpha": "warm"}
    with pytest.raises(ReplayRefused):
        journal.replay(BACKEND)
