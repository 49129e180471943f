"""The health check of a service, where dockwarden runs it instead of the engine.

An engine waits a whole interval before it checks a container for the first time, and checks it while an experiment is
measured. Here a container is checked at once and often until it is ready, and then at the interval that its
file gives, only while nothing runs in it. When failures count is as in the engine: a container has failed after
``retries`` failures in a row, and not before as much time has passed as the engine would have needed for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

from attrs import define, field

from engine.errors import NotReady
from engine.model.results import Fault
from engine.model.spec import HealthCheck
from engine.runtimes.base import Checkable, Container
from engine.runtimes.health_gate import INTERVAL_S, RETRIES
from engine.util.clock import now_s

__all__ = ["ServiceCheck", "pauses"]

_FIRST_S: Final = 0.25
_FACTOR: Final = 1.5


def pauses(most_s: float) -> Iterator[float]:
    """How long to wait between one try and the next, in seconds: ever longer, and at most so long."""
    pause_s = min(_FIRST_S, most_s)
    while True:
        yield pause_s
        pause_s = min(_FACTOR * pause_s, most_s)


@define(eq=False)
class ServiceCheck:
    """The health check of one container.

    Args:
        check: whose command is given.

    Attributes:
        runs: how often it has been run.
        problem: what it found last; empty where it passed.
    """

    check: HealthCheck
    _runtime: Checkable
    runs: int = field(default=0, init=False)
    problem: str = field(default="", init=False)
    _cannot_run: bool = field(default=False, init=False)
    _failures: int = field(default=0, init=False)
    _failing_since_s: float = field(default=0.0, init=False)

    @property
    def interval_s(self) -> float:
        """How long to wait between two checks of a container that is ready, in seconds."""
        return self.check.interval_s or INTERVAL_S

    @property
    def _retries(self) -> int:
        return self.check.retries or RETRIES

    async def run(self, container: Container) -> bool:
        """Check a container once; returns whether it passed.

        Raises:
            ContainerLost: it does not run.
        """
        self.runs += 1
        found = await self._runtime.check(container, self.check)
        self.problem, self._cannot_run = found.problem, found.cannot_run
        if not found.problem:
            self._failures = 0
            return True
        if not self._failures:
            self._failing_since_s = now_s()
        self._failures += 1
        return False

    async def prove(self, container: Container) -> None:
        """Check a container that has just been started, until it passes.

        Raises:
            NotReady: it does not, for as long as the engine would have waited.
            ContainerLost: it does not run.
        """
        self._failures = 0
        start_s = self.check.start_period_s or 0.0
        counting_s = now_s() + start_s
        decided_s = counting_s + self._retries * self.interval_s
        often = pauses(min(self.interval_s, self.check.start_interval_s or self.interval_s))
        while not await self.run(container):
            if now_s() >= decided_s:
                fault = self._fault()
                raise NotReady(container.service, fault.reason, curable=fault.curable)
            await asyncio.sleep(min(next(often), max(decided_s - now_s(), 0.0)))

    def fault(self) -> Fault | None:
        """The fault of a container that was ready, once its check has failed for good."""
        failing_s = now_s() - self._failing_since_s
        long = failing_s >= (self._retries - 1) * self.interval_s
        return self._fault() if self._failures >= self._retries and long else None

    def _fault(self) -> Fault:
        if self._cannot_run:
            reason = (
                f"its health check cannot be run: {self.problem}; name a program that is in the image, or"
                " disable the check"
            )
            return Fault(reason, curable=False)
        return Fault(f"its health check fails: {self.problem}")
