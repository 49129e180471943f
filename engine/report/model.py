"""The content of a report, as plain data."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from attrs import asdict, field, frozen

from engine.campaign.runs.until import is_needless
from engine.journal import Session
from engine.model.measurements import Artifact
from engine.model.results import Ending, GpuLook, LeftProcess, Span
from states import BACKEND, EXPERIMENT, Lifecycle
from states.diagram import Course

__all__ = [
    "NOT_NEEDED",
    "STOPPING",
    "UNFINISHED",
    "AttemptReport",
    "BackendReport",
    "Band",
    "EdgeCount",
    "Quoted",
    "Report",
    "Restart",
    "RunReport",
    "Spread",
    "spread",
]

STOPPING: Final = "stopping"
"""The state shown for a backend while its latch is up."""

NOT_NEEDED: Final = "not needed"
"""Why a repeat does not count that turned out not to be needed."""

UNFINISHED: Final = "unfinished"
"""The state of a run that has no outcome."""


@frozen
class Band:
    """How long a backend was in one state.

    Attributes:
        state: of its table; ``stopping`` while it was being stopped, from any state.
        reason: why it came into that state.
    """

    state: str
    from_at: datetime
    until_at: datetime
    reason: str


@frozen
class Restart:
    """A container started again.

    Attributes:
        event: ``recover`` where a fault was the cause, which costs budget; else by whose wish.
        generation: how often it has been started by then.
    """

    at: datetime
    event: str
    reason: str
    generation: int


@frozen
class BackendReport:
    """The history of one backend.

    Attributes:
        state: the one that it was last in.
        bands: its states, without those times in which it had no container.
        restarts_left: of its budget, at the end; None where that was not recorded.
        logs: what its main process wrote since each start: which start, and the file relative to the
            journal's folder.
    """

    name: str
    state: str
    bands: tuple[Band, ...]
    restarts: tuple[Restart, ...]
    looks: tuple[GpuLook, ...]
    restarts_left: int | None
    logs: tuple[tuple[int, str], ...] = ()

    @property
    def faults(self) -> int:
        """How many of its restarts had a fault as their cause."""
        return sum(one.event == "recover" for one in self.restarts)

    @property
    def renewals(self) -> int:
        """How many of its restarts were asked for."""
        return len(self.restarts) - self.faults


@frozen
class Quoted:
    """Further details from the record of an attempt; empty if there is none.

    Attributes:
        image: the digest of its container's image, where there is one.
        stdout: the file, relative to the journal's folder; None where there is none.
        stdout_lines: the last lines of it.
        backend_log: the file with what the main process of its container wrote, likewise.
        params: what the experiment was swept over.
        keys: what it is about.
        environment: the variables that it adds, without secrets.
        metrics: the numbers that it handed back, by name.
        units: of these, where they have one.
        artifacts: the files that it handed back, relative to the journal's folder.
        warnings: what of these could not be used.
        beside: the other backends in which experiments ran meanwhile; None if not recorded.
        gpus_shared_with: those that were up and may use its GPUs, likewise.
    """

    command: tuple[str, ...] = ()
    image: str | None = None
    stdout: str | None = None
    stderr: str | None = None
    backend_log: str | None = None
    stdout_lines: tuple[str, ...] = ()
    stderr_lines: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(factory=dict)
    keys: Mapping[str, str] = field(factory=dict)
    environment: Mapping[str, str] = field(factory=dict)
    metrics: Mapping[str, float] = field(factory=dict)
    units: Mapping[str, str] = field(factory=dict)
    artifacts: tuple[Artifact, ...] = ()
    warnings: tuple[str, ...] = ()
    beside: tuple[str, ...] | None = None
    gpus_shared_with: tuple[str, ...] | None = None


@frozen
class AttemptReport:
    """One attempt of a run.

    Attributes:
        begun_at: when it was its turn; it may have waited for its backend, or for a GPU check.
        dispatched_at: when it was handed to its container; None where it never was.
        ran: when the command itself ran, as seen from where it ran; None where that was not seen.
        ended_at: when its end was seen; None while it runs, or if its end was not observed.
        quoted: further details from its record.
        left: the processes that it left running when its command had ended.
    """

    number: int
    session: int
    begun_at: datetime
    dispatched_at: datetime | None
    ran: Span | None
    ended_at: datetime | None
    ending: str | None
    exit_code: int | None
    reason: str
    duration_s: float | None
    container_id: str | None
    generation: int | None
    quoted: Quoted
    left: tuple[LeftProcess, ...] = ()

    @property
    def result(self) -> str:
        """How it went, in a word: succeeded, failed, or the ending that says more; running without one."""
        if self.ending is None:
            return "running"
        if self.ending == Ending.EXITED.value:
            return "succeeded" if self.exit_code == 0 else "failed"
        return self.ending

    @property
    def waited_s(self) -> float | None:
        """How long it waited for its turn and for a GPU check, in seconds."""
        return _between_s(self.begun_at, self.dispatched_at)

    @property
    def handed_over_s(self) -> float | None:
        """How long it took from the dispatch to the command's start, in seconds."""
        return _between_s(self.dispatched_at, self.ran.began_at if self.ran else None)

    @property
    def ran_s(self) -> float | None:
        """How long the command itself ran, in seconds; as long as it took in all, where nothing else is known."""
        return _between_s(self.ran.began_at, self.ran.ended_at) if self.ran else self.duration_s

    @property
    def noticed_s(self) -> float | None:
        """How long it took from the command's end until that was seen, in seconds."""
        return _between_s(self.ran.ended_at if self.ran else None, self.ended_at)

    @property
    def overhead_s(self) -> float | None:
        """How long its dispatch took besides the command, in seconds."""
        if self.handed_over_s is None or self.noticed_s is None:
            return None
        return self.handed_over_s + self.noticed_s


