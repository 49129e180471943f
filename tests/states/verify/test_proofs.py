"""The built-in lifecycles are proved, and tables with something wrong are shown to be."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import pytest

from states import BACKEND, EXPERIMENT, Lifecycle, Row, fact
from states.verify import Engine, Proof, Step, World, invariant, subjects, verify
from states.verify.explore import Invariant, Move, explore
from states.verify.fleet import Fleet, State
from states.verify.invariants import INVARIANTS
from states.verify.situation import Situation
from tests.states.verify.broken import LEAKING, NO_GUARD, no_stop_from_busy


def first_broken(*proofs: Proof) -> Proof:
    return next(proof for proof in proofs if not proof.holds)


class TestBackends:
    @pytest.mark.parametrize("size", [1, 2])
    def test_no_rule_can_be_broken(self, size: int) -> None:
        *_, proof = verify(BACKEND, backends=size)
        assert proof.counterexample is None
        assert proof.subject == ("backend, one of it" if size == 1 else "backend, 2 side by side")
        assert proof.edges > proof.states > 1000

    def test_every_edge_of_the_table_is_taken(self) -> None:
        taken = set()

        @invariant
        def noted(step: Step) -> bool:
            taken.add(step.edge)
            return True

        explore(Fleet(World(BACKEND, invariants=(noted,)), 1))
        assert taken - {None} == set(BACKEND.edges)

    def test_each_state_is_met_in_every_condition_of_its_container(self) -> None:
        fleet = Fleet(World(BACKEND), 1)
        found = explore(fleet)
        now = [fleet.situations(state)[0] for state in found.parents]
        met = {(one.state, one.container) for one in now}
        assert {state for state, _ in met} == set(BACKEND.states)
        conditions = {"absent", "fit", "ill", "dead", "stuck"}
        assert {c for state, c in met if state == "exhausted"} == conditions
        assert {c for state, c in met if state == "busy"} == conditions - {"stuck"}

    def test_backends_that_are_not_told_apart_lead_to_the_same_states(self) -> None:
        class Named(Fleet):
            """Keeps each backend in its place."""

            def moves(self, state: State) -> Iterator[tuple[Move, State]]:
                down, *now = state
                for place, number in enumerate(now):
                    for move, after in self._moves_of(down, number):
                        yield move, (down, *now[:place], after, *now[place + 1 :])
                for move, led in super().moves(state):
                    if move.who == "controller":
                        for order in itertools.permutations(led[1:]):
                            yield move, (led[0], *order)

        world = World(BACKEND, restarts=1, fine=False)
        same, named = Fleet(world, 2), Named(world, 2)
        unordered = {
            (state[0], *sorted(map(str, named.situations(state))))
            for state in explore(named).parents
        }
        assert unordered == {
            (state[0], *sorted(map(str, same.situations(state)))) for state in explore(same).parents
        }

    @pytest.mark.parametrize(
        ("untrusted", "claim"),
        [
            ("drops_stale", "every_event_is_an_edge"),
            ("settles", "stopped_means_nothing_is_left"),
            ("verifies", "stopped_means_nothing_is_left"),
            ("takes_turns", "dispatch_only_when_ready"),
        ],
    )
    def test_what_the_engine_is_trusted_with_is_needed(self, untrusted: str, claim: str) -> None:
        world = World(BACKEND, engine=Engine(**{untrusted: False}))
        broken = explore(Fleet(world, 1)).broken
        assert broken is not None
        assert broken[0].name == claim

    @pytest.mark.parametrize("rule", INVARIANTS, ids=lambda rule: rule.name)
    def test_each_rule_says_what_it_is(self, rule: Invariant) -> None:
        assert re.fullmatch(r"[A-Z`].*\.", rule.sentence)


@pytest.mark.parametrize(
    ("table", "claim", "steps"),
    [
        (NO_GUARD, "a_fault_is_answered_as_the_policy_says", 3),
        (no_stop_from_busy(), "every_event_is_an_edge", 4),
        (LEAKING, "stopped_means_nothing_is_left", 4),
    ],
    ids=lambda value: value.name if isinstance(value, Lifecycle) else None,
)
class TestCounterexamples:
    def test_the_broken_rule_is_named_and_the_way_there_is_short(
        self, table: Lifecycle, claim: str, steps: int
    ) -> None:
        counterexample = first_broken(*verify(table)).counterexample
        assert counterexample is not None
        assert (counterexample.claim, len(counterexample.lines)) == (claim, steps)
        first, *told = str(counterexample).splitlines()
        assert first.startswith(f"{claim} does not hold: ")
        assert len(told) == steps + 1
        assert max(map(len, told)) < 180

    def test_it_is_drawn(self, table: Lifecycle, claim: str, steps: int) -> None:
        counterexample = first_broken(*verify(table)).counterexample
        assert counterexample is not None
        first, *drawn = counterexample.diagram().splitlines()
        assert first == "sequenceDiagram"
        named = {line.split()[1] for line in drawn if line.startswith("    participant ")}
        arrows = [re.fullmatch(r"    (\w+)->>(\w+): [^;#]+", line) for line in drawn]
        actors = [arrow.groups() for arrow in arrows if arrow]
        assert len(actors) == steps
        assert {name for pair in actors for name in pair} == named
        assert drawn[-1].endswith(f"{claim} does not hold")


def test_without_a_launch_nothing_settles() -> None:
    idle = BACKEND.extend(
        without=[("starting", "proved_ready")],
        rows=[
            Row("starting", "proved_ready", "starting"),
            Row("unhealthy", "proved_ready", "ready"),
        ],
    )
    counterexample = first_broken(*verify(idle)).counterexample
    assert counterexample is not None
    assert "starting" in counterexample.lines[-1].then


def test_a_lifecycle_that_extends_ours_is_proved_in_our_world() -> None:
    cooling = BACKEND.extend(
        name="cooling",
        states={"cooling": "waiting for the device to cool down"},
        events={"cooled": "it has"},
        facts={"hot": "the device is above its limit"},
        actions={"cool": "wait"},
        without=[("busy", "finish")],
        rows=[
            Row("busy", "finish", "ready", guard=~fact("hot")),
            Row("busy", "finish", "cooling", guard=fact("hot"), action="cool"),
            Row("cooling", "cooled", "ready"),
            Row("cooling", "stop", "cooling", action="remove"),
            Row("cooling", "removed", "stopped"),
            Row("cooling", "removal_failed", "exhausted"),
        ],
    )

    @invariant
    def nothing_runs_while_it_cools(step: Step) -> bool:
        """Nothing runs while it cools down."""
        return step.after.state != "cooling" or not step.after.experiment

    @invariant
    def it_never_cools(step: Step) -> bool:
        """It never gets hot."""
        return step.after.state != "cooling"

    assert all(proof.holds for proof in verify(cooling, [nothing_runs_while_it_cools], backends=2))
    counterexample = first_broken(*verify(cooling, [it_never_cools])).counterexample
    assert counterexample is not None
    assert [line.what for line in counterexample.lines][-2:] == ["dispatch", "its command ends"]


class TestExperiments:
    def test_no_rule_can_be_broken(self) -> None:
        (proof,) = verify(EXPERIMENT)
        assert proof.holds

    def test_what_was_tried_once_is_not_skipped_after_an_interrupt(self) -> None:
        """As it was before the table asked whether there had been a try."""
        forgetful = EXPERIMENT.extend(
            without=[("running", "interrupt")],
            rows=[
                Row("running", "interrupt", "pending", guard=fact("tried")),
                Row("running", "interrupt", "retrying", guard=~fact("tried")),
            ],
        )
        assert not all(proof.holds for proof in verify(forgetful))


def test_two_backends_are_told_apart_where_they_are_told_of() -> None:
    @invariant
    def nobody_is_exhausted(step: Step) -> bool:
        """No backend is exhausted."""
        return step.after.state != "exhausted"

    *_, subject = subjects(BACKEND, [nobody_is_exhausted], backends=2)
    counterexample = subject.prove().counterexample
    assert counterexample is not None
    assert counterexample.begin == "2 stopped"
    assert {line.whom for line in counterexample.lines} == {"alpha"}
    assert counterexample.lines[-1].then.startswith("exhausted")


def test_a_situation_is_told_in_words() -> None:
    now = Situation("busy", True, "ill", "remove", "settling", "running", counted=1)
    assert str(now) == (
        "busy, being stopped; container ill; remove under way; an earlier call still settles;"
        " experiment running; restarts 1"
    )
