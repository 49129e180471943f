"""The summary of a campaign: a value, as text for people and as a dict for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Self

from attrs import asdict, evolve, field, frozen

from engine.campaign.runs.until import is_needless
from engine.model.measurements import Artifact
from engine.model.results import EndedBy, LeftProcess
from engine.util.redaction import Secrets
from states import EXPERIMENT

__all__ = ["BackendSummary", "Outcome", "Summary", "human_s"]

_SHOWN_FAILURES: Final = 20
_SHOWN_LEFT: Final = 3
_UNSETTLED: Final = "unfinished"
_FAILURES: Final = ("failed", "lost")
_MINUTE_S: Final = 60
_HOUR_S: Final = 3600


@frozen
class Outcome:
    """The state of one run.

    Attributes:
        state: of the experiment's table; one that is not final was cut short by an interrupt.
        spent_s: how long its attempts took, in seconds.
        stdout: the output of its last attempt, relative to the folder of the results.
        left: the processes that its last attempt left running when its command had ended.
        warmup: whether it only warmed its backend up: it counts for nothing.
        entry: the entry of the campaign file that its experiment comes from.
        params: what its experiment was swept over.
        keys: what its experiment is about.
        metrics: the numbers that its last attempt handed back, by name.
        units: of these, where they have one.
        artifacts: the files that its last attempt handed back.
        warnings: what of these could not be used.
    """

    run: str
    experiment: str
    backend: str
    state: str
    attempts: int = 0
    reason: str = ""
    spent_s: float = 0.0
    stdout: str | None = None
    stderr: str | None = None
    left: tuple[LeftProcess, ...] = ()
    warmup: bool = False
    entry: str = ""
    params: Mapping[str, Any] = field(factory=dict)
    keys: Mapping[str, str] = field(factory=dict)
    metrics: Mapping[str, float] = field(factory=dict)
    units: Mapping[str, str] = field(factory=dict)
    artifacts: tuple[Artifact, ...] = ()
    warnings: tuple[str, ...] = ()

    def without(self, secrets: Secrets) -> Self:
        """The outcome with none of these in what it quotes of its experiment."""
        if not secrets:
            return self
        params, keys = secrets.hide_within(self.params), secrets.hide_within(self.keys)
        return evolve(self, params=params, keys=keys)

    @property
    def needless(self) -> bool:
        """Whether it is a repeat that turned out not to be needed."""
        return is_needless(self.state, self.reason)


@frozen
class BackendSummary:
    """The summary of one backend.

    Attributes:
        spent_s: how long experiments ran in it, in seconds.
        restarts: how often its container was started again because of faults.
        renewals: how often it was started again, or recreated, on request.
    """

    name: str
    runs: int
    completed: int
    spent_s: float
    restarts: int
    renewals: int = 0


@frozen
class Summary:
    """The summary of a campaign's runs.

    Attributes:
        runtime: one line that says which engine was used.
        results: the folder of this run of the campaign.
        started_at: when this session of it began; an earlier one's runs are among the outcomes.
        interrupted: whether it was ordered to end early.
        resumed: whether it continued an earlier session.
        backends: in the plan's order.
    """

    campaign: str
    runtime: str
    results: str
    started_at: datetime
    ended_at: datetime
    interrupted: bool
    outcomes: tuple[Outcome, ...]
    backends: tuple[BackendSummary, ...]
    resumed: bool = False

    @property
    def counted(self) -> tuple[Outcome, ...]:
        """The outcomes of all runs but warm-ups, and repeats that turned out not to be needed."""
        return tuple(one for one in self.outcomes if not (one.warmup or one.needless))

    @property
    def counts(self) -> Mapping[str, int]:
        """How many runs are in each final state, and how many are unfinished."""
        states = Counter(
            outcome.state if outcome.state in EXPERIMENT.final else _UNSETTLED
            for outcome in self.counted
        )
        order = (*(state for state in EXPERIMENT.states if state in EXPERIMENT.final), _UNSETTLED)
        return {state: states[state] for state in order}

    @property
    def all_completed(self) -> bool:
        """Whether every run that counts completed."""
        return all(outcome.state == "completed" for outcome in self.counted)

    @property
    def attempted(self) -> bool:
        """Whether anything was run at all."""
        return any(outcome.attempts for outcome in self.outcomes)

    def to_dict(self) -> dict[str, Any]:
        """The summary as plain data, for ``--json`` and ``summary.json``."""
        plain = asdict(self, value_serializer=_plain)
        outcomes, backends = plain.pop("outcomes"), plain.pop("backends")
        return {
            **plain,
            "duration_s": (self.ended_at - self.started_at).total_seconds(),
            "total": len(self.counted),
            "counts": dict(self.counts),
            "backends": backends,
            "runs": outcomes,
        }

    def to_text(self) -> str:
        """The summary for people."""
        counted = [f"{count} {state}" for state, count in self.counts.items() if count]
        took = human_s((self.ended_at - self.started_at).total_seconds())
        told = {"resumed": self.resumed, "interrupted": self.interrupted}
        words = ", ".join(word for word, so in told.items() if so)
        how = f" ({words})" if words else ""
        counts = ", ".join(counted) or "nothing to run"
        lines = [f"{self.campaign}{how}: {counts}, of {len(self.counted)}, in {took}"]
        lines += [f"  {_backend_line(backend)}" for backend in self.backends]
        failures = [outcome for outcome in self.outcomes if outcome.state in _FAILURES]
        lines += [line for outcome in failures[:_SHOWN_FAILURES] for line in _failure(outcome)]
        if len(failures) > _SHOWN_FAILURES:
            lines.append(f"  and {len(failures) - _SHOWN_FAILURES} more; see summary.json")
        lines += _left(self.outcomes)
        lines += _skipped(self.outcomes)
        lines += [f"  runtime: {self.runtime}", f"  results: {self.results}"]
        return "\n".join(lines)


def human_s(seconds: float) -> str:
    """A duration for people: ``4.2 s``, ``3 min 05 s``, ``1 h 02 min``."""
    if round(seconds, 1) < _MINUTE_S:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S} min {whole % _MINUTE_S:02d} s"
    return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S:02d} min"


def _backend_line(backend: BackendSummary) -> str:
    restarts = {0: "", 1: ", 1 restart"}.get(backend.restarts, f", {backend.restarts} restarts")
    times = f"{backend.renewals} time{'s' * (backend.renewals > 1)}"
    renewals = f", renewed {times} on request" if backend.renewals else ""
    if not backend.runs:
        return f"{backend.name}: no experiments itself{restarts}{renewals}"
    return (
        f"{backend.name}: {backend.completed} of {backend.runs} completed,"
        f" {human_s(backend.spent_s)} in experiments{restarts}{renewals}"
    )


def _failure(outcome: Outcome) -> list[str]:
    tries = "" if outcome.attempts == 1 else f" after {outcome.attempts} attempts"
    warmup = " (a warm-up, not counted)" if outcome.warmup else ""
    lines = [f"  {outcome.run} {outcome.state}{tries}: {outcome.reason}{warmup}"]
    if outcome.stderr is not None:
        lines.append(f"    {outcome.stderr}")
    return lines


def _left(outcomes: tuple[Outcome, ...]) -> list[str]:
    """Describe the processes left running, of the first runs that left any."""
    leaving = [outcome for outcome in outcomes if outcome.left]
    lines = [
        f"  {outcome.run} left running: {', '.join(map(str, outcome.left[:_SHOWN_LEFT]))}"
        + (f" and {len(outcome.left) - _SHOWN_LEFT} more" * (len(outcome.left) > _SHOWN_LEFT))
        for outcome in leaving[:_SHOWN_FAILURES]
    ]
    if len(leaving) > _SHOWN_FAILURES:
        lines.append(
            f"  and {len(leaving) - _SHOWN_FAILURES} more left processes; see summary.json"
        )
    return lines


def _skipped(outcomes: tuple[Outcome, ...]) -> list[str]:
    """One line for each reason, since one reason often skips many."""
    reasons = Counter(
        (outcome.backend, outcome.reason) for outcome in outcomes if outcome.state == "skipped"
    )
    return [
        f"  {backend}: {count} {_of_them(count, reason)}{reason}"
        for (backend, reason), count in reasons.items()
    ]


def _of_them(count: int, reason: str) -> str:
    if not is_needless("skipped", reason):
        return "skipped: "
    return "repeat " if count == 1 else "repeats "


def _plain(_instance: Any, _attribute: Any, value: Any) -> Any:
    if isinstance(value, EndedBy):
        return value.value
    return value.isoformat() if isinstance(value, datetime) else value
