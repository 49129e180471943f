"""The watch over one backend: proves it ready, and looks at its GPUs while it is idle.

It only looks and judges. The backend decides when, and turns a finding into an event.
"""

from __future__ import annotations

import asyncio
import logging
import shlex
from collections import Counter
from collections.abc import Callable, Collection
from itertools import count
from typing import Final

from attrs import define, evolve, field, frozen

from engine.errors import ContainerLost, NotReady, RuntimeFault
from engine.health.gpu import (
    Action,
    Baseline,
    ContainerHealthStatus,
    GpuReading,
    Health,
    Streak,
    Verdict,
    judge_gpu,
    parse,
)
from engine.model.results import Fault
from engine.model.spec import ServiceSpec
from engine.policy.health import HealthPolicy
from engine.runtimes.base import Container, ExecRequest, Runtime
from engine.runtimes.in_container import GPU_PROBE
from engine.spool import Slot, Spool, SpoolUnusable
from engine.util.clock import now_s
from engine.util.printable import printable

__all__ = ["Look", "Watch"]

_LOG: Final = logging.getLogger(__name__)
_KILL_GRACE_S: Final = 2.0
_MOST_BYTES: Final = 2**20
"""How much of what a look prints is read."""

_SAID_BYTES: Final = 2**14
_SAID_CHARACTERS: Final = 500

_Ladder = tuple[Action, ...]


@frozen
class Look:
    """What one look found.

    Attributes:
        status: for whoever asked.
        fault: what is wrong with the backend, once it has been found often enough to count.
        fit: whether an experiment may be dispatched to it now.
    """

    status: ContainerHealthStatus
    fault: Fault | None
    fit: bool

    @property
    def waits(self) -> bool:
        """Whether it is only for others that it is not fit: they hold its GPUs' memory."""
        return self.status.action is Action.WAIT

    @classmethod
    def lost(cls, service: str, fault: Fault) -> Look:
        """What is found where there is no container any more."""
        status = ContainerHealthStatus(service, healthy=False, reason=fault.reason)
        return cls(status, fault, fit=False)


