"""The fault catalogue: faults of engines and of what runs on them, and how often they occur here.

Each row has happened to a user; its source says where that is reported.
"""

from __future__ import annotations

import asyncio
import enum
import random
from collections import Counter
from collections.abc import Callable
from typing import Final, Self

from attrs import define, field, frozen

from engine.runtimes.simulated.daemon import World
from engine.runtimes.simulated.processes import KILLED, TERMINATED, Process

__all__ = ["CATALOGUE", "CallFault", "EventFault", "Fault", "Faults", "Strikes"]

_LEAK_BYTES: Final = 20 * 2**30
_STUCK_S: Final = 120.0
_HANGS_S: Final = 24 * 3600.0
_PAUSED_S: Final = 3600.0


class Strikes(enum.Enum):
    """The opportunities for faults."""

    CALL = "a call of the daemon"
    EVENT = "an event of the daemon"
    START = "the start of a container"
    COMMAND = "an experiment's command"
    LOOK = "a GPU check"


@frozen
class CallFault:
    """A fault of a call.

    Attributes:
        done: whether the daemon does what it was asked to; None: perhaps.
        message: the error that the caller gets; empty where the call succeeds in the end.
        status: of the daemon's answer; None where there is none.
        delay_s: how long it takes besides, in seconds.
        down_s: how long the daemon is down from then on, in seconds.
        stuck_s: how long nothing in the container can be killed, in seconds.
        later: whether the daemon continues with it after its answer.
        stale: whether the answer shows the health of a moment ago.
    """

    done: bool | None
    message: str = ""
    status: int | None = None
    delay_s: float = 0.0
    down_s: float = 0.0
    stuck_s: float = 0.0
    later: bool = False
    stale: bool = False


@frozen
class EventFault:
    """A fault of an event.

    Attributes:
        late_s: how late it comes at most, in seconds.
        copies: how often it comes.
    """

    late_s: float
    copies: int = 1


Befalls = Callable[[World, Process], bool]
"""A fault that hits the container of a process, or the process, a while after the opportunity.

It is given the process in question while that container runs (the main process, or the first one of a
command), and returns whether it had any effect.
"""


@frozen
class Fault:
    """A row of the catalogue.

    Attributes:
        does: how.
        doc: what happens, in one line.
        source: where it is reported; an issue or a file of the project that is named.
        calls: for :attr:`Strikes.CALL`: which of them.
        share: how often it is this one of those that may strike here, relative to the others.
    """

    name: str
    strikes: Strikes
    does: CallFault | EventFault | Befalls
    doc: str
    source: str
    calls: frozenset[str] = frozenset()
    share: float = 1.0


_CHANGING: Final = frozenset({"create", "start", "stop", "exec_create", "exec_start", "remove"})
_ANY: Final = _CHANGING | {"find", "list", "top", "logs", "exec_inspect", "network"}


def _dies(code: int, *, oom: bool = False) -> Befalls:
    def dies(_world: World, process: Process) -> bool:
        process.container.die(code, oom=oom)
        return not process.container.running

    return dies


def _ends(code: int) -> Befalls:
    def ends(_world: World, process: Process) -> bool:
        process.signal(code)
        return not process.runs

    return ends


def _hangs(_world: World, process: Process) -> bool:
    if not process.runs:
        return False
    process.hang()
    _later(_HANGS_S, lambda: process.signal(KILLED))
    return True


def _is_paused(_world: World, process: Process) -> bool:
    process.container.freeze()
    _later(_PAUSED_S, process.container.thaw)
    return process.container.paused


def _sickens(_world: World, process: Process) -> bool:
    if process.container.health is None:
        return False
    process.container.judged("unhealthy")
    return True


def _is_removed(world: World, process: Process) -> bool:
    if process.container.stuck:
        return False
    world.remove(process.container.id)
    return True


def _is_restarted(_world: World, process: Process) -> bool:
    process.container.die(TERMINATED)
    if process.container.running:
        return False
    process.container.start()
    return True


