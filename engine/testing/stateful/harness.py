"""One backend of a simulation, and what a test can do to it: ask, disturb, let things go wrong, wait."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

from attrs import define, field

from engine.backend import Backend, Effect
from engine.backend.execution import Limits
from engine.backend.handover import Heritage, UnderWay
from engine.errors import DockwardenError, RemovalFailed, RuntimeFault, StartError
from engine.model.results import Ended, Ending, Fault
from engine.model.spec import HealthCheck, Project, ServiceSpec
from engine.policy import BackendPolicy
from engine.runtimes.base import ExecRequest
from engine.runtimes.simulated import SimulatedRuntime
from engine.runtimes.simulated.containers import SimulatedContainer
from engine.spool import Spool
from engine.testing.scripted_faults import HeldCommands
from engine.testing.simulation import MakeRuntime, Simulation, left_in
from engine.testing.stateful.coverage import Coverage
from engine.testing.stateful.oracle import BY_HAND, Witness
from engine.util.clock import utc_now
from states import BACKEND, Lifecycle, TransitionRefused

__all__ = ["ASKED", "MISHAPS", "Left", "Scene"]

Left = Literal["nothing", "idle", "busy"]
"""The containers of an earlier controller: none, one, or one in which its command still runs."""

MISHAPS: Final[Mapping[str, tuple[str, str, int]]] = {
    "it is not created": ("server_error", "create", 1),
    "it is created, and the reply is lost": ("lost_reply", "create", 1),
    "its image is gone": ("image_gone", "create", 1),
    "it is not started": ("server_error", "start", 5),
    "it is started, and the reply is lost": ("lost_reply", "start", 1),
    "its start takes long": ("slow_start", "start", 1),
    "it is removed later": ("removal_in_progress", "remove", 1),
    "it is removed, and the reply is lost": ("lost_reply", "remove", 1),
    "it cannot be killed": ("removal_refused", "remove", 1),
    "the daemon goes down": ("daemon_restart", "find", 1),
}
"""Faults of the next call: the fault, the call, and how often in a row."""

ASKED: Final = ("start", "restart", "recover", "reset")
"""Requests that may be refused."""

_NAME: Final = "alpha"
_SIBLING: Final = "beta"
_CHECK: Final = HealthCheck(("CMD", "check"), interval_s=1.0, start_period_s=0.0)
_LEFT: Final = "left"
_LONG_S: Final = 2000.0
_BLIND_S: Final = 70


@define
class _Run:
    """A command that was handed over, and what may have come of it."""

    task: asyncio.Task[Ended | None]
    may_end: set[Ending] = field(factory=set)


@define(eq=False)
class Scene:
    """A backend, its sibling, and a witness.

    Args:
        lifecycle: the table.
        policy: how the backend is run.
        left: what an earlier controller left of it.
        runtime: makes the runtime.
        effects: what the actions of an extended lifecycle do.
        resting: the states in which it may stay.
        coverage: receives each edge.
    """

    lifecycle: Lifecycle = BACKEND
    policy: BackendPolicy = field(factory=BackendPolicy)
    left: Left = "nothing"
    runtime: MakeRuntime = SimulatedRuntime
    effects: Mapping[str, Effect] = field(factory=dict)
    resting: Collection[str] = ()
    coverage: Coverage | None = None

    simulation: Simulation = field(init=False)
    witness: Witness = field(init=False)
    commands: HeldCommands = field(factory=HeldCommands, init=False)
    started: bool = field(default=False, init=False)
    _scratch: tempfile.TemporaryDirectory[str] = field(init=False)
    _runs: dict[str, _Run] = field(factory=dict, init=False)
    _codes: dict[str, int] = field(factory=dict, init=False)
    _asked: list[asyncio.Task[None]] = field(factory=list, init=False)
    _counted: int = field(default=0, init=False)
    _left_awaited: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="dockwarden-")
        folder = Path(self._scratch.name)
        services = {
            name: ServiceSpec(name, healthcheck=_CHECK, stop_grace_period_s=1.0)
            for name in (_NAME, _SIBLING)
        }
        self.simulation = Simulation(
            Project("harness", folder, (), services),
            folder,
            {_NAME: self.policy},
            self.lifecycle,
            self.effects,
            self.commands,
            self.runtime,
        )
        simulation = self.simulation
        if self.left != "nothing":
            simulation.run(self._leave())
        self.witness = Witness(
            _NAME,
            self.lifecycle,
            self.policy,
            simulation.world,
            simulation.faults.struck,
            self.coverage or Coverage(self.lifecycle),
            lambda: simulation.clock.now_s,
        )
        simulation.controller.on_transition(self.witness.transition)
        simulation.start(_SIBLING)

    async def _leave(self) -> None:
        """An earlier controller starts a container, perhaps a command in it, and dies."""
        simulation = self.simulation
        spool = Spool(simulation.folder, _NAME)
        spool.make()
        slot = spool.begin(_LEFT)
        slot.close()
        request = ExecRequest(_LEFT, ("work",), slot.folder)
        hands = simulation.hands()
        await hands.open(lambda _notice: None)
        await hands.prepare([_NAME])
        container = await hands.launch(_NAME, spool.folder)
        await hands.gate(container)
        under_way = None
        if self.left == "busy":
            task = asyncio.create_task(hands.execute(container, request))
            await asyncio.sleep(1)
            under_way = UnderWay(request, Limits(), container.id, utc_now())
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        hands.die()
        simulation.controller.heritages = {_NAME: Heritage(under_way=under_way)}

    # What there is

    @property
    def backend(self) -> Backend | None:
        """The backend, once it has been asked for."""
        return self.simulation.controller.backends.get(_NAME)

    @property
    def state(self) -> str:
        """Its state."""
        return self.backend.state if self.backend else self.lifecycle.initial

    @property
    def stopping(self) -> bool:
        """Whether it is being stopped."""
        return self.backend is not None and self.backend.stopping

    @property
    def container(self) -> SimulatedContainer | None:
        """Its container, where one runs."""
        running = [one for one in self.witness.containers if one.running]
        return running[0] if running else None

    @property
    def running(self) -> tuple[str, ...]:
        """The ids of the commands that run."""
        return self.commands.running

    def takes(self, event: str) -> bool:
        """Whether its table takes an event now."""
        return bool(self.witness.prediction.rows(event))

    def _there(self) -> Backend:
        backend = self.backend
        if backend is None:
            raise AssertionError("it has not been started")
        return backend

    # What can be asked

    def start(self, *, unadopted: bool = False) -> None:
        """Ask for the backend.

        Args:
            unadopted: whether the container of an earlier controller cannot be inspected.
        """
        self.started = True
        simulation = self.simulation
        simulation.run(simulation.controller.start([_NAME], wait=False))
        if unadopted:
            simulation.faults.order("server_error", call="list", times=5)
        simulation.begin(self._awaited())
        simulation.advance(0)
        if self.left == "busy" and not self._left_awaited:
            self._left_awaited = True
            outlived = simulation.controller.outlived(_NAME)
            may_end = {Ending.LOST}  # its container may be taken for unfit, and recreated
            self._runs[_LEFT] = _Run(simulation.begin(outlived), may_end)

    async def _awaited(self) -> None:
        """Wait for the result of its start, as its caller does."""
        with suppress(StartError):
            await self.simulation.controller.start([_NAME])

    def dispatch(self) -> None:
        """Hand over a command, which runs until it is ordered to end."""
        self._counted += 1
        name = f"run-{self._counted}"
        work = self.simulation.controller.execute(_NAME, ["work"], id=name)
        self._runs[name] = _Run(self.simulation.begin(work))

    def end_command(self, exit_code: int = 0) -> None:
        """Let the command that runs end."""
        for name in self.running:
            self._codes[name] = exit_code
            self.commands.end(name, exit_code)

    def restart(self, *, recreate: bool = False) -> None:
        """Ask for a restart."""
        self.simulation.call(self._there().restart, "asked for", recreate=recreate)

    def recover(self) -> None:
        """Ask for a decision about its fault."""
        self.simulation.call(self._there().recover)

    def reset(self) -> None:
        """Grant it a new budget."""
        self.simulation.call(self._there().reset)

    def stop(self) -> None:
        """Ask for its end; a second time, at once."""
        self._may_all_end(Ending.INTERRUPTED)
        controller = self.simulation.controller
        if self.stopping or not self.started:
            work = self._there().stop(grace_s=0)
        else:
            work = self._stopped_by(controller.stop([_NAME]))
        self._asked.append(self.simulation.begin(self._quietly(work)))

    async def _stopped_by(self, stop: object) -> None:
        await stop  # type: ignore[misc]
        self.started = False

    async def _quietly(self, stop: object) -> None:
        try:
            await stop  # type: ignore[misc]
        except RemovalFailed as failed:
            if self.state == self.lifecycle.initial:
                self.witness.complain("the_table_decides", f"stopped, and reported: {failed}")

    def in_vain(self, event: str) -> None:
        """Ask for what its table refuses now: it must say so, and change nothing."""
        backend = self._there()
        before = (backend.state, backend.stopping, backend.restarts_left, backend.ticket)
        try:
            reason = ["in vain"] if event == "restart" else []
            self.simulation.call(getattr(backend, event), *reason)
        except TransitionRefused:
            after = (backend.state, backend.stopping, backend.restarts_left, backend.ticket)
            if after != before:
                self.witness.complain("the_table_decides", f"{event} in vain changed {before}")
        else:
            self.witness.complain("the_table_decides", f"{event} was taken in {before[0]}")

    # What can happen to it

    def find_unfit(self, *, curable: bool = True) -> None:
        """A check finds it unfit, while it is ready."""
        fault = Fault(_UNFIT[curable], curable=curable)
        self.simulation.call(self._there().report, fault)

    def mishap(self, name: str) -> None:
        """Something will go wrong with a call; see :data:`MISHAPS`."""
        self._may_all_end(Ending.LOST, Ending.UNSTARTED)
        fault, call, times = MISHAPS[name]
        self.simulation.faults.order(fault, call=call, times=times)

    def befall(self, fault: str) -> None:
        """A fault hits its container now; see the catalogue of faults."""
        self._may_all_end(Ending.LOST, Ending.UNSTARTED)
        self.witness.disturbed_s = self.simulation.clock.now_s
        self.simulation.befall(fault, _NAME)

    def hide(self) -> None:
        """Hide whether it is gone, for longer than a removal waits."""
        self.simulation.faults.order("server_error", call="list", times=_BLIND_S)

    def _may_all_end(self, *endings: Ending) -> None:
        for run in self._runs.values():
            if not run.task.done():
                run.may_end.update(endings)

    # Time

    def advance(self, seconds: float = 0.0) -> None:
        """Let time pass, and hold what is seen against the rules."""
        __tracebackhide__ = True
        self.simulation.advance(max(seconds, 1e-6))
        self.look()
        if seconds >= _LONG_S:
            self._settled()

    def rest(self) -> None:
        """Let so much time pass that all must have come to rest."""
        self.advance(_LONG_S)

    def look(self) -> None:
        """Hold what is seen against the rules.

        Raises:
            AssertionError: one is broken; it is named.
        """
        __tracebackhide__ = True
        backend = self.backend
        if backend is not None and self.started:
            left = backend.restarts_left
            self.witness.look(backend.state, latched=backend.stopping, left=left)
        else:
            self.witness.look_around()
        self._outcomes()
        self.witness.require()

    def _settled(self) -> None:
        resting = {"stopped", "ready", "exhausted", *self.resting}
        if not self.policy.recover:
            resting.add("unhealthy")
        if self.running:
            resting.add("busy")
        if self.state not in resting or self.stopping:
            stopping = ", stopping" if self.stopping else ""
            self.witness.complain(
                "all_settles", f"after {_LONG_S:g} s it is {self.state}{stopping}"
            )
        self.witness.require()

    def _outcomes(self) -> None:
        for name, run in list(self._runs.items()):
            if run.task.done():
                del self._runs[name]
                self._earned(name, run)

    def _earned(self, name: str, run: _Run) -> None:
        """Whether a command's outcome is one that it can have."""
        if run.task.cancelled():
            self.witness.complain("one_outcome", f"{name} has none")
            return
        error = run.task.exception()
        if isinstance(error, DockwardenError) or (error is None and run.task.result() is None):
            return  # it was not handed over
        if error is not None:
            self.witness.complain("one_outcome", f"{name}: {type(error).__name__}: {error}")
            return
        ended = run.task.result()
        assert ended is not None
        told = f"{name} {ended.ending.value} with {ended.exit_code}, {ended.reason or 'no reason'}"
        code = self._codes.get(name)
        may_end = run.may_end if code is None else run.may_end | {Ending.EXITED}
        if ended.ending not in may_end:
            expected = sorted(ending.value for ending in may_end) or "running"
            self.witness.complain("one_outcome", f"{told}; it must be {expected}")
        elif ended.ending is Ending.EXITED and ended.exit_code != code:
            self.witness.complain("one_outcome", f"{told}; it ended with {code}")

    # The end

    def tear_down(self) -> None:
        """The faults end, all is taken down, and nothing is left.

        Raises:
            AssertionError: a rule is broken; it is named.
        """
        simulation = self.simulation
        simulation.faults.end()
        self._may_all_end(Ending.INTERRUPTED, Ending.LOST)
        simulation.advance(600)  # what was stuck comes free
        self.look()
        try:
            simulation.run(simulation.controller.teardown())
            simulation.run(simulation.controller.teardown())
        except RuntimeFault as fault:
            self.witness.complain("nothing_is_left", str(fault))
        except DockwardenError as error:
            self.witness.complain("nothing_is_left", str(error))
        simulation.advance(100)  # an end without a notice is found by inspection
        self._outcomes()
        own = self._left()
        if own:
            self.witness.complain("nothing_is_left", ", ".join(own))
        for name in self._runs:
            self.witness.complain("one_outcome", f"{name} has none")
        self.witness.require()

    def _left(self) -> list[str]:
        controller = self.simulation.controller
        states = [
            f"{n} is {b.state}" for n, b in controller.backends.items() if b.state != "stopped"
        ]
        untouched = self.left != "nothing" and self.backend is None
        return states if untouched else [*left_in(self.simulation.world), *states]

    def close(self) -> None:
        """Let go of everything."""
        self.witness.close()
        self.simulation.clock.close()
        self._scratch.cleanup()


_UNFIT: Final = {True: BY_HAND, False: f"{BY_HAND} for good"}
