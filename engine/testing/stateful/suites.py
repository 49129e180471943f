"""The machines as test classes to subclass: they search, and the coverage has to be whole."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from engine.backend.backend import Effect
from engine.runtimes.simulated import SimulatedRuntime
from engine.testing.plugin import COVERAGE
from engine.testing.simulation import MakeRuntime
from engine.testing.stateful.backend import BackendMachine
from engine.testing.stateful.coverage import Coverage, Facts, Never
from engine.testing.stateful.lifecycle import LifecycleMachine, Rule
from states import BACKEND, Lifecycle

__all__ = ["BackendSuite", "LifecycleSuite"]

_Record = Callable[[str, object], None]


class LifecycleSuite:
    """Subclass this in a test file, under a name that begins with ``Test``, and name the lifecycle.

    Attributes:
        lifecycle: the table.
        facts: the values that its facts can have together; None for any.
        rules: what must hold at each step; see :meth:`LifecycleMachine.of`.
        never: pairs of edges that need not be covered, and why.
        examples: how many courses the random search takes.
        steps: how long each of them may be.
        shrink: whether a course that breaks a rule is made as short as can be, which takes time.
    """

    lifecycle: Lifecycle
    facts: Sequence[Facts] | None = None
    rules: Sequence[Rule] = ()
    never: Sequence[Never] = ()
    examples: int = 50
    steps: int = 30
    shrink: bool = True

    def test_it_goes_by_its_rows_and_all_of_it_is_covered(self, record_property: _Record) -> None:
        """The machine takes what the rows say, the rules hold, and all that can happen has happened."""
        machine = LifecycleMachine.of(
            self.lifecycle, facts=self.facts, rules=self.rules, never=self.never
        )
        coverage = machine.explore(examples=self.examples, steps=self.steps, shrink=self.shrink)
        _require(coverage, record_property)


class BackendSuite:
    """Subclass this in a test file, under a name that begins with ``Test``.

    Attributes:
        lifecycle: :data:`states.BACKEND`, or what extends it.
        runtime: makes the runtime; see :meth:`BackendMachine.of` for this and the next three.
        effects: what the actions of an extended lifecycle do.
        resting: the states of an extended lifecycle in which a backend may stay.
        never: pairs of edges that do not occur, and why.
        examples: how many courses the random search takes.
        steps: how long each of them may be.
        shrink: whether a course that breaks a rule is made as short as can be, which takes time.
    """

    lifecycle: Lifecycle = BACKEND
    runtime: MakeRuntime = SimulatedRuntime
    effects: Mapping[str, Effect] | None = None
    resting: Collection[str] = ()
    never: Sequence[Never] = ()
    examples: int = 50
    steps: int = 30
    shrink: bool = True

    def test_the_rules_hold_and_all_of_it_is_covered(self, record_property: _Record) -> None:
        """No rule is broken, and all that can happen has happened."""
        machine = BackendMachine.of(
            self.lifecycle,
            runtime=type(self).runtime,
            effects=self.effects,
            resting=self.resting,
            never=self.never,
        )
        coverage = machine.explore(examples=self.examples, steps=self.steps, shrink=self.shrink)
        _require(coverage, record_property)


def _require(coverage: Coverage, record_property: _Record) -> None:
    record_property(COVERAGE, coverage.table())
    coverage.require_whole()
