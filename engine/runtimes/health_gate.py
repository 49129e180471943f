"""The health check of a service as a gate: asked until it passes or has failed for good.

The rules are Docker's: the first probe comes after one interval, failures within the start period do
not count, and ``retries`` failures in a row are final. Unlike Docker's, the check is not repeated
once it has passed: a probe beside an experiment perturbs what is measured.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from engine.model.spec import HealthCheck

__all__ = ["probe_command", "until_healthy"]

# https://docs.docker.com/reference/dockerfile/#healthcheck
_INTERVAL_S = 30.0
_TIMEOUT_S = 30.0
_START_INTERVAL_S = 5.0
_RETRIES = 3

_SHELL = ("/bin/sh", "-c")


def probe_command(check: HealthCheck | None) -> tuple[str, ...] | None:
    """The command of a health check; None where there is none to run."""
    match check.test if check is not None else None:
        case ("CMD", *command) if command:
            return tuple(command)
        case ("CMD-SHELL", line):
            return (*_SHELL, line)
        case _:
            return None


async def until_healthy(
    check: HealthCheck, probe: Callable[[float], Awaitable[str | None]]
) -> str | None:
    """Probe until the check passes or has failed for good.

    Args:
        probe: runs the check once, for at most so many seconds; returns what is wrong, or None.

    Returns:
        None once healthy, else what the last probe found.
    """
    clock = asyncio.get_running_loop().time
    counting_from = clock() + (check.start_period_s or 0.0)
    failures = 0
    while True:
        await asyncio.sleep(
            check.interval_s or _INTERVAL_S
            if clock() >= counting_from
            else check.start_interval_s or _START_INTERVAL_S
        )
        counts = clock() >= counting_from
        complaint = await probe(check.timeout_s or _TIMEOUT_S)
        if complaint is None:
            return None
        failures += counts
        if failures >= (check.retries or _RETRIES):
            return complaint
