"""Running a campaign: queues of runs on backends, each run by the experiment table.

What can be cut short at once (start-up, pauses, waiting) happens in the tasks of the queues. An attempt
is a separate task, which is never cancelled: the teardown ends its command, and the task records how.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from attrs import define, field

from engine.backend.lifecycle import BackendLifecycle
from engine.backend.machine import Machine
from engine.campaign.events import (
    Adopted,
    AttemptEnded,
    AttemptReattached,
    AttemptStarted,
    Event,
    Listener,
    Pausing,
    RunSettled,
)
from engine.campaign.execution.attempt import attempt, outlived
from engine.campaign.execution.backend_pool import Fleet
from engine.campaign.execution.dependencies import Dependencies
from engine.campaign.execution.environment_snapshot import EnvironmentSnapshots
from engine.campaign.execution.gpu_turns import GpuTurns
from engine.campaign.execution.handover import heritages
from engine.campaign.execution.repeats import Repeats
from engine.campaign.execution.restarts import Restarts
from engine.campaign.execution.shutdown import conclude, tear_down
from engine.campaign.execution.side_by_side import SideBySide
from engine.campaign.model import Campaign
from engine.campaign.persistence.provenance import provenance
from engine.campaign.persistence.recorder import Ledger
from engine.campaign.persistence.results import Results
from engine.campaign.planning.shared_gpus import SharedGpus
from engine.campaign.runs.attempt_record import AttemptRecord
from engine.campaign.runs.plan import (
    PlannedRun,
    folder_of,
    pause_s,
    queues,
    request_id,
    services_of,
)
from engine.campaign.runs.progress import Progress, of_backend
from engine.campaign.runs.summary import Summary
from engine.compose import needed
from engine.controller import Controller, Hold
from engine.errors import ContainerLost, RuntimeFault, SetupError, StartError
from engine.journal import Journal
from engine.model.main_command import Decision
from engine.model.results import Ending, Transition
from engine.model.spec import Project
from engine.policy.backend import BackendPolicy, sharing_gpus
from engine.runtimes.base import Describing, Runtime
from engine.runtimes.changes import check_changeable
from engine.util.clock import now_s, utc_now
from states import EXPERIMENT

__all__ = ["CampaignRunner"]

_LOG: Final = logging.getLogger(__name__)

_FAILURES: Final = frozenset({"failed", "lost"})


@define(eq=False)
class CampaignRunner:
    """Runs a campaign, or what an earlier session has left of it.

    A backend that cannot be started, or whose restart budget is spent, has its remaining runs skipped
    with that reason, while the others go on.

    Args:
        campaign: what the campaign file says.
        project: what its compose file says.
        runtime: the hands.
        runs: the plan.
        results: where output and records go.
        journal: where transitions, attempts and outcomes are recorded; None for nowhere.
        hold: see :class:`~engine.controller.Controller`. Under ``on_controller_exit: keep`` nothing is held.
        earlier: how far runs had come in earlier sessions; None where there was none.
        chosen: the ids of the runs that this session carries out; None for all.
        lifecycle: the one that the campaign names.

    Attributes:
        controller: the backends themselves.
        fleet: which of them take runs.
        ledger: what is written into the journal and the results.
        progress: how far each run has come, by its id, in the plan's order.
        measured: the last attempt of each backend, by its name, that handed back metrics.
        turns: which runs follow one another because they need the same GPUs.
    """

    campaign: Campaign
    project: Project
    runtime: Runtime
    runs: Sequence[PlannedRun]
    results: Results
    journal: Journal | None = None
    hold: Callable[[], Hold] | Literal["watchdog"] | None = "watchdog"
    earlier: Mapping[str, Progress] | None = None
    chosen: Collection[str] | None = None
    lifecycle: BackendLifecycle = field(factory=BackendLifecycle)

    controller: Controller = field(init=False)
    fleet: Fleet = field(init=False)
    ledger: Ledger = field(init=False)
    progress: dict[str, Progress] = field(init=False)
    measured: dict[str, AttemptRecord] = field(factory=dict, init=False)
    turns: GpuTurns = field(init=False)
    _todo: tuple[PlannedRun, ...] = field(init=False)
    _listeners: list[Listener] = field(factory=list, init=False)
    _attempts: set[asyncio.Task[None]] = field(factory=set, init=False)
    _outlived: dict[str, asyncio.Task[None]] = field(factory=dict, init=False)
    _announcing: set[asyncio.Task[None]] = field(factory=set, init=False)
    _adopted: set[str] = field(factory=set, init=False)
    _failures: int = field(default=0, init=False)
    _halted: str = field(default="", init=False)
    _halt: asyncio.Event = field(factory=asyncio.Event, init=False)
    _interrupt: asyncio.Event = field(factory=asyncio.Event, init=False)
    _force: asyncio.Event = field(factory=asyncio.Event, init=False)
    _ending: bool = field(default=False, init=False)
    _started_at: datetime = field(factory=utc_now, init=False)
    _session: asyncio.Task[None] | None = field(default=None, init=False)
    _mains: dict[str, Decision] = field(factory=dict, init=False)
    _snapshots: EnvironmentSnapshots = field(init=False)
    _dependencies: Dependencies = field(factory=Dependencies, init=False)
    _repeats: Repeats = field(factory=Repeats, init=False)
    _restarts: Restarts = field(factory=Restarts, init=False)
    _side_by_side: SideBySide = field(init=False)

    def __attrs_post_init__(self) -> None:
        machine = Machine(EXPERIMENT)
        earlier = self.earlier or {}
        self.progress = {
            run.id: earlier.get(run.id) or Progress(run, machine.instance()) for run in self.runs
        }
        due = self.due
        self._todo = tuple(one.run for one in due)
        self._failures = sum(one.settled and _failed(one) for one in self.progress.values())
        self.controller = Controller(
            self.project,
            self.runtime,
            self.results.folder,
            policies_of(self.campaign, self.project),
            seed=self.campaign.seed,
            lifecycle=self.lifecycle,
            marked=self.campaign.secrets,
            hold=None if self.campaign.keep else self.hold,
        )
        self.ledger = Ledger(self.journal, self.results, self.interrupt)
        self.controller.on_transition(self.ledger.transition)
        self.controller.on_look(self.ledger.look)
        self.controller.on_transition(self._restarts.take)
        self.controller.on_transition(self._on_transition)
        self.fleet = Fleet(self.campaign, self.controller)
        self._snapshots = EnvironmentSnapshots(self.results)
        gpus = SharedGpus(self.project)
        self._side_by_side = SideBySide(self.controller, gpus)
        apart = self.campaign.parallel and not self.campaign.share_gpus
        self.turns = GpuTurns(gpus if apart else None, self._todo)
        if self.journal is not None and self.earlier is not None:
            for taken in self.journal.transitions():
                self._restarts.take(taken.transition)
        settled = [one for one in self.progress.values() if one.settled]
        self._repeats.expect(self.progress.values())
        self._dependencies.expect(one.run for one in (*due, *settled))
        for one in settled:
            self._dependencies.settled(one)

    @property
    def backends(self) -> tuple[str, ...]:
        """The backends that runs are planned on, in the plan's order."""
        return _backends(self.runs)

    @property
    def services(self) -> tuple[str, ...]:
        """The backends, and what else has been started as one: what they depend on, and what is measured."""
        return tuple(dict.fromkeys((*self.backends, *self.controller.backends)))

    @property
    def due(self) -> tuple[Progress, ...]:
        """The runs that this session still has to carry out."""
        return tuple(
            one
            for name, one in self.progress.items()
            if not one.settled and (self.chosen is None or name in self.chosen)
        )

    def on_event(self, listener: Listener) -> None:
        """Call ``listener`` with each event from now on; it must be quick."""
        self._listeners.append(listener)

    def interrupt(self, *, force: bool = False) -> None:
        """Begin no other attempt, end those that run, and tear down.

        Call it on the event loop; :meth:`run` returns once all is down. Harmless when repeated.

        Args:
            force: whether to leave what runs no time to end by itself.
        """
        self._interrupt.set()
        if force:
            self._force.set()

    async def run(self) -> Summary:
        """Run the campaign; everything is torn down at the end, also after an error.

        Raises:
            ComposeError: a needed service asks for what the runtime cannot do.
            SetupError: the runtime cannot work here, or results cannot be written.
            StartError: none of the backends could be started.
            TeardownError: containers or networks are left; all runs have been recorded.
        """
        todo = _backends(self._todo)
        needed(
            self.project, services_of(self._todo)
        )  # refuses what cannot be honoured before anything starts
        for run in self._todo:
            check_changeable(self.runtime, run.backend, run.experiment.service)
        work = asyncio.create_task(self._work(), name="campaign")
        interrupt = asyncio.create_task(self._interrupt.wait())
        down = asyncio.create_task(self._wind_down(work, interrupt))
        await self._insist(down)
        for announcing in self._announcing:
            announcing.cancel()
        errors = down.result()
        for error in errors[1:]:
            _LOG.error("%s", error)
        if errors:
            raise errors[0]
        summary = self.summary()
        barred = {run.backend: self.fleet.barred(run) for run in self._todo}
        none_started = all(map(self.fleet.barred, self._todo)) and not summary.attempted
        if todo and none_started and not self._interrupt.is_set():
            raise StartError(barred)
        return summary

    def summary(self) -> Summary:
        """Return the campaign's present state."""
        secrets = self.results.secrets
        outcomes = tuple(one.outcome().without(secrets) for one in self.progress.values())
        return Summary(
            campaign=self.campaign.name,
            runtime=self.runtime.description,
            results=str(self.results.folder),
            started_at=self._started_at,
            ended_at=utc_now(),
            interrupted=self._interrupt.is_set(),
            outcomes=outcomes,
            backends=tuple(
                of_backend(
                    name,
                    self.progress.values(),
                    restarts=self._restarts.because_of_faults(name),
                    renewals=self._restarts.on_request(name),
                )
                for name in self.services
            ),
            resumed=self.earlier is not None,
        )

    # The queues

    async def _work(self) -> None:
        self._count()
        if self.journal is not None and self.earlier is not None:
            await self._take_over(self.journal)
        if self.campaign.eager:
            await self.fleet.launch(self._todo)
        try:
            async with asyncio.TaskGroup() as group:
                for queue in queues(self.campaign, self._todo):
                    group.create_task(self._go_through(queue))
        except ExceptionGroup as raised:
            raise raised.exceptions[0] from raised

    async def _take_over(self, journal: Journal) -> None:
        """Take over what an earlier session left: what may still run at once, the rest when it is due."""
        under_way = [one for one in self.progress.values() if one.under_way is not None]
        known = heritages(self.campaign, journal, under_way, self.results.folder, now=utc_now())
        services = self.project.services
        self.controller.heritages = {name: one for name, one in known.items() if name in services}
        busy = {one.run.backend for one in under_way}
        wanted = busy if self.campaign.exclusive else busy | {*_backends(self._todo)}
        unwanted = {*needed(self.project, self.controller.heritages)}
        await self.fleet.clear(sorted(unwanted - {*needed(self.project, wanted)}))
        await self.fleet.take_over(one.run for one in under_way)
        self._await_outlived()
        if self._outlived and not self.campaign.parallel:  # one experiment runs at a time
            await asyncio.wait(self._outlived.values())

    def _await_outlived(self) -> None:
        """Begin to see the attempts of an earlier session to their ends; harmless when repeated."""
        for name, progress in self.progress.items():
            if progress.under_way is not None and name not in self._outlived:
                self._side_by_side.begun(progress.run)
                task = asyncio.create_task(self._await(progress), name=name)
                self._outlived[name] = task
                self._attempts.add(task)

    async def _await(self, progress: Progress) -> None:
        """See an attempt of an earlier session to its end."""
        assert progress.under_way is not None
        record = await outlived(
            progress.run,
            progress.under_way,
            campaign=self.campaign,
            controller=self.controller,
            results=self.results,
            ending=lambda: self._ending,
        )
        await self._begin_session()
        self._conclude(progress, record)

    async def _begin_session(self) -> None:
        """Write once where the results of this session come from; its engine is known by now."""
        if not self.results.durable:  # of a simulation
            return
        if self._session is None:
            self._session = asyncio.create_task(self._write_origin(), name="provenance")
        await asyncio.shield(self._session)

    async def _write_origin(self) -> None:
        facts: Mapping[str, Any] = {}
        if isinstance(self.runtime, Describing):
            # Not knowing what it ran on is no reason to lose a result.
            with suppress(RuntimeFault):
                facts = await self.runtime.facts(self.services)
        await asyncio.to_thread(self.results.begin_session, partial(self._origin, facts))

    async def _tell_main(self, backend: str) -> None:
        """Write down what runs as the main process of a backend, unless that is written already."""
        container = self.controller.backend(backend).container
        if container is None or container.main is None or not self.results.durable:
            return
        decision = Decision(container.main, container.image)
        if self._mains.get(backend) != decision:
            self._mains[backend] = decision
            await asyncio.to_thread(self.results.tell_main, backend, decision)

    def _origin(self, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        campaign, runtime = self.campaign, self.runtime
        files = (Path(campaign.file).absolute(), *campaign.sources, *self.project.files)
        return provenance(runtime.name, runtime.description, campaign.folder, files, facts)

    async def _go_through(self, queue: Sequence[PlannedRun]) -> None:
        rivals = {one for run in queue for one in self.turns.rivals(run)}
        if (
            self.campaign.eager
        ):  # nothing is measured while something of this queue, or on its GPUs, still starts
            await self.fleet.see_ready(
                [*queue, *(one for one in self._todo if one.services in rivals)]
            )
        under_way = [
            task for name, task in self._outlived.items() if self._services_of(name) in rivals
        ]
        if under_way:
            await asyncio.wait(under_way)
        before: PlannedRun | None = None
        for run in queue:
            before = await self.turns.reached(run, before)
            if before is not None and not (self._barred(run) or self._repeats.needless(run)):
                await self._pause(before, run)
            tried = await self._carry_out(self.progress[run.id])
            self.turns.settled(run, tried=tried)
            if tried:
                before = run

    def _services_of(self, name: str) -> tuple[str, ...]:
        return self.progress[name].run.services

    async def _pause(self, before: PlannedRun, run: PlannedRun) -> None:
        seconds = pause_s(self.campaign.pauses, before, run)
        if seconds == 0:
            return
        self._say_pause(run, seconds)
        try:
            async with asyncio.timeout(seconds):
                await self._halt.wait()
        except TimeoutError:
            return

    def _say_pause(self, run: PlannedRun, seconds: float, reason: str = "") -> None:
        self._tell(Pausing(run, seconds, reason))

    async def _carry_out(self, progress: Progress) -> bool:
        """Try a run until it has come to its outcome; say whether anything was tried."""
        before = progress.attempts - (progress.run.id in self._outlived)
        if progress.run.id in self._outlived:
            await asyncio.shield(self._outlived[progress.run.id])
        while not progress.settled:
            needless = "" if progress.attempts else self._repeats.needless(progress.run)
            reason = needless or await self._refused(progress.run)
            if reason:
                stands = progress.again  # its outcome, since nothing of the new turn has been tried
                progress.abandon(reason)
                self._failures += _failed(progress)
                if not stands:
                    self.ledger.abandoned(progress)
                break
            await self._begin_session()
            await self._tell_main(progress.run.backend)
            if progress.run.backend in self.campaign.snapshots:
                await self._snapshots.take(self.controller.backend(progress.run.backend))
            attempt = asyncio.create_task(self._attempt(progress), name=progress.run.id)
            self._attempts.add(attempt)
            attempt.add_done_callback(self._attempts.discard)
            await asyncio.shield(attempt)
        self._dependencies.settled(progress)
        self._tell(RunSettled(progress.run, progress.state, progress.reason))
        self._count()
        return progress.attempts > before

    async def _refused(self, run: PlannedRun) -> str:
        """Prepare the backend of a run; say why no attempt of it is begun, or nothing if one may be."""
        return (
            self._barred(run)
            or await self._dependencies.met(run)
            or await self.fleet.prepare(run, partial(self._say_pause, run))
            or self._barred(run)
            or await self.fleet.unfit(run.backend)
        )

    def _count(self) -> None:
        """Halt the campaign, once too large a share of it has failed."""
        share = self.campaign.stop_at_failure_share
        if share is None or self._halted:
            return
        failed, total = self._failures, sum(not run.warmup for run in self.runs)
        if failed and failed >= share * total:
            self._halted = f"{failed} of {total} failed, and stop_at_failure_share is {share:g}"
            self._halt.set()

    def _barred(self, run: PlannedRun) -> str:
        """Why nothing more is begun for a run; empty if nothing stands against it."""
        return self._halted or self.fleet.barred(run)

    async def _attempt(self, progress: Progress) -> None:
        run, again = progress.run, progress.again
        number = progress.dispatch(now_s())
        self.ledger.begun(
            run,
            number,
            request=request_id(run, number),
            folder=f"{run.backend}/{folder_of(run, number)}",
            again=again,
        )
        self._tell(AttemptStarted(run, number))
        self._side_by_side.begun(run)
        record = await attempt(
            run,
            number,
            campaign=self.campaign,
            controller=self.controller,
            results=self.results,
            ending=lambda: self._ending,
            before=self.ledger.sync,
        )
        self._conclude(progress, record)

    def _conclude(self, progress: Progress, record: AttemptRecord) -> None:
        """Take in and write down how an attempt ended."""
        record = self._side_by_side.ended(progress.run, record.without(self.results.secrets))
        progress.conclude(record, again=progress.may_retry(record, self.campaign.retry))
        self._failures += _failed(progress)
        self.ledger.ended(progress, record)
        if record.metrics:
            self.measured[record.backend] = record
        again = not progress.settled
        if record.ending == Ending.INTERRUPTED.value:  # by us, or with the controller before us
            again = not self._ending
        self._tell(AttemptEnded(progress.run, record, retry=again))

    # The end

    async def _wind_down(
        self, work: asyncio.Task[None], interrupt: asyncio.Task[Any]
    ) -> list[BaseException]:
        """Wait for the end of the work, or an interrupt of it; tear down; return what went wrong."""
        await asyncio.wait({work, interrupt}, return_when=asyncio.FIRST_COMPLETED)
        interrupt.cancel()
        self._ending = True
        work.cancel()
        outcomes: list[Any] = [*await asyncio.gather(work, return_exceptions=True)]
        if self.controller.opened:  # else what they left goes on, and the next session may find it
            self._await_outlived()
        if self.controller.opened and self.campaign.teardowns and not self._force.is_set():
            outcomes += await asyncio.gather(self.fleet.clear_up(), return_exceptions=True)
        grace_s = self.campaign.grace_s if self._interrupt.is_set() else None
        outcomes += await tear_down(self.controller, grace_s=grace_s, force=self._force)
        outcomes += await conclude(self._attempts)
        self.ledger.sync()
        outcomes.append(self.ledger.failure)
        try:
            self.results.write_summary(self.summary().to_dict())
        except SetupError as error:
            outcomes.append(error)
        return [
            outcome
            for outcome in outcomes
            if isinstance(outcome, BaseException)
            and not isinstance(outcome, asyncio.CancelledError)
        ]

    async def _insist(self, down: asyncio.Task[list[BaseException]]) -> None:
        """Wait for the end of the teardown, even if cancelled; the second time, hurry it."""
        cancelled = False
        while not down.done():
            try:
                await asyncio.wait({down})
            except asyncio.CancelledError:
                self.interrupt(force=cancelled)
                cancelled = True
        if cancelled:
            raise asyncio.CancelledError

    def _on_transition(self, transition: Transition) -> None:
        name = transition.backend
        adopted = self.controller.backends[name].adopted
        if adopted is not None and name not in self._adopted:
            self._adopted.add(name)
            self._tell(Adopted(name, adopted.id))
        if transition.event == "reattach":
            for one in self.progress.values():
                if one.under_way is not None and one.under_way.request == transition.reason:
                    announcing = asyncio.create_task(self._announce(one), name=transition.reason)
                    self._announcing.add(announcing)
                    announcing.add_done_callback(self._announcing.discard)
        self._tell(transition)

    async def _announce(self, progress: Progress) -> None:
        """Tell that an attempt outlived its controller, if it still runs; it may never have begun."""
        name = progress.run.backend
        container = self.controller.backends[name].container
        under_way = self.controller.heritages[name].under_way
        assert container is not None
        assert under_way is not None
        try:
            runs = bool(await self.runtime.leftovers(container, under_way.request))
        except ContainerLost:
            return
        except RuntimeFault:
            runs = True  # as far as anything is known
        if runs and progress.under_way is not None:
            self._tell(AttemptReattached(progress.run, progress.under_way.number))

    def _tell(self, event: Event) -> None:
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:  # noqa: BLE001 - a listener must not stop a campaign
                _LOG.exception("a listener failed on %s", event)


def policies_of(campaign: Campaign, project: Project) -> Mapping[str, BackendPolicy]:
    """How each backend is run; where they share GPUs, none waits for memory that another one uses."""
    if not campaign.share_gpus:
        return campaign.policies
    policies = {name: campaign.policies.get(name, BackendPolicy()) for name in project.services}
    return {name: sharing_gpus(policy) for name, policy in policies.items()}


def _failed(progress: Progress) -> bool:
    """Whether a run counts as a failure."""
    return progress.state in _FAILURES and not progress.run.warmup


def _backends(runs: Sequence[PlannedRun]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(run.backend for run in runs))
