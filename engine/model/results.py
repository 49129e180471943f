"""The records of a backend: its transitions, its GPU checks, and how its commands ended."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self

from attrs import field, frozen

from engine.model.measurements import Measurements

__all__ = [
    "Ended",
    "EndedBy",
    "Ending",
    "Fault",
    "GpuLook",
    "LeftProcess",
    "Leftovers",
    "Span",
    "Transition",
]


@frozen
class Transition:
    """One edge that a backend has taken.

    Attributes:
        at: when, in UTC.
        reason: why, in words.
        generation: how often the backend's container has been started.
        container_id: its container at that moment, if it had one.
        restarts_left: how many restarts its budget's lifetime cap still allows; None if not known.
        uptime_s: when, by :func:`engine.util.clock.uptime_s`; None where that was not recorded.
    """

    at: datetime
    backend: str
    event: str
    source: str
    target: str
    action: str | None
    reason: str
    generation: int
    container_id: str | None
    restarts_left: int | None = None
    uptime_s: float | None = None


@frozen
class GpuLook:
    """The result of one check of a backend's GPUs, all visible devices together.

    Attributes:
        at: when, in UTC.
        generation: how often the backend's container had been started.
        health: ok, unknown or failing.
        reason: why, in words.
        memory_used_bytes: None where it could not be read.
        memory_total_bytes: likewise.
        baseline_bytes: what was in use when the backend first became ready; None while that is not known.
    """

    at: datetime
    backend: str
    generation: int
    health: str
    reason: str
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    baseline_bytes: int | None = None


@frozen
class Fault:
    """The reason why a backend is unfit.

    Attributes:
        curable: whether a restart can help.
        recreate: whether the container itself has to be recreated.
        quote: whether the last lines that its main process wrote may tell more.
    """

    reason: str
    curable: bool = True
    recreate: bool = False
    quote: bool = False


class Ending(enum.Enum):
    """How a dispatched command came to its end."""

    EXITED = "exited"
    UNSTARTED = "unstarted"
    """It could not be started: no such working directory, no such user."""
    TIMEOUT = "timeout"
    """Ended at its wall clock limit."""
    SILENCE = "silence"
    """Ended because it had not written anything for too long."""
    OUTPUT = "output"
    """It wrote more than its limit allows, and was ended if it still ran; or its output was tampered with."""
    LOST = "lost"
    """Its container went away under it."""
    LEFTOVERS = "leftovers"
    """Ended by itself, but left processes running, and was asked not to."""
    INTERRUPTED = "interrupted"
    """Ended because its backend was stopped, the caller gave up, or its controller died. It counts as no try."""


_COARSE_S: Final = 2.0


@frozen
class Span:
    """When a command itself ran, by the clock of the machine that it ran on.

    What it takes to hand a command over, and to see its end, is not in it.
    """

    began_at: datetime
    ended_at: datetime

    def within(self, since: datetime, lasted_s: float) -> Span | None:
        """The span, moved to where it can be; None if it is longer than its command lasted.

        What a container notes of its times may be anything, and another machine has another clock.

        Args:
            since: the command was handed over then, in UTC.
            lasted_s: its end was seen so much later, in seconds; a file system's clock may be coarser by
                some of them.
        """
        length = self.ended_at - self.began_at
        if not 0 <= length.total_seconds() <= lasted_s + _COARSE_S:
            return None
        most = timedelta(seconds=max(0.0, lasted_s))
        length = min(length, most)
        began_at = min(max(self.began_at, since), since + most - length)
        return Span(began_at, began_at + length)


class Leftovers(enum.Enum):
    """What to do with processes that an experiment leaves running when its command has ended."""

    END = "end"
    """They are ended: TERM, and after two seconds KILL."""
    KEEP = "keep"
    """They are left alone, and belong to the service from then on."""
    FAIL = "fail"
    """They are ended, and the experiment fails."""


class EndedBy(enum.Enum):
    """How a process that an experiment left running was ended."""

    SIGNAL = "signal"
    RESTART = "restart"
    """A restart of its container."""
    NOTHING = "nothing"
    """It was left alone."""


_FATES: Final = {
    EndedBy.SIGNAL: "ended",
    EndedBy.RESTART: "ended by a restart",
    EndedBy.NOTHING: "kept",
}
_LONGEST: Final = 1024
_SHORT: Final = 60


def _beginning(command: str) -> str:
    return command[:_LONGEST]


@frozen
class LeftProcess:
    """A process that an experiment left running.

    Attributes:
        pid: as the machine numbers it that the container runs on.
        command: its command line when it was found, or the first 1,024 characters of it; a process can change
            what it shows there.
        doubtful: whether it may be the service's own instead.
        ended_by: what ended it; None while that is not decided.
    """

    pid: int
    command: str = field(converter=_beginning)
    doubtful: bool = False
    ended_by: EndedBy | None = None

    def __str__(self) -> str:
        fate = "" if self.ended_by is None else f", {_FATES[self.ended_by]}"
        return f"{self.pid} ({self.short}{fate})"

    @property
    def short(self) -> str:
        """The beginning of its command line, on one line."""
        line = " ".join(self.command.split())
        return line if len(line) <= _SHORT else f"{line[: _SHORT - 3]}..."

    def to_plain(self) -> dict[str, Any]:
        """It as plain data, for a record."""
        ended_by = None if self.ended_by is None else self.ended_by.value
        return {"pid": self.pid, "command": self.command, "ended_by": ended_by}

    @classmethod
    def from_plain(cls, told: Mapping[str, Any]) -> Self:
        """It from plain data.

        Raises:
            KeyError, TypeError, ValueError: it is none.
        """
        ended_by = told["ended_by"]
        return cls(int(told["pid"]), str(told["command"]), ended_by=ended_by and EndedBy(ended_by))


@frozen
class Target:
    """A server that a command measures, as it was then.

    Attributes:
        backend: its service.
        container_id: its container.
        image: the digest of that container's image, where there is one.
        generation: how often it had been started by then.
        restart_cause: why it was last restarted; None if it never was.
    """

    backend: str
    container_id: str
    image: str | None
    generation: int
    restart_cause: str | None


@frozen
class Ended:
    """How a dispatched command ended, and where it ran.

    Attributes:
        exit_code: as the command gave it; 128 + n where signal n ended it; None if it was not observed.
        reason: in words, where the ending is not simply its exit.
        stdout: the file that holds its standard output.
        stderr: the file that holds its standard error.
        container_id: the container it ran in.
        image: the digest of that container's image, where there is one.
        generation: how often the backend's container had been started by then.
        since_restart: how many commands that count had run in it since that start.
        restart_cause: why it was last restarted; None when it never was.
        started_in_s: how long that container took from its start until it was ready, in seconds; None where
            that was not seen.
        main: what that container ran as its main process, see
            :meth:`engine.model.main_command.MainCommand.to_dict`; None where that is not known.
        through_entrypoint: whether the command ran through the container's entrypoint.
        health_checks: how often the health check of that container was run meanwhile; None where
            its engine did, and does not tell.
        targets: the servers that it measures.
        ran: when the command itself ran; None where that was not seen.
        left: the processes that it left running.
        kept: whether its output is among the results; else this machine had no room for it, ``reason`` says
            so, and ``stdout`` and ``stderr`` are where the command wrote them.
        measurements: its metrics and artifacts; their paths begin at the folder of all output.
    """

    ending: Ending
    exit_code: int | None
    reason: str
    started_at: datetime
    ended_at: datetime
    duration_s: float
    stdout: Path
    stderr: Path
    container_id: str
    image: str | None
    generation: int
    since_restart: int
    restart_cause: str | None
    ran: Span | None = None
    left: tuple[LeftProcess, ...] = ()
    kept: bool = True
    measurements: Measurements = field(factory=Measurements)
    started_in_s: float | None = None
    main: Mapping[str, Any] | None = None
    through_entrypoint: bool = False
    health_checks: int | None = None
    targets: tuple[Target, ...] = ()

    @property
    def metrics(self) -> Mapping[str, float]:
        """The numbers that the command handed back, by name."""
        return self.measurements.metrics

    @property
    def artifacts(self) -> Path:
        """The folder of the files that the command handed back; there is none where it handed back none."""
        return self.stdout.parent / "artifacts"

    @property
    def succeeded(self) -> bool:
        """Whether the command ended by itself with exit code 0."""
        return self.ending is Ending.EXITED and self.exit_code == 0
