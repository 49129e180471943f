"""Health checks of an idle backend: hints from its runtime, its health check, its answers, and its GPUs.

No check enters a busy container, unless its policy asks for that. Findings are reported to the backend, which decides.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import Final, Protocol

from attrs import define, evolve, field

from engine.backend.log import BackendLog
from engine.errors import ContainerLost, DispatchError, NotReady, RuntimeFault
from engine.health import Beside, Look, Readiness, ServiceCheck, Watch, judge, post_mortem
from engine.health.aside import Aside
from engine.health.gpu import GpuReading, Sibling, Verdict
from engine.model.results import Fault, GpuLook
from engine.model.spec import ServiceSpec
from engine.policy import BackendPolicy, HealthChecks
from engine.runtimes.base import (
    Checkable,
    Container,
    ExecRequest,
    Happening,
    Notice,
    Probing,
    Runtime,
)
from engine.runtimes.service_check import pauses
from engine.spool import Spool
from engine.util.clock import now_s, utc_now
from engine.util.waiting import first

__all__ = ["Attention", "Monitored"]

_LOG: Final = logging.getLogger(__name__)

_AGAIN_S: Final = 1.0
_SELDOM_S: Final = 60.0
"""How long an inspection that got no answer waits for the next one, at first and at most."""


class Monitored(Protocol):
    """The checks' view of their backend.

    Attributes:
        turn: a lock, held by each command and check in its container.
        log: what its main process writes.
    """

    spec: ServiceSpec
    policy: BackendPolicy
    spool: Spool
    container: Container | None
    generation: int
    turn: asyncio.Lock
    log: BackendLog

    @property
    def name(self) -> str:
        """The service."""

    @property
    def state(self) -> str:
        """The state of its machine."""

    @property
    def held_bytes(self) -> Mapping[str, int]:
        """The memory of each GPU that its own server held at the last check, by UUID."""

    def siblings(self) -> Iterable[Monitored]:
        """The other backends of its controller."""

    async def as_sibling(self) -> Sibling:
        """Describe this backend for the GPU checks of other backends."""

    @property
    def idle(self) -> bool:
        """Whether it is ready, and no command runs in it."""

    @property
    def ticket(self) -> int:
        """Changes with each effect that makes what was seen before it stale."""

    async def settled(self) -> str:
        """Wait until it is neither starting nor restarting; its state then."""

    def refusal(self) -> DispatchError:
        """Why it takes no experiment."""

    def report(self, fault: Fault) -> bool:
        """Put a fault to the machine."""

    def saw(self, look: GpuLook) -> None:
        """Pass on what the GPUs showed."""


@define(eq=False)
class Attention:
    """The attention that one backend gets.

    Attributes:
        aside: runs commands in its container.
        last: the last experiment's command: what it may have left running is ended first. None where
            that is to be kept.
    """

    _backend: Monitored
    _runtime: Runtime
    aside: Aside = field(init=False)
    last: ExecRequest | None = field(default=None, init=False)
    _watch: Watch = field(init=False)
    _readiness: Readiness = field(init=False)
    _check: ServiceCheck | None = field(default=None, init=False)
    _checked: int = field(default=0, init=False)
    _died: asyncio.Future[None] | None = field(default=None, init=False)
    _noticed: bool = field(default=False, init=False)
    _inspection: asyncio.Task[None] | None = field(default=None, init=False)
    _rounds: list[asyncio.Task[None]] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        backend = self._backend
        self.aside = Aside(backend.name, self._runtime, backend.spool)
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget what was seen and tried before."""
        backend = self._backend
        self._watch = Watch(
            *(backend.spec, self._runtime, backend.policy.health, self.aside, self._tell),
            Beside(self._siblings, self._held_beside),
        )
        health = backend.policy.health
        ready = evolve(health.ready, command=health.ready.command or health.ready_command)
        self._readiness = Readiness(ready, self.aside, backend.log.searchable)

    def _tell(self, verdict: Verdict, reading: GpuReading, baseline_bytes: int | None) -> None:
        """Let it be known what a look showed."""
        self._backend.saw(
            GpuLook(
                at=utc_now(),
                backend=self._backend.name,
                generation=self._backend.generation,
                health=verdict.health.value,
                reason=verdict.reason,
                memory_used_bytes=reading.memory_used_bytes,
                memory_total_bytes=reading.memory_total_bytes,
                baseline_bytes=baseline_bytes,
            )
        )

    @property
    def held_bytes(self) -> Mapping[str, int]:
        """The memory of each GPU that its own server held at the last check, by UUID."""
        return self._watch.held_bytes

    async def _siblings(self) -> Sequence[Sibling]:
        """The GPU memory that other running backends hold."""
        return [await one.as_sibling() for one in self._backend.siblings() if one.container]

    def _held_beside(self) -> Mapping[str, int]:
        together: Counter[str] = Counter()
        for one in self._backend.siblings():
            together.update(one.held_bytes)
        return together

    # Hints

    def notice(self, notice: Notice) -> None:
        """Take in a hint from the runtime: inspect, at once or as soon as the backend is idle."""
        backend, container = self._backend, self._backend.container
        if notice.container_id not in (None, container.id if container else None):
            return
        seen = notice.seen
        if seen is not None and seen.container == container and backend.idle:
            fault = judge(seen, container)
            if fault is not None:
                backend.report(fault)
                return
        died = notice.happening is Happening.DIED and notice.container_id is not None
        if died and self._died is not None and not self._died.done():
            self._died.set_result(None)
        self._noticed = True
        self.attend()

    def overlook(self) -> None:
        """Drop the hints so far: they are about what was there before."""
        self._noticed = False

    def attend(self) -> None:
        """Begin to inspect, if there was a hint, the backend is idle, and no inspection is under way."""
        inspecting = self._inspection is not None and not self._inspection.done()
        if self._noticed and self._backend.idle and not inspecting:
            name = f"inspect {self._backend.name}"
            self._inspection = asyncio.create_task(self._inspect(), name=name)

    async def _inspect(self) -> None:
        backend, wait_s = self._backend, _AGAIN_S
        while self._noticed and backend.idle:
            self._noticed = False
            ticket = backend.ticket
            try:
                observation = await self._runtime.inspect(backend.name)
            except RuntimeFault as unknown:
                # Not an answer: hold the state, and ask again.
                _LOG.warning("%s: cannot be inspected: %s", backend.name, unknown.reason)
                self._noticed = True
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, _SELDOM_S)
                continue
            if ticket != backend.ticket or backend.container is None:
                return
            if (
                backend.state == "busy"
            ):  # an experiment was handed over meanwhile: look again after it
                self._noticed = True
                return
            fault = judge(observation, backend.container)
            if fault is not None:
                backend.report(fault)

    # Looks

    async def in_time(self, proving: Awaitable[None]) -> None:
        """See that a container is proved ready as soon as its policy demands.

        Raises:
            NotReady: it takes longer, with what was waited for.
            RuntimeFault: as ``proving`` raises it.
        """
        backend, within_s = self._backend, self._backend.policy.ready_within_s
        try:
            async with asyncio.timeout(within_s):
                await proving
        except TimeoutError:
            last = self.waiting_for
            what = f"; it was waited for {last}" if last else ""
            late = f"not ready within {within_s:g} s{what}; raise ready_within, or read its logs"
            raise NotReady(backend.name, late) from None

    async def prove(self, container: Container) -> None:
        """Pass the readiness gate beyond the container's own: health check, answers, GPUs.

        Has no deadline: the caller sets one.

        Raises:
            ContainerLost: it ended meanwhile.
            RuntimeFault: it cannot be made ready like this.
        """
        died = self._died = asyncio.get_running_loop().create_future()
        proved, _ = await first(self._prove(container), died)
        if proved is None:
            raise ContainerLost(container.service, "its container ended before it was ready")
        proved.result()

    async def _prove(self, container: Container) -> None:
        self._checked, self._check = self._run_here, None
        if isinstance(self._runtime, Checkable):
            check = await self._runtime.health_check(container)
            if check is not None:
                self._check = ServiceCheck(check, self._runtime)
                await self._check.prove(container)
        await self._readiness.prove(container)
        await self._watch.prove(container)

    async def prove_answers(self, container: Container) -> None:
        """Check that a container that was ready still passes its check and answers. Has no deadline.

        Raises:
            RuntimeFault: it does not, for good.
        """
        if self._check is not None:
            await self._check.prove(container)
        await self._readiness.prove(container)

    @property
    def fresh(self) -> bool:
        """Whether nothing has to be checked before a command begins."""
        return self._watch.fresh and not (self._check is not None and self._check.problem)

    def checks(self, container: Container) -> int | None:
        """How often a container's health check has been run so far; None where its engine runs it, and does not tell."""
        if self._backend.policy.health.checks is not HealthChecks.ENGINE:
            return self._run_here
        return self._runtime.probes(container) if isinstance(self._runtime, Probing) else None

    @property
    def _run_here(self) -> int:
        return self._checked + (self._check.runs if self._check is not None else 0)

    @property
    def waiting_for(self) -> str:
        """Say which checks a container has not passed yet, and its last answer."""
        if self._check is not None and self._check.problem:
            return f"its health check: {self._check.problem}"
        return self._readiness.waiting_for

    async def fit_container(self) -> Container:
        """Wait, within a turn, for a container that an experiment may be dispatched to now.

        Raises:
            DispatchError: there will be none.
        """
        backend, health = self._backend, self._backend.policy.health
        until_s: float | None = None
        often = pauses(health.again_s)
        while await backend.settled() == "ready" and backend.container is not None:
            if self._check is not None and self._check.problem:
                await self.check()
                if backend.idle and self._check.problem:
                    await asyncio.sleep(next(often))
                continue
            if self.fresh:
                return backend.container
            look = await self.look()
            if not backend.idle:
                continue
            if look.fit:
                return backend.container
            if look.waits:
                until_s = until_s or now_s() + health.wait_for_others_s
                if now_s() >= until_s:
                    reason = look.status.reason
                    raise DispatchError(f"{backend.name} takes no experiment: {reason}")
            await asyncio.sleep(health.again_s)
        raise backend.refusal()

    async def look_after(self, *, succeeded: bool) -> None:
        """Check, within a turn, for leftovers of an experiment, where there is anything to check.

        Args:
            succeeded: whether it did; else its service's health check is asked whether that is why.
        """
        if self._check is not None and not succeeded and self._backend.state == "ready":
            await self.check()
        if self._watch.looks and self._backend.state == "ready":
            await self.look()

    async def check_once(self) -> None:
        """Run the health check once, where there is one, within a turn; report what counts."""
        if self._check is not None:
            await self.check()

    async def check(self) -> None:
        """Run the health check once, within a turn unless it is to run beside commands; report what counts."""
        backend, check = self._backend, self._check
        container, ticket = backend.container, backend.ticket
        assert check is not None
        assert container is not None
        try:
            await check.run(container)
            fault = check.fault()
        except ContainerLost as lost:
            fault = await post_mortem(self._runtime, container, lost)
        if fault is not None and ticket == backend.ticket:
            backend.report(fault)

    async def look(self, *, threshold_pct: float | None = None) -> Look:
        """Look, within a turn, at a backend that is ready; report what counts."""
        backend = self._backend
        container, ticket = backend.container, backend.ticket
        assert container is not None
        try:
            look = await self._watch.look(
                container, leftovers=self.last, threshold_pct=threshold_pct
            )
        except ContainerLost as lost:
            look = Look.lost(backend.name, await post_mortem(self._runtime, container, lost))
        except NotReady as unfit:
            look = Look.lost(backend.name, Fault(unfit.reason, recreate=unfit.recreate))
        if look.fault is not None and ticket == backend.ticket:
            backend.report(look.fault)
        return look

    # Rounds

    def begin_rounds(self) -> None:
        """Run periodic checks from now on, where there is anything to check."""
        if self._rounds:
            return
        rounds = []
        if self._watch.looks:
            rounds.append(self._go_round())
        if self._check is not None:
            rounds.append(self._check_round())
        name = f"rounds {self._backend.name}"
        self._rounds = [asyncio.create_task(one, name=name) for one in rounds]

    def end(self) -> None:
        """Look no more, neither from time to time nor for a hint."""
        for task in (*self._rounds, self._inspection):
            if task is not None:
                task.cancel()
        self._rounds, self._inspection = [], None

    async def _check_round(self) -> None:
        """Check at the interval of the health check, counted while nothing runs in the container."""
        backend = self._backend
        always = backend.policy.health.checks is HealthChecks.ALWAYS
        while True:
            check = self._check
            assert check is not None
            await asyncio.sleep(check.interval_s)
            if always and backend.state in ("ready", "busy") and check is self._check:
                await self.check()
            elif not always and not backend.turn.locked():
                async with backend.turn:
                    if backend.idle:
                        await self.check()

    async def _go_round(self) -> None:
        backend, health = self._backend, self._backend.policy.health
        pause_s = health.every_s
        while True:
            await asyncio.sleep(pause_s)
            pause_s = health.every_s
            if backend.turn.locked():
                continue
            async with backend.turn:
                if backend.idle:
                    look = await self.look()
                    pause_s = health.every_s if look.fit or look.waits else health.again_s
