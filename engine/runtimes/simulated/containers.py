"""One container of the simulated world: its processes, its state, and the faults that can hit it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

from attrs import define, field, frozen

from engine.model.spec import MountKind, ServiceSpec
from engine.runtimes.health_gate import until_healthy
from engine.runtimes.simulated.processes import KILLED, WORLD, Order, Process, Program, Sink, idle

__all__ = ["Blueprint", "SimulatedContainer"]

_KEPT: Final = 64


@frozen
class Blueprint:
    """The specification of a container.

    Attributes:
        folder: on this machine; what it shares with its controller.
        command: the main process's argument vector.
        main: what it does.
        check: what its health check does; None where it has none.
    """

    spec: ServiceSpec
    folder: Path
    command: tuple[str, ...]
    main: Program = field(eq=False)
    check: Program | None = field(default=None, eq=False)


class Said:
    """Keeps what a process writes."""

    def __init__(self) -> None:
        self._written = b""

    def write(self, _stream: str, data: bytes) -> None:
        self._written += data

    @property
    def lines(self) -> list[str]:
        return self._written.decode(errors="replace").splitlines()


@define(eq=False)
class SimulatedContainer:
    """The true state of a container: reports to its runtime may be late, or wrong.

    Attributes:
        id: unique within the world.
        owner: the runtime that made it.
        starts: how often it has been started.
        started_at: changes with each start.
        exit_code: of its main process, while it does not run.
        health: the verdict of its health check; None without one.
        health_before: the verdict before that.
        complaint: what its health check said when it failed.
        stuck: whether nothing in it can be killed: a process waits in the kernel, for a driver say.
        leaked_bytes: GPU memory that an experiment has left behind; a restart frees it.
        execs: the commands in it that the daemon still knows, by their exec's id.
    """

    blueprint: Blueprint
    id: str
    owner: str
    _pids: Iterator[int]
    _announce: Callable[[str, SimulatedContainer], None]

    starts: int = field(default=0, init=False)
    started_at: str = field(default="", init=False)
    exit_code: int | None = field(default=None, init=False)
    oom_killed: bool = field(default=False, init=False)
    paused: bool = field(default=False, init=False)
    health: str | None = field(default=None, init=False)
    health_before: str | None = field(default=None, init=False)
    complaint: str = field(default="", init=False)
    stuck: bool = field(default=False, init=False)
    leaked_bytes: int = field(default=0, init=False)
    main: Process | None = field(default=None, init=False)
    processes: dict[int, Process] = field(factory=dict, init=False)
    execs: dict[str, Order] = field(factory=dict, init=False)
    _log: Said = field(factory=Said, init=False)
    _thaw: asyncio.Event | None = field(default=None, init=False)
    _checking: asyncio.Task[None] | None = field(default=None, init=False)

    @property
    def spec(self) -> ServiceSpec:
        """The service that it is for."""
        return self.blueprint.spec

    @property
    def service(self) -> str:
        """That service's name."""
        return self.spec.name

    @property
    def running(self) -> bool:
        """Whether its main process runs."""
        return self.main is not None and self.main.runs

    @property
    def log(self) -> list[str]:
        """The lines that its main process has written, since it was made."""
        return self._log.lines

    # Its life

    def start(self) -> None:
        """Start its main process; harmless while it runs."""
        if self.running:
            return
        self.starts += 1
        self.started_at = f"{self.id} start {self.starts}"
        self.exit_code, self.oom_killed, self.leaked_bytes = None, False, 0
        self.execs.clear()
        self.health_before, self.health = self.health, None
        plan = self.blueprint
        self.main = self.spawn(self._own(plan.main, plan.command, self._log))
        self.main.on_end(self._main_ended)
        if plan.check is not None:
            self.health = "starting"
            self._checking = asyncio.get_running_loop().create_task(
                self._check(plan.check), name=f"{WORLD} health check of {self.id}"
            )
        self._announce("start", self)

    def die(self, code: int = KILLED, *, oom: bool = False) -> None:
        """Its main process is ended by force, and everything in it with it."""
        if self.main is not None and self.main.runs and not self.stuck:
            self.oom_killed = oom
            if oom:
                self._announce("oom", self)
            self.main.signal(code)

    def freeze(self) -> None:
        """Pause it."""
        if self.running and not self.paused:
            self.paused, self._thaw = True, asyncio.Event()
            self._announce("pause", self)

    def thaw(self) -> None:
        """Let it go on."""
        if self._thaw is not None:
            self._thaw.set()
        self.paused, self._thaw = False, None

    async def thawed(self) -> None:
        """Wait while it is paused."""
        while self._thaw is not None:
            await self._thaw.wait()

    def stick(self, seconds: float) -> None:
        """For so long nothing in it can be killed."""
        self.stuck = True
        asyncio.get_running_loop().call_later(seconds, self._come_loose)

    def _come_loose(self) -> None:
        self.stuck = False

    def leak(self, size_bytes: int) -> None:
        """A process without a known parent stays behind, and holds GPU memory."""
        self.leaked_bytes += size_bytes
        self.spawn(self._own(idle, ("left behind",), Said()))

    def judged(self, health: str) -> None:
        """Its health check has come to a verdict."""
        if self.running and health != self.health:
            self.health_before, self.health = self.health, health
            self._announce("health_status", self)

    async def _check(self, program: Program) -> None:
        """Ask the health check until it has come to a verdict; from then on it stays."""

        async def ask(within_s: float) -> str | None:
            said = Said()
            process = self.spawn(self._own(program, ("check",), said))
            try:
                async with asyncio.timeout(within_s):
                    return None if await process.wait() == 0 else " ".join(said.lines)
            except TimeoutError:
                process.signal(KILLED)
                return f"no answer within {within_s:g} s"

        assert self.spec.healthcheck is not None
        complaint = await until_healthy(self.spec.healthcheck, ask)
        self.complaint = complaint or ""
        self.judged("healthy" if complaint is None else "unhealthy")

    def _main_ended(self) -> None:
        assert self.main is not None
        if self._checking is not None:
            self._checking.cancel()
        self.exit_code = self.main.exit_code
        self.thaw()
        for process in list(self.processes.values()):
            process.signal(KILLED)
        self._announce("die", self)

    def _own(self, program: Program, command: tuple[str, ...], sink: Sink) -> Order:
        """A command of the container's own, for no request."""
        spec = self.spec
        return Order(program, command, None, spec.environment, spec.working_dir or "/", sink)

    # What runs in it

    def spawn(self, order: Order, *, deaf: bool = False) -> Process:
        """Let a process run in it."""
        process = Process(next(self._pids), order, self, deaf)
        self.processes[process.pid] = process
        process.on_end(partial(self._ended, process.pid))
        process.begin(order.program)
        return process

    def known(self, exec_id: str, order: Order) -> None:
        """Keep a command under its exec's id; those that have ended are forgotten by and by."""
        if len(self.execs) >= _KEPT:
            self.execs = {known: one for known, one in self.execs.items() if not one.ended}
        self.execs[exec_id] = order

    def _ended(self, pid: int) -> None:
        del self.processes[pid]

    def tree(self, request: str) -> list[Process]:
        """Return the running processes of a request's tree."""
        return [one for one in self.processes.values() if one.order.request == request]

    def outside(self, working_dir: str, written: str) -> Path:
        """Return the path on this machine for a path within it.

        Raises:
            FileNotFoundError: nothing of this machine is mounted there.
        """
        inside = PurePosixPath(working_dir, written)
        for mount in self.spec.mounts:
            if (
                mount.kind is MountKind.BIND
                and mount.source
                and inside.is_relative_to(mount.target)
            ):
                return Path(mount.source, inside.relative_to(mount.target))
        raise FileNotFoundError(f"{inside} is not on this machine")
