"""A table alone: the running machine against the rows, event by event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Self

import hypothesis.strategies as st
from attrs import define, field
from hypothesis import target
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from engine.backend.machine import Instance, Machine
from engine.testing.stateful.coverage import Coverage, Facts, Never, Way
from engine.testing.stateful.reference_model import Prediction
from engine.testing.stateful.search import explored
from states import Lifecycle, TransitionRefused
from states.verify import Invariant, OwnStep, Position, invariant

__all__ = ["LifecycleMachine", "Rule"]

Rule = Callable[[OwnStep], bool]
"""A condition on each step; its docstring is printed when the condition fails."""


@define(eq=False)
class _Course:
    """One instance at work, and what is predicted of it."""

    instance: Instance
    prediction: Prediction
    invariants: Sequence[Invariant]
    coverage: Coverage
    edges: set[str] = field(factory=set)
    steps: int = 0

    def happens(self, event: str, facts: Facts) -> None:
        """An event that the table takes."""
        said = f"{self.prediction.state} --{event}"
        expected = self.prediction.expect(event, facts)
        before = Position(self.instance.state, self.instance.latched)
        edge = self.instance.fire(event, facts)
        taken = (edge.target, edge.action)
        assert taken == expected, f"{said} took {edge}, and the rows say {expected}"
        self.prediction.take(event, edge.target)
        after = Position(self.instance.state, self.instance.latched)
        predicted = Position(self.prediction.state, self.prediction.latched)
        assert after == predicted, f"{said} led to {after}, and the rows say {predicted}"
        self.coverage.took(edge, facts)
        self.edges.add(str(edge))
        self.steps += 1
        for one in self.invariants:
            held = one.holds(OwnStep(before, after, edge))
            assert held, f"{one.name} does not hold: {one.sentence} ({before} {edge})"

    def is_refused(self, event: str, facts: Facts) -> None:
        """An event that the table does not take, which must change nothing."""
        before = Position(self.instance.state, self.instance.latched)
        try:
            edge = self.instance.fire(event, facts)
        except TransitionRefused:
            after = Position(self.instance.state, self.instance.latched)
            assert after == before, f"{event} was refused, and changed {before} to {after}"
        else:
            raise AssertionError(f"{before} took {edge}, and the rows refuse {event}")


class LifecycleMachine(RuleBasedStateMachine):
    """A state machine for hypothesis, for one lifecycle: make it with :meth:`of`.

    Attributes:
        coverage: what has been covered since the class was made.
    """

    lifecycle: ClassVar[Lifecycle]
    _rules_held: ClassVar[tuple[Invariant, ...]] = ()
    coverage: ClassVar[Coverage]
    _machine: ClassVar[Machine]

    @classmethod
    def of(
        cls,
        lifecycle: Lifecycle,
        *,
        facts: Sequence[Facts] | None = None,
        rules: Sequence[Rule] = (),
        never: Sequence[Never] = (),
    ) -> type[Self]:
        """The machine of a lifecycle.

        Args:
            facts: the values that its facts can have together; None for any.
            rules: what must hold at each step, as for ``dockwarden verify``: functions of a
                :class:`states.verify.OwnStep` whose docstrings say what they mean.
            never: pairs of edges that need not be covered, and why.

        Example:
            >>> from states import EXPERIMENT
            >>> TestExperiment = LifecycleMachine.of(EXPERIMENT).TestCase
        """
        made = {
            "lifecycle": lifecycle,
            "_rules_held": tuple(invariant(holds) for holds in rules),
            "coverage": Coverage(lifecycle, facts, never),
            "_machine": Machine(lifecycle),
        }
        return type(f"{cls.__name__}Of{lifecycle.name.title()}", (cls,), made)

    @classmethod
    def explore(cls, *, examples: int = 50, steps: int = 30, shrink: bool = True) -> Coverage:
        """Search at random, the same way every time; then go the shortest way to what was not seen.

        Args:
            examples: how many courses the search takes.
            steps: how long each of them may be.
            shrink: whether a course that breaks a rule is made as short as can be, which takes time.

        Raises:
            AssertionError: the machine and the rows disagree, or a rule does not hold.
        """
        explored(cls, examples=examples, steps=steps, shrink=shrink)
        for way in cls.coverage.ways():
            cls._go(way)
        return cls.coverage

    @classmethod
    def _begin(cls) -> _Course:
        cls.coverage.begin()
        prediction = Prediction(cls.lifecycle)
        return _Course(cls._machine.instance(), prediction, cls._rules_held, cls.coverage)

    @classmethod
    def _go(cls, way: Way) -> None:
        course = cls._begin()
        for edge, facts in way:
            course.happens(edge.event, facts)

    def __init__(self) -> None:
        super().__init__()
        self._course = self._begin()

    def _taken(self) -> st.SearchStrategy[str]:
        return st.sampled_from(self._course.prediction.events)

    def _refused(self) -> st.SearchStrategy[str]:
        return st.sampled_from(self._outside())

    def _outside(self) -> list[str]:
        inside = self._course.prediction.events
        return [event for event in self.lifecycle.events if event not in inside]

    def _facts(self) -> st.SearchStrategy[Facts]:
        return st.sampled_from(self.coverage.facts)

    @precondition(lambda self: self._course.prediction.events)
    @rule(event=st.runner().flatmap(_taken), facts=st.runner().flatmap(_facts))
    def happens(self, event: str, facts: Facts) -> None:
        """An event that the table takes."""
        self._course.happens(event, facts)

    @precondition(lambda self: self._outside())
    @rule(event=st.runner().flatmap(_refused), facts=st.runner().flatmap(_facts))
    def is_refused(self, event: str, facts: Facts) -> None:
        """An event that the table does not take."""
        self._course.is_refused(event, facts)

    def teardown(self) -> None:
        """Tell the search how far this course went."""
        target(float(len(self._course.edges)), label="distinct edges")
        target(float(self._course.steps), label="depth")
