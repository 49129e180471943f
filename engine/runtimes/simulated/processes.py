"""Simulated processes: a program is a coroutine, a signal ends it, and a frozen container holds it up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from attrs import define, evolve, field

from engine.util.clock import utc_now

if TYPE_CHECKING:
    from engine.runtimes.simulated.containers import SimulatedContainer

__all__ = [
    "KILLED",
    "TERMINATED",
    "WORLD",
    "Order",
    "Process",
    "Program",
    "Sink",
    "idle",
    "lasting",
]

WORLD: Final = "simulated"
"""The prefix of the names of the world's tasks: they outlive the controllers that use it."""

KILLED: Final = 137
"""128 + SIGKILL."""

TERMINATED: Final = 143
"""128 + SIGTERM."""

Program = Callable[["Process"], Awaitable[int]]
"""The program of a process, on the event loop; returns its exit code."""


class Sink(Protocol):
    """Takes what a process writes."""

    def write(self, stream: str, data: bytes) -> None:
        """Take in some bytes of ``stdout`` or ``stderr``."""


@define(eq=False)
class Order:
    """A command that is to be run in a container, or runs in it.

    Attributes:
        command: the argument vector.
        request: the request that it is for; None for the container's own.
        sink: takes what it writes.
        process: its first process, once it has been started.
    """

    program: Program
    command: tuple[str, ...]
    request: str | None
    environment: Mapping[str, str]
    working_dir: str
    sink: Sink
    process: Process | None = field(default=None, init=False)

    @property
    def ended(self) -> bool:
        """Whether it has been started, and has ended."""
        return self.process is not None and not self.process.runs


@define(eq=False)
class Process:
    """A process of a simulated container. A program sees no more of its world than this.

    Attributes:
        pid: unique within the world.
        order: what it runs; its children share all of it but the command.
        container: what it runs in.
        deaf: whether it ignores TERM.
        signalled: whether a signal has ended it.
        killed: whether that was KILL, so that not even the shell around it lived on.
        began_at: when.
        ended_at: once it has ended.
        exit_code: once it has ended; 128 + n where signal n ended it.
    """

    pid: int
    order: Order
    container: SimulatedContainer
    deaf: bool = False
    signalled: bool = field(default=False, init=False)
    killed: bool = field(default=False, init=False)
    began_at: datetime = field(factory=utc_now, init=False)
    ended_at: datetime | None = field(default=None, init=False)
    exit_code: int | None = field(default=None, init=False)
    _task: asyncio.Task[None] | None = field(default=None, init=False)
    _on_end: list[Callable[[], None]] = field(factory=list, init=False)

    # What a program may use

    @property
    def command(self) -> tuple[str, ...]:
        """Its argument vector."""
        return self.order.command

    @property
    def environment(self) -> Mapping[str, str]:
        """Its environment variables."""
        return self.order.environment

    @property
    def working_dir(self) -> str:
        """Its working directory, within the container."""
        return self.order.working_dir

    async def sleep(self, seconds: float) -> None:
        """Wait; goes on only while its container is not frozen."""
        await asyncio.sleep(seconds)
        await self.container.thawed()

    def write(self, data: bytes) -> None:
        """Write to standard output."""
        self.order.sink.write("stdout", data)

    def complain(self, data: bytes) -> None:
        """Write to standard error."""
        self.order.sink.write("stderr", data)

    def path(self, written: str) -> Path:
        """Return the path on this machine for a path of the container.

        Raises:
            FileNotFoundError: nothing of this machine is mounted there.
        """
        return self.container.outside(self.order.working_dir, written)

    async def run(self, program: Program, *arguments: str) -> int:
        """Run a child to its end, which inherits all that this process has."""
        return await self.fork(program, *arguments).wait()

    def fork(self, program: Program, *arguments: str) -> Process:
        """Start a child, which inherits all that this process has, and may outlive it."""
        order = evolve(self.order, program=program, command=(self.command[0], *arguments))
        return self.container.spawn(order, deaf=self.deaf)

    # What is done to it

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self.exit_code is None

    def begin(self, program: Program) -> None:
        """Let it run."""
        self._task = asyncio.get_running_loop().create_task(
            self._live(program), name=f"{WORLD} process {self.pid}"
        )

    def signal(self, code: int) -> None:
        """Send it TERM (143) or KILL (137); what it cannot act on has no effect."""
        if self.runs and not self.container.stuck and not (code == TERMINATED and self.deaf):
            self.signalled, self.killed = True, code == KILLED
            self._end(code)

    def hang(self) -> None:
        """Do nothing any more, and ignore TERM."""
        if self.runs and self._task is not None:
            self.deaf = True
            self._task.cancel()

    def on_end(self, then: Callable[[], None]) -> None:
        """Call ``then`` at its end, or at once if it has ended."""
        if self.runs:
            self._on_end.append(then)
        else:
            then()

    async def wait(self) -> int:
        """Wait for its end."""
        ended = asyncio.Event()
        self.on_end(ended.set)
        await ended.wait()
        assert self.exit_code is not None
        return self.exit_code

    async def _live(self, program: Program) -> None:
        try:
            code = await program(self)
        except Exception as error:  # noqa: BLE001 - a program's error is the program's
            self.complain(f"{type(error).__name__}: {error}\n".encode())
            code = 1
        await self.container.thawed()
        if self.runs:
            self._end(code)

    def _end(self, code: int) -> None:
        self.exit_code, self.ended_at = code, utc_now()
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
        self._task = None
        for then in self._on_end:
            then()
        self._on_end.clear()


async def idle(_process: Process) -> int:
    """Does nothing, for ever."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError("nothing ends this wait but the end of the process")


def lasting(seconds: float, exit_code: int = 0) -> Program:
    """A program that takes so long and ends like that."""

    async def lasts(process: Process) -> int:
        await process.sleep(seconds)
        return exit_code

    return lasts
