"""One small random campaign for each seed, played in virtual time and held against what never happens."""

from __future__ import annotations

import asyncio
import gc
import io
import logging
import random
import shutil
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from attrs import define, field

from engine.campaign.execution.runner import CampaignRunner
from engine.campaign.persistence.results import Results
from engine.campaign.resumption.resume import journaled, resume
from engine.campaign.runs.attempt_record import AttemptRecord
from engine.campaign.runs.plan import plan
from engine.controller import Controller
from engine.errors import DockwardenError, StartError, TeardownError
from engine.journal import FILE_NAME, Journal
from engine.model.results import Ended, Fault
from engine.runtimes.simulated import CATALOGUE, Faults, SimulatedRuntime, World
from engine.runtimes.simulated.processes import WORLD
from engine.testing.invariants import Invariants
from engine.util.clock import now_s
from engine.util.virtual_clock import run
from states import EXPERIMENT, TransitionRefused
from tests.soak.by_hand import by_hand
from tests.soak.drawn import Drawn, campaign
from tests.soak.use import CALM_S, usable, used

__all__ = ["Played", "play"]

_HOUR_S = 3600.0
_LOGGERS = ("engine", "asyncio")
_ASKED = 0.1
_BY_HAND = 0.25


@define
class Played:
    """What became of a campaign."""

    violations: list[str] = field(factory=list)
    struck: Counter[str] = field(factory=Counter)
    edges: Counter[str] = field(factory=Counter)
    crashed: bool = False


