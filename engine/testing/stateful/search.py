"""How a machine is searched: with bounds, and the same way every time."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

__all__ = ["explored"]


def explored(
    machine: type[RuleBasedStateMachine], *, examples: int, steps: int, shrink: bool
) -> None:
    """Run a machine.

    Args:
        examples: how many courses.
        steps: how long each of them may be.
        shrink: whether a course that breaks a rule is made as short as can be.

    Raises:
        AssertionError: something does not hold; hypothesis prints the course to it.
    """
    bounds = settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=True,
        database=None,
        deadline=None,
        print_blob=False,
        phases=(Phase.generate, Phase.target, *([Phase.shrink] if shrink else [])),
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=bounds)
