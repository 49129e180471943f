"""What inspection shows, and what it means."""

import pytest

from engine.health import judge
from engine.runtimes.base import Container, Observation

US = Container("alpha", "id", "then")


def seen(**changes: object) -> Observation:
    return Observation(**{"container": US, "running": True, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("observation", "reason", "recreate"),
    [
        (None, "gone", True),
        (seen(container=Container("alpha", "other", "then")), "another container", True),
        (seen(running=False, exit_code=1, oom_killed=True), "OOM", False),
        (seen(running=False, exit_code=137), "killed from outside", False),
        (seen(running=False, exit_code=0), "ended (exit code 0)", False),
        (seen(running=False, exit_code=1, health="unhealthy"), "ended (exit code 1)", False),
        (seen(paused=True), "paused", True),
        (seen(container=Container("alpha", "id", "later")), "restarted from outside", False),
        (seen(health="unhealthy"), "health check fails", False),
    ],
)
def test_unfit(observation: Observation | None, reason: str, recreate: bool) -> None:  # noqa: FBT001
    fault = judge(observation, US)
    assert fault is not None
    assert reason in fault.reason
    assert (fault.recreate, fault.curable) == (recreate, True)


@pytest.mark.parametrize("health", [None, "starting", "healthy"])
def test_fit(health: str | None) -> None:
    assert judge(seen(health=health), US) is None