class Kept(Results):
    """Results in memory; a crash takes nothing of what was written."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, io.StringIO(), durable=False)
        self.kept: list[AttemptRecord] = []
        self.dead = False

    def records(self) -> Any:
        return iter(self.kept)

    def write(self, record: AttemptRecord) -> None:
        if not self.dead:
            self.kept.append(record)

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        pass

    def output(self, ended: Ended) -> dict[str, Any]:
        return {}


def play(seed: int, folder: Path, *, liveness: bool = False) -> Played:
    """Play the campaign of a seed.

    Args:
        folder: an empty one, for its output; it is removed.
        liveness: whether the faults end at some moment, after which all has to converge.
    """
    played = Played()
    heard = _Heard(played)
    for name in _LOGGERS:
        logging.getLogger(name).addHandler(heard)
    try:
        run(_Story(seed, folder, liveness, played).tell())
    except Exception as error:  # noqa: BLE001 - no exception is expected
        played.violations.append(f"{type(error).__name__}: {error}")
    finally:
        if played.crashed:
            gc.collect()  # what asyncio has to say of its tasks is said now, not in the next campaign
        for name in _LOGGERS:
            logging.getLogger(name).removeHandler(heard)
        shutil.rmtree(folder, ignore_errors=True)
    return played


class _Heard(logging.Handler):
    """Takes an error that is only logged, and so would go unnoticed, for a violation.

    What asyncio says of the tasks of a controller that was killed does not count: no caller is left.
    """

    def __init__(self, played: Played) -> None:
        super().__init__(logging.ERROR)
        self._played = played

    def emit(self, record: logging.LogRecord) -> None:
        of_tasks = record.name == "asyncio" and not self._played.crashed
        if of_tasks or (record.exc_info and record.name != "asyncio"):
            error = record.exc_info[1] if record.exc_info else None
            self._played.violations.append(f"logged: {record.getMessage()}: {error!r}")


class _Story:
    def __init__(self, seed: int, folder: Path, liveness: bool, played: Played) -> None:  # noqa: FBT001
        self.chance = random.Random(f"campaign {seed}")
        self.seed, self.folder, self.liveness, self.played = seed, folder, liveness, played
        self.campaign, self.project = campaign(self.chance, folder)
        names = [fault.name for fault in CATALOGUE]
        self.some = frozenset(self.chance.sample(names, k=self.chance.randint(1, len(names))))
        self.rate = self.chance.choice((0.0, 0.01, 0.05, 0.2, 0.5))
        self.faults = self._strike("campaign")
        self.world = World()
        self.runs = plan(self.campaign)
        self.results = Kept(folder)

    async def tell(self) -> None:
        self.folder.mkdir(parents=True)
        crash_s = self.chance.uniform(0, 200) if self.chance.random() < 0.15 else None
        if self.liveness:
            asyncio.get_running_loop().call_later(self.chance.uniform(0, 120), self.faults.end)
        journal = None
        if crash_s is not None:
            journal = Journal.create(self.folder / FILE_NAME, campaign="soak", durable=False)
            journal.plan(journaled(self.runs))
        if await self._session(journal, None, crash_s) and journal is not None:
            _abandon(journal)
            again = Journal.open(self.folder / FILE_NAME, durable=False)
            again.begin_session({})
            self.results.dead = False
            earlier = resume(self.campaign, self.runs, again, self.results)
            await self._session(again, earlier, None)
            self._replays(again)
            again.close()
        elif journal is not None:
            self._replays(journal)
            journal.close()
        if self.liveness:
            await self._revived()
        if random.Random(f"by hand {self.seed}").random() < _BY_HAND:
            await self._by_hand()

    def _strike(self, what: str) -> Faults:
        """Faults of the campaign's sort, to strike again."""
        faults = Faults(self.rate, random.Random(f"faults of {what} {self.seed}"), self.some)
        faults.struck = self.played.struck
        return faults

    async def _session(self, journal: Journal | None, earlier: Any, crash_s: float | None) -> bool:
        """One controller's life; returns whether it crashed."""
        runtime = SimulatedRuntime(
            self.project,
            world=self.world,
            commands=Drawn(self.seed),
            faults=self.faults,
            keep_output=crash_s is not None or earlier is not None,
        )
        runner = CampaignRunner(
            self.campaign, self.project, runtime, self.runs, self.results, journal, None, earlier
        )
        watch = Invariants(self.world, self.campaign.policies, now_s)
        runner.controller.on_transition(watch.transition)
        work = asyncio.create_task(runner.run(), name="soak")
        interrupts = self._interrupts(runner) if crash_s is None else []
        done, _ = await asyncio.wait(
            {work}, timeout=crash_s if crash_s is not None else 400 * _HOUR_S
        )
        crashed = not done
        if crashed:
            self.played.crashed = True
            watch.close()
            if crash_s is None:
                self._violation("it does not come to an end")
            await self._kill(runner, runtime)
        else:
            for handle in interrupts:
                handle.cancel()
            await self._ended(runner, watch, work)
            watch.close()
        self.played.violations += watch.violations
        self.played.edges += watch.edges
        return crashed

    async def _revived(self) -> None:
        """Faults strike again, and end: then every backend can be used again."""
        self.faults = self._strike("revival")
        runtime = SimulatedRuntime(
            self.project,
            world=self.world,
            commands=Drawn(self.seed),
            faults=self.faults,
            keep_output=False,
        )
        policies = self.campaign.policies
        controller = Controller(self.project, runtime, self.folder, policies, seed=self.seed)
        watch = Invariants(self.world, policies, now_s)
        controller.on_transition(watch.transition)
        names = list(self.project.services)
        with suppress(StartError):
            await controller.start(names)
        if not controller.backends:  # nothing could even be prepared
            self.faults.end()
            await asyncio.sleep(60)
            await controller.start(names)
        await asyncio.gather(*(used(controller, name, "under faults") for name in names))
        self.faults.end()
        await asyncio.sleep(CALM_S)
        for name in names:
            if not await usable(controller, name):
                self._violation(f"{name} cannot be used again: {controller.backend(name).fault}")
        await controller.teardown()
        watch.gone({})
        watch.close()
        self.played.violations += watch.violations
        self.played.edges += watch.edges

    async def _by_hand(self) -> None:
        self.faults = self._strike("hand")
        watch = await by_hand(
            self.project,
            self.campaign.policies,
            self.world,
            self.faults,
            folder=self.folder,
            seed=self.seed,
        )
        self.played.violations += watch.violations
        self.played.edges += watch.edges

    def _interrupts(self, runner: CampaignRunner) -> list[asyncio.TimerHandle]:
        """At random moments a user interrupts, restarts, or finds a backend unfit."""
        loop, chance = asyncio.get_running_loop(), self.chance
        acts: list[Any] = []
        if chance.random() < 0.25 and not self.liveness:
            acts.append(runner.interrupt)
            if chance.random() < 0.3:
                acts.append(lambda: runner.interrupt(force=True))
        acts += [
            partial(act, runner, backend)
            for backend in self.project.services
            for act in (_restart, _unfit, _reset)
            if chance.random() < _ASKED
        ]
        return [loop.call_later(chance.uniform(0, 200), act) for act in acts]

    async def _kill(self, runner: CampaignRunner, runtime: SimulatedRuntime) -> None:
        """The controller dies: its tasks that still run can neither act nor write any more."""
        self.world.alive.discard(runtime._owner)
        await runtime.close()
        runtime._line.sever()
        runner.ledger._journal = None
        runner.controller._listeners.clear()
        self.results.dead = True
        ours = [
            task
            for task in asyncio.all_tasks()
            if task is not asyncio.current_task() and not task.get_name().startswith(WORLD)
        ]
        if self.chance.random() < 0.5:  # else the leash was ordered to keep them
            for container_id in list(self.world.containers):
                self.world.containers[container_id].stuck = False
                self.world.remove(container_id)
            self.world.networks.clear()
        for _ in range(3):
            for task in ours:
                task.cancel()
            await asyncio.wait(ours, timeout=1000)
        if any(not task.done() for task in ours):
            self._violation("a dead controller goes on")

    async def _ended(
        self, runner: CampaignRunner, watch: Invariants, work: asyncio.Task[Any]
    ) -> None:
        leftovers: dict[str, str] = {}
        try:
            work.result()
        except TeardownError as error:
            leftovers = error.leftovers
        except StartError:
            pass
        except DockwardenError as error:
            self._violation(f"{type(error).__name__}: {error}")
        watch.gone(leftovers)
        if leftovers:
            self.faults.end()
            await asyncio.sleep(2 * _HOUR_S)
            with suppress(DockwardenError):
                await runner.controller.teardown(grace_s=0)
            watch.gone({})
        self._outcomes(runner)

    def _outcomes(self, runner: CampaignRunner) -> None:
        for progress in runner.progress.values():
            cut = runner._interrupt.is_set() and progress.state in ("pending", "retrying")
            if progress.state not in EXPERIMENT.final and not cut:
                self._violation(f"{progress.run.id} is left {progress.state}")
        counted = Counter((record.run, record.attempt) for record in self.results.kept)
        for (name, attempt), count in counted.items():
            if count != 1:
                self._violation(f"attempt {attempt} of {name} has {count} lines")
        if self.liveness and not runner._interrupt.is_set():
            for backend in runner.controller.backends.values():
                if backend.state != "stopped":
                    self._violation(f"{backend.name} has not converged: it is {backend.state}")

    def _replays(self, journal: Journal) -> None:
        journal.replay()
        outcomes = Counter(outcome.run for outcome in journal.outcomes())
        if any(count != 1 for count in outcomes.values()):
            self._violation(f"outcomes that are not one: {outcomes}")

    def _violation(self, what: str) -> None:
        self.played.violations.append(f"at {now_s():.3f} s: {what}")


def _abandon(journal: Journal) -> None:
    """What the system does to the journal of a process that dies."""
    journal._connection.close()
    if journal._lock is not None:
        journal._lock.release()
        journal._lock = None


def _restart(runner: CampaignRunner, name: str) -> None:
    with suppress(DockwardenError, TransitionRefused):
        runner.controller.backend(name).restart("by hand")


def _reset(runner: CampaignRunner, name: str) -> None:
    with suppress(DockwardenError, TransitionRefused):
        runner.controller.backend(name).reset()


def _unfit(runner: CampaignRunner, name: str) -> None:
    with suppress(DockwardenError):
        runner.controller.backend(name).report(Fault("found unfit"))
