"""One backend: a machine, its container, and the effects that its rows ask for.

Everything here runs on one event loop, so its events are serialised by construction. A method asks the
table first; the action of the taken edge is then done outside of the transition, in a separate
task, and its result is fed back as an event. An effect first settles the one before it, and carries
the ticket under which it began: once the ticket has changed, its result is stale and dropped.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import (
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

from attrs import define, evolve, field

from engine.backend.company import Company
from engine.backend.execution import Dispatch, Limits, Outcome
from engine.backend.fetching import fetched
from engine.backend.handover import Heritage, UnderWay
from engine.backend.log import BackendLog
from engine.backend.machine import Instance, Machine
from engine.backend.measurers import Measurers
from engine.backend.monitor import Attention
from engine.backend.output import Output, collected
from engine.errors import (
    ContainerLost,
    DispatchError,
    LaunchFailed,
    NotReady,
    RemovalFailed,
    RuntimeFault,
    SetupError,
    StartAgain,
)
from engine.health.aside import Answer
from engine.health.gpu import ContainerHealthStatus, Sibling
from engine.model.results import Ended, Fault, GpuLook, Leftovers, Transition
from engine.model.service_change import ServiceChange
from engine.model.spec import ServiceSpec
from engine.policy import BackendPolicy, RestartHistory
from engine.runtimes.base import Changeable, Container, ExecRequest, Notice, Runtime
from engine.runtimes.changes import check_changeable
from engine.spool import Slot, Spool, SpoolUnusable, Unkept
from engine.util.clock import SetClock, now_s, uptime_s, utc_now
from states import Edge

__all__ = ["Backend", "Effect", "Fact"]

_LOG: Final = logging.getLogger(__name__)

_SETTLE_S: Final = 100.0
"""How long an effect waits for a cancelled predecessor before it goes on without it: longer than a runtime
waits for its cancelled call, so that a removal does not come before what is still being made."""

Effect = Callable[["Backend"], Awaitable[str | None]]
"""The effect of a user's action; the event that it returns is put to the machine."""

Fact = Callable[["Backend"], bool]
"""The present value of a user's fact; evaluated before each event whose guards name it."""

_Work = Callable[[int], Awaitable[None]]
"""An effect; it is given the ticket under which it begins."""


