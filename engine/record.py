"""What is recorded of a backend: its transitions, looks at its GPUs, and how commands ended in it."""

from __future__ import annotations

import enum
from datetime import datetime
from pathlib import Path

from attrs import frozen

__all__ = ["Ended", "Ending", "Fault", "GpuLook", "Span", "Transition"]


@frozen
class Transition:
    """One edge that a backend has taken.

    Attributes:
        at: when, in UTC.
        reason: why, in words.
        generation: how often the backend's container has been started.
        container_id: its container at that moment, if it had one.
        restarts_left: how many restarts its budget's lifetime cap still allows; None where nobody told.
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


@frozen
class GpuLook:
    """What one look showed of a backend's GPUs, all visible devices together.

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
    """What makes a backend unfit.

    Attributes:
        curable: whether a restart can help.
        recreate: whether the container itself has to be made anew.
    """

    reason: str
    curable: bool = True
    recreate: bool = False


class Ending(enum.Enum):
    """How a dispatched command came to its end."""

    EXITED = "exited"
    UNSTARTED = "unstarted"
    """It could not be started: no such working directory, no such user."""
    TIMEOUT = "timeout"
    """Ended at its wall clock limit."""
    SILENCE = "silence"
    """Ended because it had not written anything for too long."""
    LOST = "lost"
    """Its container went away under it."""
    INTERRUPTED = "interrupted"
    """Ended because its backend was stopped, the caller gave up, or its controller died. It counts as no try."""


@frozen
class Span:
    """When a command itself ran, by the clock of the machine that it ran on.

    What it takes to hand a command over, and to see its end, is not in it.
    """

    began_at: datetime
    ended_at: datetime


@frozen
class Ended:
    """How a dispatched command ended, and where it ran.

    Attributes:
        exit_code: as the command gave it; 128 + n where signal n ended it; None when nobody saw it.
        reason: in words, where the ending is not simply its exit.
        stdout: the file that holds its standard output.
        stderr: the file that holds its standard error.
        container_id: the container it ran in.
        image: the digest of that container's image, where there is one.
        generation: how often the backend's container had been started by then.
        since_restart: how many commands had run in it since that start.
        restart_cause: why it was last restarted; None when it never was.
        ran: when the command itself ran; None where that was not seen.
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

    @property
    def succeeded(self) -> bool:
        """Whether the command ended by itself with exit code 0."""
        return self.ending is Ending.EXITED and self.exit_code == 0
