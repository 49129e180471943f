"""When a verdict counts."""

from __future__ import annotations

import pytest

from engine.health.gpu import OK, Action, GpuPolicy, Health, Streak, Verdict

POLICY = GpuPolicy(failing_after=3, unknown_after=5)
FAILING = Verdict(Health.FAILING, "lost", (Action.GIVE_UP,))
WAITING = Verdict(Health.FAILING, "a stranger's", (Action.WAIT,))
UNKNOWN = Verdict(Health.UNKNOWN, "no answer")


def counting(*verdicts: Verdict) -> list[bool]:
    """Whether it counts, after each of these."""
    streak, found = Streak(), []
    for verdict in verdicts:
        streak = streak.after(verdict)
        found.append(streak.counts(POLICY))
    return found


def test_failing_counts_when_it_was_found_so_often_in_a_row():
    assert counting(*[FAILING] * 4) == [False, False, True, True]


def test_one_good_look_forgives_all():
    assert not any(counting(FAILING, FAILING, OK, FAILING, FAILING))


def test_unknown_has_a_cap_of_its_own():
    assert counting(*[UNKNOWN] * 6) == [False] * 4 + [True] * 2


def test_unknown_neither_adds_to_failing_nor_forgives_it():
    assert counting(FAILING, FAILING, UNKNOWN, FAILING) == [False, False, False, True]


@pytest.mark.parametrize("finding", [OK, FAILING])
def test_any_finding_ends_a_row_of_unknowns(finding):
    assert not any(counting(*[UNKNOWN] * 4, finding, *[UNKNOWN] * 4))


def test_to_wait_for_a_stranger_never_counts():
    assert not any(counting(*[WAITING] * 9))
    assert not any(counting(FAILING, FAILING, WAITING, FAILING))


def test_a_look_at_nothing_counts_for_nothing():
    assert not Streak().counts(POLICY)
