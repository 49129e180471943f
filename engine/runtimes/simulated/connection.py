"""The line between a runtime and the simulated daemon: calls take time, and faults strike here.

What is done on a call is done at once, or not at all; then the answer takes its time. So a caller that
is cancelled leaves nothing in flight.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from attrs import define, evolve, field

from engine.runtimes.base import Observation
from engine.runtimes.simulated.containers import SimulatedContainer
from engine.runtimes.simulated.daemon import DaemonError, Happened, World
from engine.runtimes.simulated.faults import CallFault, EventFault, Fault, Faults, Strikes
from engine.runtimes.simulated.processes import Process

__all__ = ["Line"]

T = TypeVar("T")

_TAKES_S: Final = {"create": 0.1, "start": 0.4, "stop": 0.3, "remove": 0.1, "exec_start": 0.05}
"""How long a call takes when all is well, in seconds."""

_ELSE_S: Final = 0.005
_LATER_S: Final = 2.0

_WITHIN_S: Final = {Strikes.START: 2.0, Strikes.COMMAND: 30.0, Strikes.LOOK: 0.01}
"""How long after its opportunity a fault strikes in the mean, in seconds."""


@define(eq=False)
class Line:
    """One client's connection.

    Args:
        on_event: called with each event as it arrives.
        on_blind: called when events may have been missed.
    """

    world: World
    faults: Faults
    on_event: Callable[[Happened], None]
    on_blind: Callable[[], None]
    _unwatch: Callable[[], None] | None = field(default=None, init=False)
    _severed: bool = field(default=False, init=False)

    def sever(self) -> None:
        """From now on no call gets through, as when the process that calls is dead."""
        self._severed = True
        self.close()

    def open(self) -> None:
        """Begin to hear events; harmless when repeated."""
        if self._unwatch is None:
            self._unwatch = self.world.watch(self._hear)

    def close(self) -> None:
        """Hear nothing more; harmless when repeated."""
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None

    async def call(
        self, name: str, do: Callable[[], T], container: SimulatedContainer | None = None
    ) -> T:
        """Call the daemon.

        Args:
            name: of the call; see the catalogue.
            container: what the call is about, where faults may strike that.

        Raises:
            DaemonError: it refuses, or gives no answer.
        """
        if self._severed:
            raise asyncio.CancelledError
        fault = self.faults.strike(Strikes.CALL, name)
        if fault is None:
            if not self.world.reachable:
                raise DaemonError(None, "connection refused")
            answer = do()
            await asyncio.sleep(_TAKES_S.get(name, _ELSE_S))
            return answer
        self.faults.struck[fault.name] += 1
        assert isinstance(fault.does, CallFault)
        return await self._struck(fault.does, do, container)

    async def _struck(
        self, fault: CallFault, do: Callable[[], T], container: SimulatedContainer | None
    ) -> T:
        loop = asyncio.get_running_loop()
        if not self.world.reachable:
            raise DaemonError(None, "connection refused")
        if fault.stuck_s and container is not None:
            container.stick(fault.stuck_s)
        if fault.down_s:
            self._go_down(fault.down_s)
        if fault.later:
            loop.call_later(_LATER_S, _quietly, do)
        done = self.faults.rng.choice((True, False)) if fault.done is None else fault.done
        if fault.message:
            if done:
                do()
            await asyncio.sleep(_ELSE_S + fault.delay_s)
            raise DaemonError(fault.status, fault.message)
        answer = do()
        await asyncio.sleep(_ELSE_S + fault.delay_s)
        if fault.stale and isinstance(answer, Observation) and container is not None:
            return evolve(answer, health=container.health_before)
        return answer

    def _go_down(self, seconds: float) -> None:
        self.world.reachable = False
        self.world.forget()
        asyncio.get_running_loop().call_later(seconds, self._come_up)

    def _come_up(self) -> None:
        self.world.reachable = True
        if self._unwatch is not None:
            self.on_blind()

    def opportunity(self, at: Strikes, process: Process) -> None:
        """Something begins that a fault may strike a while later."""
        fault = self.faults.strike(at)
        if fault is not None:
            wait_s = self.faults.rng.expovariate(1 / _WITHIN_S[at])
            asyncio.get_running_loop().call_later(wait_s, self._befall, fault, process)

    def _befall(self, fault: Fault, process: Process) -> None:
        does = fault.does
        assert callable(does)
        container = process.container
        here = self.world.containers.get(container.id) is container and container.running
        if not self.faults.over and here and does(self.world, process):
            self.faults.struck[fault.name] += 1

    def _hear(self, event: Happened) -> None:
        if not self.world.reachable:
            return
        loop = asyncio.get_running_loop()
        fault = self.faults.strike(Strikes.EVENT)
        if fault is None:
            loop.call_soon(self._deliver, event)
            return
        self.faults.struck[fault.name] += 1
        assert isinstance(fault.does, EventFault)
        for _ in range(fault.does.copies):
            loop.call_later(self.faults.rng.uniform(0, fault.does.late_s), self._deliver, event)

    def _deliver(self, event: Happened) -> None:
        if self._unwatch is not None:
            self.on_event(event)


def _quietly(do: Callable[[], object]) -> None:
    try:
        do()
    except DaemonError:  # no caller waits for its answer any more
        return
