"""The watch over the GPUs of one backend: before it is ready, and while it is idle.

It only looks and judges. The backend decides when, and turns a finding into an event.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final

from attrs import define, evolve, field, frozen

from engine.errors import ContainerLost, NotReady, RuntimeFault
from engine.health.aside import Aside
from engine.health.gpu import (
    Action,
    Baseline,
    ContainerHealthStatus,
    GpuReading,
    Health,
    Sibling,
    Streak,
    Verdict,
    Whose,
    judge_gpu,
    parse,
)
from engine.health.gpu.holders import held_by_server
from engine.model.results import Fault
from engine.model.spec import ServiceSpec
from engine.policy.health import HealthPolicy
from engine.runtimes.base import (
    Attributing,
    Container,
    ContainerProcesses,
    ExecRequest,
    Runtime,
)
from engine.runtimes.in_container import GPU_PROBE
from engine.util.clock import now_s

__all__ = ["Beside", "Look", "Watch"]

_LOG: Final = logging.getLogger(__name__)
_KILL_GRACE_S: Final = 2.0

_Ladder = tuple[Action, ...]


async def _no_siblings() -> Sequence[Sibling]:
    return ()


@frozen
class Look:
    """The result of one check.

    Attributes:
        status: for the caller.
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
        """Make the result for a container that is gone."""
        status = ContainerHealthStatus(service, healthy=False, reason=fault.reason)
        return cls(status, fault, fit=False)


@define
class Beside:
    """A GPU check's view of the other backends of its controller.

    Attributes:
        siblings: tells what they hold now, and which of them are busy.
        held_bytes: tells what their servers held of each device at their last looks, all of them together.
    """

    siblings: Callable[[], Awaitable[Sequence[Sibling]]] = _no_siblings
    held_bytes: Callable[[], Mapping[str, int]] = dict


@define(eq=False)
class Watch:
    """Checks the GPUs of one backend.

    Args:
        on_look: called with what each look meant and showed, and how much memory was in use at the first
            readiness, in bytes, once that is known.
        beside: tells of the other backends.

    Attributes:
        held_bytes: what its own server held of each device at the last look, by UUID.
        last_s: when the last look was taken, in seconds of the event loop's clock; None unless all was
            well then.
    """

    _spec: ServiceSpec
    _runtime: Runtime
    _policy: HealthPolicy
    _aside: Aside
    _on_look: Callable[[Verdict, GpuReading, int | None], None]
    _beside: Beside = field(factory=Beside)
    last_s: float | None = field(default=None, init=False)
    held_bytes: dict[str, int] = field(factory=dict, init=False)
    _baseline: Baseline | None = field(default=None, init=False)
    _streak: Streak = field(factory=Streak, init=False)
    _tried: Counter[_Ladder] = field(factory=Counter, init=False)
    _proved: Container | None = field(default=None, init=False)

    @property
    def looks(self) -> bool:
        """Whether there is anything to check."""
        wanted = self._policy.look_at_gpus
        return bool(self._spec.gpus) if wanted is None else wanted

    @property
    def fresh(self) -> bool:
        """Whether the last look was a good one, and not long ago."""
        if not self.looks:
            return True
        return self.last_s is not None and now_s() - self.last_s < self._policy.every_s

    async def prove(self, container: Container) -> None:
        """Check that its GPUs are fit, before it counts as ready.

        Has no deadline: the caller sets one. The reading at the first readiness is the
        baseline for all checks since, restarts included. That others hold its GPUs' memory does not keep it
        from being ready: a restart would not help, so each dispatch waits for them.

        Raises:
            RuntimeFault: it cannot be made ready like this.
        """
        self._streak, self.last_s, self._proved = Streak(), None, container
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
        """Check the GPUs once, and judge.

        Args:
            leftovers: the last experiment's command, of which something may still run and hold memory;
                it is ended, where that is the first thing to try, and the GPUs are checked again.
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
        known, own_pids = await self._processes(container)
        if container is not self._proved:
            raise ContainerLost(container.service, "it was restarted while it was checked")
        judge = partial(judge_gpu, reading, self._baseline, policy, own_pids, processes=known)
        verdict = judge()
        if verdict.action is Action.WAIT:
            verdict = judge(siblings=await self._beside.siblings())
        whose = Whose(own_pids, known)
        self.held_bytes = {
            one.label: held_by_server(one, whose) or 0 for one in reading.memory_devices
        }
        if self._baseline is None and verdict.health is not Health.FAILING:
            self._baseline = Baseline.of(
                *(reading, own_pids),
                server_bytes=self.held_bytes,
                sibling_bytes=self._beside.held_bytes(),
            )
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

    async def _processes(
        self, container: Container
    ) -> tuple[ContainerProcesses | None, frozenset[int] | None]:
        """Return the processes of the container, as far as the runtime knows them."""
        if isinstance(self._runtime, Attributing):
            known = await self._runtime.processes(container)
            return known, None if known is None else known.pids
        return None, await self._runtime.pids(container)

    async def _reading(self, container: Container) -> GpuReading:
        within_s = self._policy.look_within_s
        try:
            return parse((await self._aside.run(container, GPU_PROBE, within_s=within_s)).stdout)
        except TimeoutError:
            return GpuReading(unreadable=f"the probe gave no answer within {within_s:g} s")
        except (ContainerLost, NotReady):
            raise
        except RuntimeFault as fault:
            return GpuReading(unreadable=f"the probe could not be run: {fault.reason}")