def _leaks(_world: World, process: Process) -> bool:
    process.container.leak(_LEAK_BYTES)
    return bool(process.container.spec.gpus)


def _sticks(_world: World, process: Process) -> bool:
    process.container.stick(_STUCK_S)
    return True


def _later(wait_s: float, then: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(wait_s, then)


CATALOGUE: Final = (
    Fault(
        "lost_reply",
        Strikes.CALL,
        CallFault(done=True, message="connection reset by peer"),
        "the daemon does it, and the answer is lost",
        "a connection that breaks after the request",
        _CHANGING,
    ),
    Fault(
        "server_error",
        Strikes.CALL,
        CallFault(done=False, status=500, message="internal server error"),
        "the daemon answers 500 and does nothing",
        "any daemon, under load",
        _ANY,
    ),
    Fault(
        "read_timeout",
        Strikes.CALL,
        CallFault(done=None, message="read timed out (60 s)", delay_s=60),
        "no answer within 60 s; it may be done or not",
        "docker/docker-py#3124",
        _ANY,
    ),
    Fault(
        "removal_in_progress",
        Strikes.CALL,
        CallFault(done=False, status=409, message="removal is already in progress", later=True),
        "the daemon answers 409 and removes it a moment later",
        "moby/moby#36679",
        frozenset({"remove"}),
    ),
    Fault(
        "exec_forgotten",
        Strikes.CALL,
        CallFault(done=False, status=404, message="no such exec"),
        "the daemon answers 404: it has forgotten an exec",
        "moby daemon/exec.go",
        frozenset({"exec_inspect"}),
        10.0,
    ),
    Fault(
        "hung_stop",
        Strikes.CALL,
        CallFault(done=True, delay_s=20),
        "a stop takes 20 s longer than its grace",
        "docker/docker-py#3124",
        frozenset({"stop"}),
    ),
    Fault(
        "removal_refused",
        Strikes.CALL,
        CallFault(done=False, status=500, message="could not kill container", stuck_s=_STUCK_S),
        f"the container cannot be killed for {_STUCK_S:g} s, so it cannot be removed",
        "moby daemon/kill.go",
        frozenset({"remove"}),
    ),
    Fault(
        "slow_start",
        Strikes.CALL,
        CallFault(done=True, delay_s=45),
        "a start takes 45 s longer",
        "kubelet startup probes",
        frozenset({"start"}),
    ),
    Fault(
        "image_gone",
        Strikes.CALL,
        CallFault(done=False, status=404, message="no such image"),
        "the image is gone, which no restart cures",
        "Nomad and s6 exhaust at once",
        frozenset({"create"}),
        0.2,
    ),
    Fault(
        "stale_health",
        Strikes.CALL,
        CallFault(done=True, stale=True),
        "inspection shows the verdict before last of the health check",
        "willfarrell/docker-autoheal#53",
        frozenset({"find"}),
    ),
    Fault(
        "daemon_restart",
        Strikes.CALL,
        CallFault(done=False, message="connection refused", down_s=10),
        "the daemon is down for 10 s; its execs and what happens meanwhile are never reported",
        "fsouza/go-dockerclient#163",
        _ANY,
        0.2,
    ),
    Fault(
        "late_event",
        Strikes.EVENT,
        EventFault(late_s=30),
        "an event comes up to 30 s late, after others that happened later",
        "a daemon under load",
    ),
    Fault(
        "duplicated_event",
        Strikes.EVENT,
        EventFault(late_s=5, copies=2),
        "an event comes twice",
        "a stream that is read again with since=",
    ),
    Fault(
        "dies_at_start",
        Strikes.START,
        _dies(1),
        "the main process ends with exit code 1 soon after its start",
        "kubelet startup probes",
    ),
    Fault(
        "killed",
        Strikes.COMMAND,
        _dies(KILLED),
        "the container is killed from outside (137)",
        "buildbuddy-io/buildbuddy#1692",
    ),
    Fault(
        "out_of_memory",
        Strikes.COMMAND,
        _dies(KILLED, oom=True),
        "the kernel kills the container's main process for memory (137)",
        "buildbuddy-io/buildbuddy#1692",
    ),
    Fault(
        "exits_0",
        Strikes.COMMAND,
        _dies(0),
        "the main process ends with exit code 0, as if all were well",
        "willfarrell/docker-autoheal#53",
    ),
    Fault(
        "paused",
        Strikes.COMMAND,
        _is_paused,
        "the container is paused from outside, for an hour",
        "docker pause",
    ),
    Fault(
        "unhealthy",
        Strikes.COMMAND,
        _sickens,
        "the health check of a running container fails, where it has one",
        "moby/moby#28400",
    ),
    Fault(
        "removed",
        Strikes.COMMAND,
        _is_removed,
        "another process removes the container",
        "docker rm -f",
    ),
    Fault(
        "restarted",
        Strikes.COMMAND,
        _is_restarted,
        "another process restarts the container",
        "moby/moby#28400",
    ),
    Fault(
        "hangs",
        Strikes.COMMAND,
        _hangs,
        "the command hangs for a day and ignores TERM; only a limit ends it sooner",
        "a hung CUDA or NCCL call",
    ),
    Fault(
        "fails",
        Strikes.COMMAND,
        _ends(1),
        "the command ends with exit code 1",
        "the application",
    ),
    Fault(
        "command_killed",
        Strikes.COMMAND,
        _ends(KILLED),
        "the kernel kills the command alone for memory (137)",
        "buildbuddy-io/buildbuddy#1692",
    ),
    Fault(
        "memory_not_freed",
        Strikes.COMMAND,
        _leaks,
        "20 GiB of GPU memory stay in use until the container is restarted",
        "the fault this project is for",
    ),
    Fault(
        "unkillable",
        Strikes.COMMAND,
        _sticks,
        f"for {_STUCK_S:g} s nothing in the container can be killed",
        "moby daemon/kill.go",
        share=0.5,
    ),
    Fault(
        "dies_in_mid_probe",
        Strikes.LOOK,
        _dies(KILLED),
        "the container dies while it is checked",
        "kubernetes#53530",
    ),
)
"""Every fault, by where it strikes."""


@define(eq=False)
class Faults:
    """Decides which opportunities are struck, from one seeded source.

    Args:
        rate: the share of all opportunities that are struck, from 0 to 1.
        rng: the source.
        only: the names of the faults that may strike; None for all.

    Attributes:
        struck: how often each has struck, by name.
        over: whether nothing strikes any more.
    """

    rate: float
    rng: random.Random
    only: frozenset[str] | None = None
    struck: Counter[str] = field(factory=Counter, init=False)
    over: bool = field(default=False, init=False)
    _tables: dict[tuple[Strikes, str], tuple[list[Fault], list[float]]] = field(
        factory=dict, init=False
    )

    @classmethod
    def none(cls) -> Self:
        """Nothing is ever struck."""
        return cls(0.0, random.Random(0))  # noqa: S311 - simulated chance

    def strike(self, at: Strikes, call: str = "") -> Fault | None:
        """Whether an opportunity is struck, and by what."""
        if self.rate == 0 or self.rng.random() >= self.rate:
            return None
        if (at, call) not in self._tables:
            self._tables[at, call] = self._table(at, call)
        faults, shares = self._tables[at, call]
        if not faults:
            return None
        return self.rng.choices(faults, shares)[0]

    def end(self) -> None:
        """From now on nothing is struck."""
        self.rate, self.over = 0.0, True

    def _table(self, at: Strikes, call: str) -> tuple[list[Fault], list[float]]:
        faults = [
            one
            for one in CATALOGUE
            if one.strikes is at
            and (not call or call in one.calls)
            and (self.only is None or one.name in self.only)
        ]
        return faults, [one.share for one in faults]