@frozen
class RunReport:
    """One planned run: its outcome, and its attempts.

    Attributes:
        state: its outcome; ``unfinished`` where it has none.
        warmup: whether it only warmed its backend up: it counts for nothing.
        earlier: the outcomes that it had before it was run again, in order.
    """

    run: str
    experiment: str
    backend: str
    cycle: int
    repeat: int
    state: str
    reason: str
    attempts: tuple[AttemptReport, ...]
    warmup: bool = False
    earlier: tuple[str, ...] = ()

    @property
    def aside(self) -> str:
        """Why it counts for nothing; empty if it counts."""
        if self.warmup:
            return "warm-up"
        return NOT_NEEDED if is_needless(self.state, self.reason) else ""

    @property
    def values(self) -> Mapping[str, Any]:
        """Its parameters, keys and metrics by their names, as its last attempt tells them.

        Where several have one name, it is the parameter's, then the key's: as selectors look it up.
        """
        if not self.attempts:
            return {}
        told = self.attempts[-1].quoted
        return {**told.metrics, **told.keys, **told.params}

    @property
    def spent_s(self) -> float:
        """How long its attempts took, in seconds."""
        return sum(one.duration_s or 0.0 for one in self.attempts)


@frozen
class EdgeCount:
    """How often an edge of the backend's table was taken, by all backends together."""

    source: str
    event: str
    target: str
    action: str | None
    count: int


_NO_DATA: Final = frozenset({"course", "lifecycle"})
"""Fields of a report that are not data: ``edges`` has the content of the first, the second is code."""


@frozen
class Report:
    """The report of a campaign, from its journal.

    Attributes:
        from_at: when it began.
        until_at: when the last thing in it happened.
        took_s: how long its sessions took together, in seconds; what lies between them is not counted.
        runs: in the plan's order.
        course: where the backends were in the end, and the edges that they have taken.
        lifecycle: the table that the backends were run by.
    """

    campaign: str
    journal: Path
    from_at: datetime
    until_at: datetime
    took_s: float
    sessions: tuple[Session, ...]
    backends: tuple[BackendReport, ...]
    runs: tuple[RunReport, ...]
    course: Course
    lifecycle: Lifecycle = BACKEND

    @property
    def edges(self) -> tuple[EdgeCount, ...]:
        """The edges that were taken, the most frequent first; what differs in guards alone is one."""
        counts: Counter[tuple[str, str, str, str | None]] = Counter()
        for edge, count in self.course.taken.items():
            counts[edge.source, edge.event, edge.target, edge.action] += count
        return tuple(EdgeCount(*edge, count) for edge, count in counts.most_common())

    @property
    def counted(self) -> tuple[RunReport, ...]:
        """All runs but warm-ups, and repeats that turned out not to be needed."""
        return tuple(run for run in self.runs if not run.aside)

    @property
    def left_out(self) -> Mapping[str, int]:
        """How many runs do not count, by the reason."""
        return Counter(run.aside for run in self.runs if run.aside)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many runs came to each outcome, and how many to none; what there is none of is left out."""
        states = Counter(run.state for run in self.counted)
        order = (*(state for state in EXPERIMENT.states if state in EXPERIMENT.final), UNFINISHED)
        return {state: states[state] for state in order if states[state]}

    @property
    def images(self) -> Mapping[str, tuple[str, ...]]:
        """The digests of the images that attempts ran in, by backend."""
        found: dict[str, dict[str, None]] = {}
        for run in self.runs:
            for attempt in run.attempts:
                if attempt.quoted.image is not None:
                    found.setdefault(run.backend, {})[attempt.quoted.image] = None
        return {backend: tuple(digests) for backend, digests in sorted(found.items())}

    @property
    def attempts(self) -> tuple[AttemptReport, ...]:
        """All attempts of all runs."""
        return tuple(attempt for run in self.runs for attempt in run.attempts)

    def to_dict(self) -> dict[str, Any]:
        """It as plain data, with what follows from it."""
        plain: dict[str, Any] = asdict(
            self,
            filter=lambda attribute, _: attribute.name not in _NO_DATA,
            value_serializer=_plain,
        )
        plain["edges"] = [asdict(edge) for edge in self.edges]
        plain["counts"] = dict(self.counts)
        plain["images"] = dict(self.images)
        for written, run in zip(plain["runs"], self.runs, strict=True):
            written["spent_s"] = run.spent_s
            written["aside"] = run.aside
            for told, attempt in zip(written["attempts"], run.attempts, strict=True):
                told["result"] = attempt.result
                told.update({name: getattr(attempt, name) for name in _DERIVED})
        return plain


_DERIVED: Final = ("waited_s", "handed_over_s", "ran_s", "noticed_s", "overhead_s")


@frozen
class Spread:
    """How values are spread."""

    count: int
    median: float
    p95: float
    most: float


def spread(values: Sequence[float]) -> Spread | None:
    """How values are spread; None where there are none."""
    if not values:
        return None
    ordered = sorted(values)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
    return Spread(len(ordered), statistics.median(ordered), p95, ordered[-1])


def _between_s(before: datetime | None, after: datetime | None) -> float | None:
    """The seconds between two moments; None where one is unknown, or a clock was set back between them."""
    if before is None or after is None or after < before:
        return None
    return (after - before).total_seconds()


def _plain(_instance: Any, _attribute: Any, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Path) else value
