"""Runtimes with a fault each: the harness finds it, and names the rule that it breaks."""

from __future__ import annotations

import pytest
from faulty_runtimes import ForgetsTheNetwork, LeavesItsContainer, ReadyTooEarly, RunsTwoAtOnce

from engine.runtimes.simulated import SimulatedRuntime
from engine.testing.stateful import BackendSuite


class Short(BackendSuite):
    """Courses of a few steps: that is enough to show the faults, and they need not be made shorter."""

    steps = 10
    shrink = False


class TestSound(BackendSuite):
    """The sound runtime that the others are made from, for comparison."""

    runtime = SimulatedRuntime
    examples = 20


@pytest.mark.xfail(reason="it leaves its container behind")
class TestLeavesItsContainer(Short):
    runtime = LeavesItsContainer


@pytest.mark.xfail(reason="it says ready too early")
class TestReadyTooEarly(Short):
    runtime = ReadyTooEarly


@pytest.mark.xfail(reason="it runs two commands at once")
class TestRunsTwoAtOnce(Short):
    runtime = RunsTwoAtOnce


@pytest.mark.xfail(reason="it leaves its network behind")
class TestForgetsTheNetwork(Short):
    runtime = ForgetsTheNetwork