@define(eq=False)
class Backend:
    """One backend container and the machine that rules it.

    Args:
        spec: the service.
        runtime: the hands.
        machine: the compiled lifecycle, shared by all backends.
        policy: how it is run.
        spool: where what runs in it writes; made already.
        on_transition: called with each transition before its action begins; must be quick.
        rng: the source of the backoff's jitter.
        on_look: called with the result of each GPU check; must be quick.
        effects: what the actions of an extended lifecycle do, by name.
        facts: the facts of its guards, by name.
        heritage: its state under an earlier controller; None where there was none.
        hide: takes secrets out of what is said about it.
        siblings: tells the other backends of its controller.
        needs: the backends that it depends on; nothing is dispatched to it unless they are ready.

    Attributes:
        container: its container, once there is one.
        adopted: the container that it took over from a dead controller, if it did.
        fault: what was last found wrong with it; None while it is fit.
        looked: the result of the last GPU check; None before the first.
        since_s: when it came into its state, in seconds of the event loop's clock; None before the first.
        generation: how often its container has been started.
        since_restart: how many commands that count have run in it since its last start.
        restart_cause: why it was last restarted; None if it never was since it was launched.
        history: the restarts that count against its budget.
        change: what of its service is changed for the containers that are made from now on; None for
            nothing.
        started_in_s: how long its container took from its last start until it was ready, in seconds; None
            where that was not seen.
        turn: a lock, held by each command and check in its container.
        log: what its main process writes, as it is kept and quoted.
        measurers: the commands of other backends that measure it.
    """

    spec: ServiceSpec
    _runtime: Runtime
    _machine: Machine
    policy: BackendPolicy
    spool: Spool
    _on_transition: Callable[[Transition], None]
    _rng: random.Random
    _on_look: Callable[[GpuLook], None] = lambda _look: None
    _effects: Mapping[str, Effect] = field(factory=dict)
    _facts: Mapping[str, Fact] = field(factory=dict)
    _heritage: Heritage | None = None
    _hide: Callable[[str], str] = str
    needs: Sequence[Backend] = ()
    siblings: Callable[[], Iterable[Backend]] = tuple

    container: Container | None = field(default=None, init=False)
    adopted: Container | None = field(default=None, init=False)
    fault: Fault | None = field(default=None, init=False)
    looked: GpuLook | None = field(default=None, init=False)
    since_s: float | None = field(default=None, init=False)
    generation: int = field(default=0, init=False)
    since_restart: int = field(default=0, init=False)
    restart_cause: str | None = field(default=None, init=False)
    history: RestartHistory = field(factory=RestartHistory, init=False)
    change: ServiceChange | None = field(default=None, init=False)
    started_in_s: float | None = field(default=None, init=False)
    turn: asyncio.Lock = field(factory=asyncio.Lock, init=False)
    log: BackendLog = field(init=False)
    measurers: Measurers = field(init=False)

    _instance: Instance = field(init=False)
    _ticket: int = field(default=0, init=False)
    _effect: asyncio.Task[None] | None = field(default=None, init=False)
    _unsettled: set[asyncio.Task[None]] = field(factory=set, init=False)
    _used: tuple[str, int] | None = field(default=None, init=False)
    _untried: bool = field(default=False, init=False)
    _proved: Container | None = field(default=None, init=False)
    _proved_s: float = field(default=0.0, init=False)
    _outlived: asyncio.Task[Ended] | None = field(default=None, init=False)
    _running: Dispatch | None = field(default=None, init=False)
    _company: Company = field(init=False)
    _attention: Attention = field(init=False)
    _waiters: list[asyncio.Future[None]] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self._instance = self._machine.instance()
        self.log = BackendLog(self, self._runtime, self._hide)
        self.measurers = Measurers(self.name)
        self._attention = Attention(self, self._runtime)
        self._company = Company(self, self.needs)

    # What it is

    @property
    def name(self) -> str:
        """The service's name."""
        return self.spec.name

    @property
    def folder(self) -> Path:
        """The one folder that its container mounts, on this machine."""
        return self.spool.folder

    @property
    def state(self) -> str:
        """The state it is in."""
        return self._instance.state

    @property
    def stopping(self) -> bool:
        """Whether a stop is under way."""
        return self._instance.latched

    @property
    def idle(self) -> bool:
        """Whether it is ready, with nothing under way."""
        return self.state == "ready" and not self.stopping

    @property
    def ticket(self) -> int:
        """Changes with each effect that begins: what began under another one is stale."""
        return self._ticket

    @property
    def fresh(self) -> bool:
        """Whether nothing has run in its container yet, and so no file in it is an experiment's."""
        return self.container is not None and (
            self._used is None or self._used[0] != self.container.id
        )

    @property
    def restarted(self) -> bool:
        """Whether nothing has run in its container since its last start, so that no process is an experiment's."""
        return self.fresh or (self._used is not None and self._used[1] != self.generation)

    @property
    def restarts_left(self) -> int:
        """How many restarts the lifetime cap still allows."""
        return max(0, self.policy.restart.max_restarts - self.history.spent)

    @property
    def serves(self) -> bool:
        """Whether it is ready for those who depend on it; a command may run in it."""
        return self.state in ("ready", "busy") and not self.stopping

    @property
    def held_bytes(self) -> Mapping[str, int]:
        """The memory of each GPU that its own server held at the last check, in bytes, by UUID."""
        return self._attention.held_bytes if self.container is not None else {}

    async def as_sibling(self) -> Sibling:
        """Describe this backend for the GPU checks of other backends."""
        pids = None if self.container is None else await self._runtime.pids(self.container)
        busy = self.state == "busy" or self.measurers.any
        return Sibling(self.name, busy, pids or frozenset(), self.held_bytes)

    async def served(self) -> None:
        """Wait until it is ready for those who depend on it.

        Raises:
            DispatchError: it does not become so by itself.
        """
        await self._until(lambda: self.serves or self._rests)
        if not self.serves:
            raise self.refusal()

    @property
    def _rests(self) -> bool:
        """Whether nothing more happens by itself."""
        resting: Collection[str] = {"ready", "exhausted", "stopped"}
        if not self.policy.recover:
            resting = {*resting, "unhealthy"}
        return self.state in resting and not self.stopping

    async def settled(self) -> str:
        """Wait until nothing more happens by itself, and return the state it is then in.

        That is ``ready``, ``exhausted`` or ``stopped``; and ``unhealthy``, where recovering is left to
        the caller.
        """
        await self._until(lambda: self._rests)
        return self.state

    async def launched(self) -> None:
        """Wait until it has a container; return as well when it settles without one."""
        settled = {"unhealthy", "exhausted"}
        await self._until(lambda: self.container is not None or self.state in settled)

    async def outlived(self) -> Ended | None:
        """Wait for the end of the command that an earlier controller left running in its container.

        Returns:
            how it ended; None where there is nothing to wait for: no such command, or its container
            could not be taken over.
        """
        await self._until(lambda: self._heritage is None or self.state == "exhausted")
        return None if self._outlived is None else await asyncio.shield(self._outlived)

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            change: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(change)
            try:
                await change
            finally:
                self._waiters.remove(change)

    def refusal(self) -> DispatchError:
        """Why it takes no experiment, as an error to be raised."""
        why = f": {self.fault.reason}" if self.fault else ""
        start = "; start it first" if self.state == "stopped" else ""
        return DispatchError(f"{self.name} takes no experiment, it is {self.state}{why}{start}")

    # What is asked of it

    def start(self, reason: str = "needed") -> None:
        """Begin to bring it up; :meth:`settled` tells how it went.

        Raises:
            TransitionRefused: it is not ``stopped``.
        """
        self._fire("start", reason)
        self._attention.begin_anew()

    def alter(self, change: ServiceChange | None) -> None:
        """Have its containers made with a change of its service; the one that is there stays as it is.

        A container that does not become ready with a change that no other was ready with is not restarted:
        what it is made with is at fault, and stays the same.

        Raises:
            InputError: the runtime cannot make changed containers.
        """
        check_changeable(self._runtime, self.name, change)
        if isinstance(self._runtime, Changeable):
            self._runtime.change(self.name, change)
        if change != self.change:
            self.change, self._untried = change, change is not None

    def restart(self, reason: str, *, recreate: bool = False) -> None:
        """Begin a restart on request; it is not counted against the budget.

        Args:
            recreate: whether to make a new container rather than restart this one.

        Raises:
            TransitionRefused: it is neither ``ready`` nor ``unhealthy``.
        """
        self._fire("restart", reason, recreate=recreate)

    def reset(self, reason: str = "reset by the operator") -> None:
        """Grant an ``exhausted`` backend a new budget and begin to bring it up again.

        Raises:
            TransitionRefused: it is not ``exhausted``.
        """
        self._fire("reset", reason, recreate=True)
        self.history = RestartHistory()
        if self._heritage is not None:
            self._heritage = evolve(self._heritage, restarts_ago_s=(), forgiven=0)
        self._attention.begin_anew()

    def recover(self) -> None:
        """Decide about the fault within the budget: begin a restart, or give up.

        Raises:
            TransitionRefused: it is not ``unhealthy``.
        """
        fault = self.fault or Fault("unfit")
        decision = self.policy.restart.decide(self.history, now_s=now_s(), rng=self._rng)
        facts = {"curable": fault.curable, "budget_left": decision.allowed}
        # Where it is refused, nothing is to be charged.
        self._instance.lifecycle.decide(self.state, "recover", facts, latched=self.stopping)
        if all(facts.values()):
            self.history = self.history.with_restart(now_s() + decision.delay_s)
        elif fault.curable:
            fault = self.fault = evolve(fault, reason=f"{decision.reason}: {fault.reason}")
        self._fire(
            "recover", fault.reason, facts, delay_s=decision.delay_s, recreate=fault.recreate
        )

    def report(self, fault: Fault) -> bool:
        """Take in an observed fault.

        Returns:
            whether it counted: not while a stop is under way, nor in a state that has no use for it.
        """
        if "fault" not in self._instance.lifecycle.allowed(self.state, latched=self.stopping):
            _LOG.debug("%s is %s: fault dropped: %s", self.name, self.state, fault.reason)
            return False
        if self.state in ("ready", "busy"):
            healthy_s = now_s() - self._proved_s
            self.history = self.policy.restart.refunded(self.history, healthy_s=healthy_s)
        fault = self.fault = evolve(fault, reason=self._hide(fault.reason))
        self._fire("fault", fault.reason)
        self._give_up()
        if self._running is not None:  # seen from outside, not by the end of what runs
            self._running.abandon(fault.reason)
        subject = self.log.subject()  # before a restart begins, which counts as the next start
        self.measurers.lose(fault.reason)
        if self.policy.recover:
            self.recover()
        if subject is not None and (fault.quote or self.state == "exhausted"):
            self.log.quote(subject, fault.reason)
        return True

    def observe(self, notice: Notice) -> None:
        """Take in a hint from the runtime: look again, at once or as soon as it is idle.

        While it starts, restarts or is busy, the call that is under way hears of a death by itself.
        """
        self._attention.notice(notice)

    def saw(self, look: GpuLook) -> None:
        """Record the result of a GPU check, and pass it to the listener."""
        self.looked = look
        self._on_look(look)

    async def execute(
        self,
        request: ExecRequest,
        limits: Limits | None = None,
        *,
        counted: bool = True,
        targets: Sequence[Backend] = (),
    ) -> Ended:
        """Run a command in the container and wait for its end; one at a time, others wait their turn.

        Args:
            request: the command.
            limits: how long it may take; None for as long as it likes.
            counted: whether :attr:`since_restart` counts it.
            targets: the servers that it measures. They are ready when it begins, and nothing checks them or
                runs in them meanwhile; it is lost where one of them is.

        Raises:
            DispatchError: it could not be handed over; it has not run.
            SetupError: there is no room for its output.
        """
        async with self._company.turns(targets):
            container, slot = await self._readied(request.id, targets)
            if not self.spool.kept:
                request = evolve(request, max_output_bytes=None)
            request = evolve(
                request,
                folder=slot.folder,
                through_entrypoint=self.policy.through_entrypoint,
            )
            running = self._dispatched(
                container, request, slot, limits or Limits(), counted=counted
            )
            assert self._running is not None
            with ExitStack() as measured:
                for one in targets:
                    measured.enter_context(one.measurers.with_(self._running))
                ended = await running
            ended = await self._company.blamed(ended, targets)
            await self._attention.look_after(succeeded=ended.succeeded)
            return ended

    @property
    def fresh_enough(self) -> bool:
        """Whether it is idle, and nothing has to be checked before a command begins."""
        return self.idle and self._attention.fresh

    async def fit(self) -> None:
        """Wait, within its turn, until it is fit for a command.

        Raises:
            DispatchError: it will not be.
        """
        await self._attention.fit_container()

    async def problem(self) -> str:
        """Run its health check once, within its turn; say what is wrong with it, or nothing."""
        if self.idle:
            await self._attention.check_once()
        if not self.idle:
            return self.fault.reason if self.fault else f"it is {self.state}"
        return self._attention.waiting_for

    async def prove_again(self) -> None:
        """See, within its turn, whether it still answers; what counts is reported."""
        container, ticket, starts = self.container, self._ticket, self._company.starts()
        assert container is not None
        try:
            await self._attention.in_time(self._attention.prove_answers(container))
        except RuntimeFault as fault:
            if ticket == self._ticket:
                self.report(Fault(fault.reason))
        else:
            self._company.proved_beside(starts)

    async def _readied(self, name: str, targets: Sequence[Backend]) -> tuple[Container, Slot]:
        """Wait for a fit container, make a slot in its spool, and take the edge of a dispatch."""
        fit: dict[str, int] = {}
        while True:
            container = await self._attention.fit_container()
            if not await self._company.gathered(targets, fit):
                continue
            try:
                slot = self.spool.begin(name)
            except SpoolUnusable as unusable:
                self._lose_spool(str(unusable))
                continue
            try:
                if self._fire("dispatch", name).action == "execute":
                    return container, slot
            except BaseException:
                self.spool.collect(slot, None)
                raise
            self.spool.collect(slot, None)  # the table had it do something first

    def _lose_spool(self, reason: str) -> None:
        """Take in that a container has taken its spool away: it gets another one, and a new container."""
        try:
            self.spool.renew()
        except SetupError as error:
            self.report(Fault(f"{reason}; {error}", curable=False))
        else:
            self.report(Fault(reason, recreate=True))

    async def look(self, *, threshold_pct: float | None = None) -> ContainerHealthStatus:
        """Check its GPUs now, while it is idle; a finding that counts makes it ``unhealthy``.

        Args:
            threshold_pct: judge by this share of all GPU memory instead of by the policy.

        Raises:
            DispatchError: there is no container to check.
        """
        async with self.turn:
            if await self.settled() != "ready":
                raise self.refusal()
            return (await self._attention.look(threshold_pct=threshold_pct)).status

    async def ask(self, command: Sequence[str], *, within_s: float, most_bytes: int) -> Answer:
        """Run a command in its container for the controller's own sake, while it is idle.

        It is no experiment: nothing is journaled or counted.

        Args:
            within_s: then it is ended, in seconds.
            most_bytes: so much of its standard output is read.

        Raises:
            DispatchError: the backend is not ready.
        """
        async with self.turn:
            if await self.settled() != "ready" or self.container is None:
                raise self.refusal()
            answer = await self._attention.aside.ask(
                self.container, command, within_s=within_s, most_bytes=most_bytes
            )
            return Answer(self._hide(answer.text), self._hide(answer.problem))

    async def stop(self, *, grace_s: float | None = None, reason: str = "asked to stop") -> None:
        """End everything that runs, remove the container and verify that it is gone.

        Allowed in every state and harmless when repeated. A second call while the first is at work waits
        for it; with a grace of 0 it hurries it.

        Args:
            grace_s: how long each graceful end may take, in seconds; None for the policy's or the
                compose file's.

        Raises:
            RemovalFailed: the container could not be removed; the backend is ``exhausted``.
        """
        if grace_s is None:
            policy_s = self.policy.stop_grace_s
            grace_s = self.spec.stop_grace_period_s if policy_s is None else policy_s
        if self.stopping:
            # Its effect may have been cancelled, by an event loop that is about to end for one.
            given_up = self._effect is None or self._effect.done()
            if grace_s == 0 or given_up:
                self._begin(partial(self._remove, grace_s=grace_s), settle=False)
        elif self._fire("stop", reason, grace_s=grace_s).action is None:
            return
        await self._until(lambda: not self.stopping)
        if self.state != "stopped":
            raise RemovalFailed(self.name, self.fault.reason if self.fault else self.state)

    # How it is done

    def _fire(
        self, event: str, reason: str, facts: Mapping[str, bool] | None = None, **order: Any
    ) -> Edge:
        """Take an edge, record it, wake who waits, and begin what its action names.

        Args:
            order: arguments for the action.
        """
        own = {name: tell(self) for name, tell in self._facts.items()}
        edge = self._instance.fire(event, {**own, **(facts or {})})
        if edge.source != edge.target or self.stopping:
            self.since_s = now_s()
        work = self._work(edge, reason, order)
        transition = Transition(
            at=utc_now(),
            backend=self.name,
            event=event,
            source=edge.source,
            target=edge.target,
            action=edge.action,
            reason=reason,
            generation=self.generation,
            container_id=self.container.id if self.container else None,
            restarts_left=self.restarts_left,
            uptime_s=uptime_s(),
        )
        try:
            self._on_transition(transition)
        finally:  # the state has changed, so its action begins, even if Ctrl+C comes in a listener
            self._wake()
            if work is not None:
                self._begin(work)
            self._attention.attend()
        return edge

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _work(self, edge: Edge, reason: str, order: Mapping[str, Any]) -> _Work | None:
        """The effect of an edge; None where it has none, or where the caller does it (execute, attach)."""
        match edge.action:
            case "launch":
                self.generation += 1
                self.restart_cause = None  # of the container before, if there was one
                return self._launch
            case "prove":
                return self._prove
            case "relaunch":
                self.generation += 1
                self.restart_cause = reason
                return partial(self._relaunch, **order)
            case "remove":
                return partial(self._remove, **order)
            case str(name) if name in self._effects:
                return partial(self._own, self._effects[name])
            case _:
                return None

    def _begin(self, work: _Work, *, settle: bool = True) -> None:
        """Begin an effect under a new ticket, in place of the one before it.

        Args:
            settle: whether the one before has to have ended first. Those before that one always have
                to: the one before may still have waited for them.
        """
        self._give_up(settle=settle)
        self._effect = asyncio.create_task(
            self._carry_out(work, self._ticket, frozenset(self._unsettled)), name=self.name
        )

    def _give_up(self, *, settle: bool = True) -> None:
        """Cancel the effect under way, unless it is the one that asks; what it still says is stale."""
        before, self._effect, self._ticket = self._effect, None, self._ticket + 1
        if before is None or before.done() or before is asyncio.current_task():
            return
        before.cancel()
        if settle:
            self._unsettled.add(before)

    async def _carry_out(
        self, work: _Work, ticket: int, before: frozenset[asyncio.Task[None]]
    ) -> None:
        """Settle the effects before, then do this one; an exception of it becomes an event."""
        if before:
            await asyncio.wait(before, timeout=_SETTLE_S)
            self._unsettled -= before
        try:
            await work(ticket)
        except Exception as error:  # noqa: BLE001 - the last line of defence: nothing may stay undecided
            if ticket != self._ticket:
                return
            _LOG.exception("%s: unexpected error in an effect", self.name)
            reason = f"unexpected {type(error).__name__}: {error}"
            if self.stopping:
                self._undone(reason)
            else:
                self.report(Fault(reason, recreate=True))

    async def _launch(self, ticket: int) -> None:
        """Take over what a dead controller left, else launch; then the gate, unless it is busy."""
        under_way = self._heritage.under_way if self._heritage else None
        request = under_way.request if under_way else None
        try:
            self._make_spool()
            found = await self._runtime.adopt(self.name, self.folder, request)
            if found is None:
                self._heritage, self.since_restart = None, 0
                launched = await self._runtime.launch(self.name, self.folder)
        except RuntimeFault as fault:
            self._unready(ticket, fault)
            return
        if ticket != self._ticket:
            return
        started_s = None
        if found is None:
            self.container, started_s = launched, now_s()
        else:
            self._take_over(found)
        await self.log.keep(launched if found is None else found)
        if ticket != self._ticket:
            return
        if under_way is None or found is None or found.id != under_way.container_id:
            self._wake()
            await self._pass_gate(ticket, started_s)
        else:
            self._reattach(found, under_way)

    def _make_spool(self) -> None:
        """See that there is a spool: it went when the backend was last taken down.

        Raises:
            LaunchFailed: it cannot be made.
        """
        try:
            self.spool.make()
        except OSError as error:
            reason = f"the folder {self.folder} cannot be made: {error.strerror or error}"
            raise LaunchFailed(self.name, reason, curable=False) from error

    def _take_over(self, found: Container) -> None:
        heritage, self._heritage = self._heritage, None
        self.container = self.adopted = found
        self._untried, self.started_in_s = False, None
        if heritage is not None:  # else our own launch left it: its restarts still count
            self.generation = heritage.generation
            self.since_restart = heritage.since_restart
            self.restart_cause = heritage.restart_cause
            self.history = self.history.after(heritage.history(now_s()))
        self._used = (found.id, self.generation)
        self._proved_s = now_s()

    def _reattach(self, container: Container, under_way: UnderWay) -> None:
        self._fire("reattach", under_way.request.id)
        request = under_way.request
        try:
            slot = self.spool.find(request.id)
        except SpoolUnusable as unusable:
            slot = Unkept(request.folder, str(unusable))
        ended = self._dispatched(container, request, slot, under_way.limits, under_way=under_way)
        self._outlived = asyncio.create_task(ended, name=f"outlived {self.name}")
        self._wake()

    async def _relaunch(self, ticket: int, *, delay_s: float = 0.0, recreate: bool = False) -> None:
        await self.log.last_lines()  # while they are there
        await asyncio.sleep(delay_s)
        if self.container is None:
            await self._launch(ticket)
            return
        relaunch = self._runtime.relaunch
        try:
            relaunched = await relaunch(self.container, recreate=recreate, folder=self.folder)
        except RuntimeFault as fault:
            self._unready(ticket, fault)
            return
        if ticket != self._ticket:
            return
        self.container, self.since_restart = relaunched, 0
        started_s = now_s()
        await self.log.keep(relaunched)
        if ticket != self._ticket:
            return
        self._wake()
        await self._pass_gate(ticket, started_s)

    async def _prove(self, ticket: int) -> None:
        """The gate of a container that was found busy, once its experiment has ended."""
        assert self.container is not None
        last = self._attention.last
        # What it left running would be taken for the container's own.
        if last is None or await self._runtime.kill(self.container, last, grace_s=0):
            await self._pass_gate(ticket)
        else:
            reason = f"what {last.id} left running cannot be ended"
            self._unready(ticket, NotReady(self.name, reason, recreate=True))

    async def _pass_gate(self, ticket: int, started_s: float | None = None) -> None:
        """See a container that has been started through the readiness gate.

        Args:
            started_s: when it was started; None if another controller did.
        """
        assert self.container is not None
        container, starts = self.container, self._company.starts()
        self._attention.overlook()

        async def proved() -> None:
            await self._runtime.gate(container)
            await self._attention.prove(container)

        try:
            try:
                await self._attention.in_time(proved())
            except ContainerLost:
                await self._runtime.gate(container)  # which says how it ended
                raise
        except StartAgain as again:
            _LOG.warning("%s: started again, free of charge: %s", self.name, again.reason)
            if ticket == self._ticket:
                await self._relaunch(ticket, recreate=True)
            return
        except RuntimeFault as fault:
            self._unready(ticket, fault)
            return
        if ticket == self._ticket:
            self.fault, self._untried = None, False
            if started_s is not None:
                self.started_in_s = now_s() - started_s
            self._proved, self._proved_s = self.container, now_s()
            self._company.proved_beside(starts)
            self._fire("proved_ready", f"passed its readiness gate{self._kept_up()}")
            self._attention.begin_rounds()

    def _main_of(self, container: Container) -> Mapping[str, Any] | None:
        """Return the main process of a container, for a record; None where it is not known."""
        if container.main is None:
            return None
        return {
            name: [self._hide(word) for word in told]
            if isinstance(told, list)
            else self._hide(told or "") or None
            for name, told in container.main.to_dict().items()
        }

    def _kept_up(self) -> str:
        """Explain which command keeps its container up instead of its command; empty if none does."""
        main = self.container.main if self.container else None
        if main is None or main.keep_alive is None or not main.reason:
            return ""
        return self._hide(f"; {main}")

    def _unready(self, ticket: int, fault: RuntimeFault) -> None:
        """It could not be started, or did not pass its gate."""
        if ticket == self._ticket:
            not_ready = isinstance(fault, NotReady)
            curable = fault.curable and not (not_ready and self._untried)
            recreate = fault.recreate or not not_ready
            self.report(Fault(fault.reason, curable, recreate, quote=not_ready))

    async def _remove(self, ticket: int, *, grace_s: float) -> None:
        self._attention.end()
        self._heritage = None
        try:
            if self._running is not None:
                try:
                    await self._running.interrupt(grace_s=grace_s)
                except RuntimeFault as fault:
                    _LOG.debug("%s: its removal ends what runs in it: %s", self.name, fault.reason)
            await self.log.last_lines()
            await self._runtime.remove(self.name, grace_s=grace_s)
        except RemovalFailed as failed:
            if ticket == self._ticket:
                self._undone(failed.reason)
            return
        if ticket == self._ticket:
            self.container = None
            self._fire("removed", "verified by inspection")

    def _undone(self, reason: str) -> None:
        """The removal failed."""
        reason = self._hide(reason)
        self.fault = Fault(reason, curable=False)
        self._fire("removal_failed", reason)

    async def _own(self, effect: Effect, ticket: int) -> None:
        """Do an action of the user's own."""
        event = await effect(self)
        if event is not None and ticket == self._ticket:
            self._fire(event, "its own action ended")

    def _dispatched(
        self,
        container: Container,
        request: ExecRequest,
        slot: Slot,
        limits: Limits,
        *,
        under_way: UnderWay | None = None,
        counted: bool = True,
    ) -> Coroutine[Any, Any, Ended]:
        """Take note of a dispatched command, at once: a fault may be reported before anything else happens.

        Args:
            under_way: what an earlier controller began; None to begin it now.
            counted: whether :attr:`since_restart` counts it.

        Returns:
            what sees it through to its end, and leaves ``busy`` accordingly.
        """
        generation, since_restart = self.generation, self.since_restart
        restart_cause, started_in_s = self.restart_cause, self.started_in_s
        checks = self._attention.checks(container)
        self._used = (container.id, generation)
        started_at = under_way.begun_at if under_way else utc_now()
        begun_ago_s = under_way.ago_s() if under_way else 0.0
        started_s = now_s() - begun_ago_s
        self.since_restart += counted
        keep = limits.leftovers is Leftovers.KEEP
        self._attention.last = None if keep else request
        running = self._running = Dispatch(
            self._runtime,
            container,
            request,
            slot,
            limits,
            begun_ago_s if under_way else None,
            under_way.clock if under_way else SetClock(),
        )

        async def seen_through() -> Ended:
            fault: Fault | None = None
            outcome: Outcome | None = None
            ended_at, ended_s = started_at, started_s
            try:
                outcome = (await running.run()).within(started_at, now_s() - started_s)
                fault = outcome.fault
            finally:
                ended_at, ended_s = utc_now(), now_s()
                if self._running is running:  # else it was given up, and another one runs by now
                    self._running = None
                try:
                    output = await self._collected(container, running, outcome)
                finally:
                    self._conclude(generation, fault or running.unended)
            return Ended(
                ending=output.ending,
                exit_code=outcome.exit_code,
                reason=self._hide(output.reason),
                started_at=started_at,
                ended_at=ended_at,
                duration_s=ended_s - started_s,
                stdout=output.folder / "stdout",
                stderr=output.folder / "stderr",
                kept=output.kept,
                container_id=container.id,
                image=container.image,
                generation=generation,
                since_restart=since_restart,
                restart_cause=restart_cause,
                started_in_s=started_in_s,
                main=self._main_of(container),
                through_entrypoint=self.policy.through_entrypoint,
                health_checks=self._checks_since(container, checks),
                ran=outcome.ran,
                left=tuple(evolve(one, command=self._hide(one.command)) for one in outcome.left),
                measurements=evolve(
                    output.measurements,
                    warnings=tuple(map(self._hide, output.measurements.warnings)),
                ),
            )

        return seen_through()

    def _checks_since(self, container: Container, before: int | None) -> int | None:
        """How many health checks have been run in a container since there were so many; None for unknown."""
        now = self._attention.checks(container)
        return None if now is None or before is None else now - before

    async def _collected(
        self, container: Container, running: Dispatch, outcome: Outcome | None
    ) -> Output:
        """Take out of its container's reach what an ended command has left behind."""
        request, slot = running.request, running.slot
        if outcome is None:  # its caller gave up, and waits for nothing more than its output
            running.collected.set()
            return await collected(self.spool, slot, request, None)
        async with fetched(self._runtime, container, request, self.spool) as found:
            running.collected.set()
            return await collected(self.spool, slot, request, outcome, found)

    def _conclude(self, generation: int, fault: Fault | None) -> None:
        """Leave ``busy``, unless something else has already ended it."""
        if self.state != "busy" or self.stopping or generation != self.generation:
            return
        lost = self.spool.lost()
        if lost:
            self._lose_spool(lost)
        elif fault is None:
            proved = self._proved is self.container
            self._fire("finish" if proved else "finish_reattached", "its command ended")
        else:
            self.report(fault)
