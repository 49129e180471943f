"""The gate that a health check is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from attrs import evolve

from engine.model.spec import HealthCheck
from engine.runtimes.health_gate import probe_command, until_healthy

QUICK = HealthCheck(interval_s=0.001, timeout_s=7.0, start_interval_s=0.001)


@pytest.mark.parametrize(
    ("test", "command"),
    [
        (None, None),
        (("NONE",), None),
        (("CMD",), None),
        (("CMD", "curl", "-f", "x"), ("curl", "-f", "x")),
        (("CMD-SHELL", "a && b"), ("/bin/sh", "-c", "a && b")),
    ],
)
def test_the_command_of_a_check(
    test: tuple[str, ...] | None, command: tuple[str, ...] | None
) -> None:
    assert probe_command(HealthCheck(test)) == command


def test_a_service_may_have_no_check() -> None:
    assert probe_command(None) is None


def ask(check: HealthCheck, answers: Iterable[str | None]) -> tuple[str | None, list[float]]:
    """What the gate finds, and the timeouts it gave, when the probe answers so."""
    timeouts: list[float] = []
    coming = iter(answers)

    async def probe(timeout_s: float) -> str | None:
        timeouts.append(timeout_s)
        return next(coming)

    return asyncio.run(until_healthy(check, probe)), timeouts


def test_one_success_is_enough() -> None:
    check = evolve(QUICK, retries=3)
    assert ask(check, ["no", "no", None]) == (None, [7.0, 7.0, 7.0])


def test_so_many_failures_as_retries_are_final() -> None:
    check = evolve(QUICK, retries=2)
    assert ask(check, ["first", "last", None])[0] == "last"


def test_without_retries_three_failures_are_final() -> None:
    assert ask(QUICK, ["1", "2", "3", None])[0] == "3"


def test_failures_in_the_start_period_do_not_count() -> None:
    check = evolve(QUICK, retries=1, start_period_s=3600)
    assert ask(check, [*["no"] * 20, None])[0] is None
