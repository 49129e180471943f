"""Policies only decide: by what happened, the clock and the random generator that they are given."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model.results import Ending
from engine.policy import (
    ALLOWED,
    CAP_REACHED,
    WINDOW_FULL,
    RestartDecision,
    RestartHistory,
    RestartPolicy,
    RetryPolicy,
)


def decide(policy: RestartPolicy, *times_s: float, now_s: float = 100.0) -> RestartDecision:
    return policy.decide(RestartHistory(times_s), now_s=now_s, rng=random.Random(0))


STEADY = RestartPolicy(jitter=0)


@pytest.mark.parametrize(("restarts", "delay_s"), [(0, 1), (1, 2), (2, 4)])
def test_the_backoff_grows(restarts: int, delay_s: float) -> None:
    assert decide(STEADY, *[0.0] * restarts) == RestartDecision(
        allowed=True, reason=ALLOWED, delay_s=delay_s
    )


def test_the_backoff_is_capped_however_long_the_history() -> None:
    policy = RestartPolicy(max_restarts=10_000, jitter=0)
    assert decide(policy, *[0.0] * 9_999).delay_s == 60


def test_the_lifetime_cap_is_reached() -> None:
    decision = decide(STEADY, 1, 2, 3)
    assert (decision.allowed, decision.reason) == (False, f"{CAP_REACHED} (3)")


def test_the_window_is_full() -> None:
    policy = RestartPolicy(max_restarts=100, window_s=60, max_in_window=3, backoff_s=0)
    decision = decide(policy, 50, 60, 70)
    assert (decision.allowed, decision.reason) == (False, f"{WINDOW_FULL} (3 in 60 s)")
    assert decide(policy, 40, 60, 70).allowed


def test_no_restart_at_all_may_be_allowed() -> None:
    assert not decide(RestartPolicy(max_restarts=0)).allowed


def test_a_refund_takes_a_long_healthy_time() -> None:
    policy = RestartPolicy(refund_after_s=600)
    spent = RestartHistory((1.0, 2.0, 3.0))
    assert policy.refunded(spent, healthy_s=599) is spent
    assert policy.refunded(spent, healthy_s=600) == RestartHistory()
    assert RestartPolicy().refunded(spent, healthy_s=1e9) is spent


def test_a_refund_makes_the_budget_whole_and_leaves_what_a_window_holds() -> None:
    policy = RestartPolicy(window_s=60, refund_after_s=600)
    refunded = policy.refunded(RestartHistory((1.0, 2.0, 3.0)), healthy_s=600)
    assert (refunded.spent, refunded.times_s) == (0, (1.0, 2.0, 3.0))
    assert refunded.with_restart(700.0).spent == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_restarts": -1},
        {"window_s": 0},
        {"backoff_factor": 0.5},
        {"jitter": 1.5},
        {"refund_after_s": 0},
    ],
)
def test_refuses_values_that_make_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RestartPolicy(**wrong)  # type: ignore[arg-type]


POLICIES = st.builds(
    RestartPolicy,
    max_restarts=st.integers(0, 12),
    window_s=st.none() | st.floats(1, 300),
    max_in_window=st.integers(0, 5),
    backoff_s=st.floats(0, 10),
    backoff_max_s=st.floats(0, 60),
    jitter=st.floats(0, 1),
)


@given(
    policy=POLICIES,
    gaps_s=st.lists(st.floats(0, 120), max_size=60),
    seed=st.integers(0, 2**32),
)
def test_neither_the_window_nor_the_cap_is_ever_passed(
    policy: RestartPolicy, gaps_s: list[float], seed: int
) -> None:
    rng, history, now_s = random.Random(seed), RestartHistory(), 0.0
    for gap_s in gaps_s:
        now_s += gap_s
        decision = policy.decide(history, now_s=now_s, rng=rng)
        if decision.allowed:
            assert 0 <= decision.delay_s <= policy.backoff_max_s
            now_s += decision.delay_s
            history = history.with_restart(now_s)
    assert len(history.times_s) <= policy.max_restarts
    if policy.window_s is not None:
        for end_s in history.times_s:
            begin_s = end_s - policy.window_s
            assert sum(begin_s < t <= end_s for t in history.times_s) <= policy.max_in_window


def test_the_wait_is_left_to_chance_by_the_share_that_jitter_says() -> None:
    policy = RestartPolicy(jitter=0.5)
    waits_s = {
        policy.decide(RestartHistory((0.0,)), now_s=9.0, rng=random.Random(seed)).delay_s
        for seed in range(50)
    }
    assert len(waits_s) == 50
    assert 1 <= min(waits_s) < 1.2
    assert 1.8 < max(waits_s) <= 2


def test_a_window_is_that_of_the_restart_and_not_of_the_decision() -> None:
    policy = RestartPolicy(window_s=60, max_in_window=1, backoff_s=10, backoff_factor=1, jitter=0)
    assert not decide(policy, 49.0, now_s=98.0).allowed
    assert decide(policy, 49.0, now_s=99.0).allowed


class TestRetries:
    @pytest.mark.parametrize(("attempts", "allowed"), [(1, True), (2, True), (3, False)])
    def test_are_as_many_as_the_policy_says(self, attempts: int, allowed: bool) -> None:  # noqa: FBT001
        decision = RetryPolicy(max_attempts=3).decide(Ending.LOST, attempts=attempts)
        assert decision.allowed is allowed
        said = f"attempt {attempts + 1} of 3 is due" if allowed else "no attempt is left (of 3)"
        assert decision.reason == said

    def test_follow_only_the_endings_that_the_policy_names(self) -> None:
        policy = RetryPolicy(on=frozenset({Ending.TIMEOUT}))
        assert policy.decide(Ending.TIMEOUT, attempts=1).allowed
        refused = policy.decide(Ending.LOST, attempts=1)
        assert (refused.allowed, refused.reason) == (False, "not tried again after lost")

    def test_follow_the_exit_codes_that_say_try_again(self) -> None:
        policy = RetryPolicy(exit_codes=frozenset({75}))
        assert policy.decide(Ending.EXITED, attempts=1, exit_code=75).allowed
        assert not policy.decide(Ending.EXITED, attempts=1, exit_code=1).allowed
        assert not policy.decide(Ending.TIMEOUT, attempts=1, exit_code=75).allowed
