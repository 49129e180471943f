"""A short soak: some hundred simulated campaigns, in which what never happens does not."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.model.results import Transition
from engine.policy import BackendPolicy, RestartPolicy
from engine.runtimes.simulated import World
from engine.testing.invariants import Invariants
from tests.soak.campaigns import play

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("first", range(0, 120, 40))
def test_no_campaign_does_what_never_happens(first: int, tmp_path: Path) -> None:
    seen = {seed: play(seed, tmp_path / str(seed)).violations for seed in range(first, first + 40)}
    assert {seed: violations for seed, violations in seen.items() if violations} == {}


def test_once_the_faults_end_all_converges(tmp_path: Path) -> None:
    seen = {seed: play(seed, tmp_path / str(seed), liveness=True).violations for seed in range(40)}
    assert {seed: violations for seed, violations in seen.items() if violations} == {}


@pytest.mark.parametrize("seed", [8, 30])
def test_a_seed_replays(seed: int) -> None:
    def told(hash_seed: str) -> str:
        command = [sys.executable, "-m", "tests.soak", "--seed", str(seed)]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr

    assert told("1") == told("2")


def step(event: str, source: str, target: str, action: str | None = None) -> Transition:
    return Transition(
        at=datetime.now(UTC),
        backend="alpha",
        event=event,
        source=source,
        target=target,
        action=action,
        reason="",
        generation=1,
        container_id=None,
    )


UP = [step("start", "stopped", "starting", "launch"), step("proved_ready", "starting", "ready")]
OVER = [
    step("fault", "ready", "unhealthy"),
    step("recover", "unhealthy", "restarting", "relaunch"),
]


@pytest.mark.parametrize(
    ("steps", "seen"),
    [
        (UP, ""),
        ([*UP, step("dispatch", "ready", "busy", "execute")], ""),
        ([step("proved_ready", "stopped", "ready")], "not in the table"),
        ([*UP, step("finish", "busy", "ready")], "it was ready"),
        ([*UP, step("stop", "ready", "ready", "remove"), *OVER], "while a stop was under way"),
        ([*UP, *OVER], "its budget is 0"),
    ],
)
def test_the_checker_sees_what_never_happens(steps: list[Transition], seen: str) -> None:
    policies = {"alpha": BackendPolicy(restart=RestartPolicy(max_restarts=0))}
    watch = Invariants(World(), policies, lambda: 0.0)
    for one in steps:
        watch.transition(one)
    assert bool(watch.violations) == bool(seen)
    assert seen in "".join(watch.violations)


@pytest.mark.parametrize(("after_s", "seen"), [(59.0, "in one window"), (60.0, "")])
def test_the_checker_sees_too_many_restarts_in_one_window(after_s: float, seen: str) -> None:
    policy = RestartPolicy(max_restarts=9, window_s=60.0, max_in_window=1, backoff_s=0.0)
    clock_s = 0.0
    watch = Invariants(World(), {"alpha": BackendPolicy(restart=policy)}, lambda: clock_s)
    again = [step("proved_ready", "restarting", "ready"), *OVER]
    for one in (*UP, *OVER):
        watch.transition(one)
    clock_s = after_s
    for one in again:
        watch.transition(one)
    assert bool(watch.violations) == bool(seen)
    assert seen in "".join(watch.violations)
