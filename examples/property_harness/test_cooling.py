"""The custom lifecycle is sound, by itself and on the engine."""

from __future__ import annotations

import pytest
from cooling import COOLING, EFFECTS, HASTY, nothing_runs_on_a_hot_device

from engine.testing.stateful import BackendSuite, LifecycleSuite


class TestTable(LifecycleSuite):
    lifecycle = COOLING
    rules = (nothing_runs_on_a_hot_device,)


class TestOnTheEngine(BackendSuite):
    lifecycle = COOLING
    effects = EFFECTS


@pytest.mark.xfail(reason="a mistake in the table, which the rule is there to find")
class TestHastyTable(LifecycleSuite):
    lifecycle = HASTY
    rules = (nothing_runs_on_a_hot_device,)
