"""The health check of a service as a gate: asked until it passes or has failed for good.

The rules are Docker's: the first probe comes after one interval, failures within the start period do
not count, and ``retries`` failures in a row are final. Unlike Docker's, the check is not repeated
once it has passed: a probe beside an experiment perturbs what is measured.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from attrs import asdict, evolve

from engine.model.spec import HealthCheck

__all__ = ["INTERVAL_S", "RETRIES", "TIMEOUT_S", "merged", "probe_command", "until_healthy"]

# https://docs.docker.com/reference/dockerfile/#healthcheck
INTERVAL_S: Final = 30.0
TIMEOUT_S: Final = 30.0
RETRIES: Final = 3
_START_INTERVAL_S: Final = 5.0

_SHELL: Final = ("/bin/sh", "-c")


def probe_command(check: HealthCheck | None) -> tuple[str, ...] | None:
    """The command of a health check; None where there is none to run."""
    match check.test if check is not None else None:
        case ("CMD", *command) if command:
            return tuple(command)
        case ("CMD-SHELL", line):
            return (*_SHELL, line)
        case _:
            return None


def merged(written: HealthCheck | None, image: HealthCheck | None) -> HealthCheck | None:
    """The health check of a container, from what its service and its image say; None for none.

    As in the engine: a service without a command takes the image's, and all values that it leaves out.
    """
    if written is None or image is None or written.test:
        return written or image
    ours = {name: value for name, value in asdict(written).items() if value}
    return evolve(image, **ours)


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
            check.interval_s or INTERVAL_S
            if clock() >= counting_from
            else check.start_interval_s or _START_INTERVAL_S
        )
        counts = clock() >= counting_from
        complaint = await probe(check.timeout_s or TIMEOUT_S)
        if complaint is None:
            return None
        failures += counts
        if failures >= (check.retries or RETRIES):
            return complaint