@define(eq=False)
class Watch:
    """Looks at one backend.

    Args:
        on_look: called with what each look meant and showed, and how much memory was in use at the first
            readiness, in bytes, once that is known.

    Attributes:
        last_s: when the last look was taken, in seconds of the event loop's clock; None unless all was
            well then.
        unready: what the last try of the readiness command came to; empty where it succeeded.
    """

    _spec: ServiceSpec
    _runtime: Runtime
    _policy: HealthPolicy
    _spool: Spool
    _on_look: Callable[[Verdict, GpuReading, int | None], None]
    last_s: float | None = field(default=None, init=False)
    unready: str = field(default="", init=False)
    _baseline: Baseline | None = field(default=None, init=False)
    _streak: Streak = field(factory=Streak, init=False)
    _tried: Counter[_Ladder] = field(factory=Counter, init=False)
    _proved: Container | None = field(default=None, init=False)
    _numbers: count[int] = field(factory=lambda: count(1), init=False)

    @property
    def looks(self) -> bool:
        """Whether there is anything to look at."""
        wanted = self._policy.look_at_gpus
        return bool(self._spec.gpus) if wanted is None else wanted

    @property
    def fresh(self) -> bool:
        """Whether the last look was a good one, and not long ago."""
        if not self.looks:
            return True
        return self.last_s is not None and now_s() - self.last_s < self._policy.every_s

    async def prove(self, container: Container) -> None:
        """Pass the readiness gate beyond the container's own: the declared command, then its GPUs.

        Has no deadline of its own: the caller sets one. What was so at the first readiness is the
        baseline for all looks since, restarts included. That others hold its GPUs' memory does not keep it
        from being ready: a restart would not help, so each dispatch waits for them.

        Raises:
            RuntimeFault: it cannot be made ready like this.
        """
        self._streak, self.last_s, self._proved, self.unready = Streak(), None, container, ""
        if self._policy.ready_command is not None:
            while await self._unready(container, self._policy.ready_command):  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(self._policy.again_s)
        while self.looks:
            look = await self.look(container)
            if look.fault is not None:
                fault = look.fault
                raise NotReady(
                    container.service, fault.reason, curable=fault.curable, recreate=fault.recreate
                )
            if look.fit or look.waits:
                break
            await asyncio.sleep(self._policy.again_s)

    async def look(
        self,
        container: Container,
        *,
        leftovers: ExecRequest | None = None,
        threshold_pct: float | None = None,
    ) -> Look:
        """Look at the GPUs once, and judge.

        Args:
            leftovers: the last experiment's command, of which something may still run and hold memory;
                it is ended, where that is the first thing to try, and looked at again.
            threshold_pct: judge by this share of all memory instead of by the policy.

        Raises:
            ContainerLost: it died under the look, or has been restarted since: what was seen is of no
                account.
            NotReady: it has taken its spool away.
        """
        policy = self._policy.gpu
        if threshold_pct is not None:
            policy = evolve(policy, gpu_memory_threshold_pct=threshold_pct)
        reading = await self._reading(container)
        own_pids = await self._runtime.pids(container)
        if container is not self._proved:
            raise ContainerLost(container.service, "it was restarted while it was looked at")
        verdict = judge_gpu(reading, self._baseline, policy, own_pids)
        if self._baseline is None and verdict.health is not Health.FAILING:
            self._baseline = Baseline.of(reading, own_pids)
        baseline = self._baseline
        self._on_look(
            *(verdict, reading),
            baseline.memory_used_bytes(reading.memory_devices) if baseline else None,
        )
        tried = self._tried[verdict.ladder]
        if verdict.step(tried) is Action.KILL_LEFTOVERS:
            self._tried[verdict.ladder] = tried = tried + 1
            if leftovers is not None:
                _LOG.warning(
                    "%s: ending what %s left: %s", self._spec.name, leftovers.id, verdict.reason
                )
                await self._runtime.kill(container, leftovers, grace_s=_KILL_GRACE_S)
                return await self.look(container, threshold_pct=threshold_pct)
        self._streak = self._streak.after(verdict)
        self.last_s = now_s() if verdict.health is Health.OK else None
        fault = None
        if verdict.health is Health.OK:
            self._tried.clear()
        elif self._streak.counts(policy):
            fault = verdict.fault(tried)
            self._tried[verdict.ladder] += 1
            self._streak = Streak()
        fit = fault is None and verdict.health is not Health.FAILING
        return Look(ContainerHealthStatus.of(self._spec.name, verdict, reading), fault, fit)

    async def _reading(self, container: Container) -> GpuReading:
        request, slot = self._request(GPU_PROBE)
        try:
            async with asyncio.timeout(self._policy.look_within_s):
                await self._runtime.execute(container, request)
            printed = await asyncio.to_thread(slot.read, "stdout", _MOST_BYTES)
            return parse(printed.decode(errors="replace"))
        except TimeoutError:
            await self._runtime.kill(container, request, grace_s=0)
            within_s = self._policy.look_within_s
            return GpuReading(unreadable=f"the probe gave no answer within {within_s:g} s")
        except asyncio.CancelledError:
            await self._runtime.kill(container, request, grace_s=0)
            raise
        except ContainerLost:
            raise
        except RuntimeFault as fault:
            return GpuReading(unreadable=f"the probe could not be run: {fault.reason}")
        finally:
            await self._discard(slot)

    async def _unready(self, container: Container, command: Collection[str]) -> bool:
        """Run the readiness command once; whether the container is not ready yet."""
        request, slot = self._request(tuple(command))
        try:
            code = (await self._runtime.execute(container, request)).exit_code
            said = await asyncio.to_thread(slot.read, "stderr", _SAID_BYTES) if code else b""
            last = printable(said.decode(errors="replace").strip())[-_SAID_CHARACTERS:]
            told = f"ready_command {shlex.join(command)} ended with exit code {code}"
            self.unready = f"{told}: {last or 'nothing on stderr'}" if code else ""
        except asyncio.CancelledError:
            await self._runtime.kill(container, request, grace_s=0)
            raise
        finally:
            await self._discard(slot)
        return bool(code)

    def _request(self, command: tuple[str, ...]) -> tuple[ExecRequest, Slot]:
        """A look's command, and the slot that its output goes to.

        Raises:
            NotReady: its container has taken the spool away.
        """
        name = f"{self._spec.name}.look-{next(self._numbers)}"
        try:
            slot = self._spool.begin(name, wanted=True)
        except SpoolUnusable as unusable:
            self._spool.renew()
            raise NotReady(self._spec.name, str(unusable), recreate=True) from unusable
        return ExecRequest(name, command, slot.folder, max_output_bytes=_MOST_BYTES), slot

    async def _discard(self, slot: Slot) -> None:
        await asyncio.to_thread(self._spool.collect, slot, None)
