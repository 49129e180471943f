"""Lifecycles of a user's own, proved by their tables alone."""

from __future__ import annotations

from typing import Any

from states import Latch, Lifecycle, Row, fact
from states.verify import OwnStep, Proof, invariant, verify

DOOR: dict[str, Any] = {
    "name": "door",
    "states": {"shut": "no passage", "open": "free passage", "gone": "it was taken out"},
    "initial": "shut",
    "events": {"push": "a person pushes it", "remove": "a carpenter comes"},
    "facts": {"locked": "a key was turned"},
    "final": {"gone"},
    "rows": [
        Row("shut", "push", "open", guard=~fact("locked")),
        Row("shut", "push", "shut", guard=fact("locked")),
        Row("open", "push", "shut"),
        Row("open", "remove", "gone"),
    ],
}


def prove(*invariants: Any, **changes: Any) -> Proof:
    (proof,) = verify(Lifecycle(**{**DOOR, **changes}), invariants)
    return proof


def test_its_end_can_always_be_reached() -> None:
    proof = prove()
    assert proof.holds
    assert (proof.subject, proof.states, proof.edges) == ("door, its table alone", 3, 4)
    assert proof.claims == ("an_end_can_always_be_reached",)


def test_where_no_end_can_be_reached_the_way_there_is_shown() -> None:
    trap = prove(
        states={**DOOR["states"], "stuck": "it moves", "jammed": "and moves"},
        events={**DOOR["events"], "slam": "the wind"},
        rows=[
            *DOOR["rows"],
            Row("open", "slam", "stuck"),
            Row("stuck", "push", "jammed"),
            Row("jammed", "push", "stuck"),
        ],
    )
    assert trap.counterexample is not None
    assert [line.what for line in trap.counterexample.lines] == ["push [not locked]", "slam"]
    assert trap.counterexample.why == "no good end can be reached from here"


def test_an_invariant_of_its_own_is_held_against_every_edge() -> None:
    @invariant
    def locked_stays_shut(step: OwnStep) -> bool:
        """A locked door stays shut."""
        return (
            step.edge.guard.names == set()
            or not step.edge.guard({"locked": True})
            or (step.after.state == "shut")
        )

    @invariant
    def nobody_removes_it(step: OwnStep) -> bool:
        """The door stays."""
        return step.after.state != "gone"

    assert prove(locked_stays_shut).holds
    broken = prove(locked_stays_shut, nobody_removes_it)
    assert broken.counterexample is not None
    assert broken.counterexample.sentence == "The door stays."
    assert [line.then for line in broken.counterexample.lines] == ["open", "gone"]


def test_a_stop_can_end_it_from_everywhere() -> None:
    states = {"off": "", "on": "", "hot": ""}
    lamp = Lifecycle(
        name="lamp",
        states=states,
        initial="off",
        events=dict.fromkeys(("flip", "burn", "stop", "dark"), ""),
        latch=Latch("stop", until={"dark"}, released={"off"}),
        rows=[
            Row("off", "flip", "on"),
            Row("on", "burn", "hot"),
            Row(("off", "on", "hot"), "stop", "="),
            Row(("on", "hot"), "dark", "off"),
        ],
    )
    (proof,) = verify(lamp)
    assert proof.holds
    assert proof.claims == ("a_stop_can_always_end",)
    assert proof.states == 5  # off; on and hot, each with the latch down and up
