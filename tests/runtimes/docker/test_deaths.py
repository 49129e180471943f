"""What the engine's events prove by themselves."""

from __future__ import annotations

from typing import Any

import pytest

from engine.runtimes.base import Container, Observation
from engine.runtimes.docker.daemon.reported_deaths import Deaths

STARTED = "2026-01-31T10:15:00.25Z"
STARTED_NS = 1_769_854_500_250_000_000
CONTAINER = Container("alpha", "id", STARTED)


def event(action: str, at_ns: int, container: str = "id") -> dict[str, Any]:
    attributes = {"die": {"exitCode": "137"}, "kill": {"signal": "9"}}.get(action, {})
    return {
        "Action": action,
        "timeNano": at_ns,
        "Actor": {"ID": container, "Attributes": attributes},
    }


@pytest.fixture
def deaths() -> Deaths:
    deaths = Deaths()
    deaths.began(CONTAINER)
    return deaths


def test_a_death_after_the_start_is_seen_with_its_exit_code(deaths: Deaths) -> None:
    seen = deaths.seen(event("die", STARTED_NS + 1))
    assert seen == Observation(CONTAINER, running=False, exit_code=137)


@pytest.mark.parametrize("late_ns", [0, -1, -(10**12)])
def test_a_death_before_the_start_proves_nothing(deaths: Deaths, late_ns: int) -> None:
    assert deaths.seen(event("die", STARTED_NS + late_ns)) is None


def test_a_death_before_a_restart_proves_nothing(deaths: Deaths) -> None:
    deaths.began(Container("alpha", "id", "2026-01-31T10:16:00Z"))
    assert deaths.seen(event("die", STARTED_NS + 1)) is None


def test_of_another_container_nothing_is_known(deaths: Deaths) -> None:
    assert deaths.seen(event("die", STARTED_NS + 1, container="other")) is None


@pytest.mark.parametrize("action", ["destroy", "pause", "health_status: unhealthy", "oom", "kill"])
def test_other_events_only_wake(deaths: Deaths, action: str) -> None:
    assert deaths.seen(event(action, STARTED_NS + 1)) is None


def test_a_death_for_want_of_memory_is_told_apart(deaths: Deaths) -> None:
    deaths.seen(event("oom", STARTED_NS + 1))
    seen = deaths.seen(event("die", STARTED_NS + 2))
    assert seen is not None
    assert seen.oom_killed


def test_what_memory_the_run_before_wanted_is_forgotten(deaths: Deaths) -> None:
    deaths.seen(event("oom", STARTED_NS + 1))
    deaths.began(Container("alpha", "id", "2026-01-31T10:16:00Z"))
    seen = deaths.seen(event("die", STARTED_NS + 10**12))
    assert seen is not None
    assert not seen.oom_killed


def test_a_command_that_was_killed_for_memory_long_before_is_not_the_cause(deaths: Deaths) -> None:
    deaths.seen(event("oom", STARTED_NS + 1))
    died_ns = STARTED_NS + 60 * 10**9
    seen = deaths.seen(event("die", died_ns))
    assert seen is not None
    assert not seen.oom_killed
    assert not deaths.of_memory("id", died_ns, flag=True)


def test_a_kill_from_outside_is_the_cause_even_soon_after_a_command_wanted_memory(
    deaths: Deaths,
) -> None:
    deaths.seen(event("oom", STARTED_NS + 1))
    deaths.seen(event("kill", STARTED_NS + 2))
    assert not deaths.of_memory("id", STARTED_NS + 3, flag=True)


@pytest.mark.parametrize("flag", [True, False])
def test_without_an_event_the_flag_of_the_engine_decides(deaths: Deaths, *, flag: bool) -> None:
    assert deaths.of_memory("id", STARTED_NS + 1, flag=flag) is flag
