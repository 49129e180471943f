"""How far each run of a campaign has come: a machine of the experiment table, and what it gathered."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from typing import Final

from attrs import asdict, define, field

from engine.backend.machine import Instance
from engine.campaign.runs.attempt_record import AttemptRecord
from engine.campaign.runs.plan import PlannedRun
from engine.campaign.runs.summary import BackendSummary, Outcome
from engine.journal import Attempt
from engine.model.measurements import Measurements
from engine.model.results import Ending, LeftProcess
from engine.policy import RetryPolicy

__all__ = ["EVENTS", "Progress", "of_backend", "reason_of"]

EVENTS: Final = {
    Ending.EXITED: "exit",
    Ending.UNSTARTED: "exit",
    Ending.TIMEOUT: "exit",
    Ending.SILENCE: "exit",
    Ending.LEFTOVERS: "exit",
    Ending.OUTPUT: "exit",
    Ending.LOST: "vanish",
    Ending.INTERRUPTED: "interrupt",
}
"""The event of the experiment's table for each ending of an attempt."""

_SIGNALLED: Final = 128


@define(eq=False)
class Progress:
    """One planned run under way.

    Attributes:
        attempts: how many attempts have begun, in all sessions.
        interrupted: how many of them were cut short by an interrupt; these do not count as tries.
        reason: why it is where it is, in words.
        spent_s: how long its attempts have taken, in seconds.
        since_s: when the attempt that runs now began, in seconds of the event loop's clock.
        stdout: the output of its last attempt, relative to the folder of the results.
        left: the processes that its last attempt left running.
        under_way: its last attempt, if an earlier session began it and its end is not known yet.
        again: whether it has its outcome and is due to be run again. The outcome stands until the first
            attempt of the new turn begins.
    """

    run: PlannedRun
    _instance: Instance
    attempts: int = field(default=0, init=False)
    interrupted: int = field(default=0, init=False)
    reason: str = field(default="", init=False)
    spent_s: float = field(default=0.0, init=False)
    since_s: float | None = field(default=None, init=False)
    stdout: str | None = field(default=None, init=False)
    stderr: str | None = field(default=None, init=False)
    left: tuple[LeftProcess, ...] = field(default=(), init=False)
    measurements: Measurements = field(factory=Measurements, init=False)
    under_way: Attempt | None = field(default=None, init=False)
    again: bool = field(default=False, init=False)
    _earlier: int = field(default=0, init=False)
    """How many attempts belong to earlier turns."""

    @property
    def state(self) -> str:
        """The state of the experiment's table that it is in."""
        return self._instance.state

    @property
    def settled(self) -> bool:
        """Whether it has come to its outcome, and is not due to be run again."""
        return self.state in self._instance.lifecycle.final and not self.again

    def run_again(self) -> None:
        """Let a run that has its outcome have another turn: see :attr:`again`."""
        self.again = True

    def new_turn(self) -> None:
        """Begin a turn: the experiment's table is gone through from its start; attempts are numbered on."""
        self._instance = self._instance.anew()
        self._earlier, self.interrupted = self.attempts, 0
        self.reason, self.again = "", False

    def dispatch(self, now_s: float) -> int:
        """Begin an attempt, and return its number."""
        if self.again:
            self.new_turn()
        self._instance.fire("dispatch")
        self.attempts += 1
        self.since_s = now_s
        return self.attempts

    def relive(self, record: AttemptRecord, *, again: bool) -> None:
        """Take in an attempt of an earlier session."""
        self._instance.fire("dispatch")
        self.attempts = record.attempt
        self.conclude(record, again=again)

    def go_on(self, attempt: Attempt) -> None:
        """Take in an attempt of an earlier session that may still run."""
        self._instance.fire("dispatch")
        self.attempts, self.under_way = attempt.number, attempt

    def may_retry(self, record: AttemptRecord, retry: RetryPolicy) -> bool:
        """Whether another attempt may follow the one that ended like this, and is not concluded yet."""
        tries = self._tries(record)
        ending = Ending(record.ending)
        return retry.decide(ending, attempts=tries, exit_code=record.exit_code).allowed

    def conclude(self, record: AttemptRecord, *, again: bool) -> None:
        """Take in how an attempt ended.

        Args:
            again: whether another attempt may follow.
        """
        ending = Ending(record.ending)
        succeeded = ending is Ending.EXITED and record.exit_code == 0
        tried = self._tries(record) > 1
        facts = {"succeeded": succeeded, "attempt_left": again, "tried": tried}
        self._instance.fire(EVENTS[ending], facts)
        self.stdout, self.stderr, self.left = record.stdout, record.stderr, record.left
        self.measurements = record.measurements
        self.since_s, self.under_way = None, None
        self.interrupted += ending is Ending.INTERRUPTED
        self.spent_s += record.duration_s or 0.0
        self.reason = "" if succeeded else reason_of(record)

    def abandon(self, reason: str) -> None:
        """Give up on it: it is not tried, or not tried again. What is not run again keeps its outcome."""
        if self.again:
            self.again = False
            why = "not run again" if reason == self.reason else f"not run again: {reason}"
            self.reason = "; ".join(filter(None, (self.reason, why)))
            return
        self._instance.fire("abandon")
        tried = self.attempts > self._earlier
        self.reason = f"{self.reason}; not tried again: {reason}" if tried else reason

    def _tries(self, record: AttemptRecord) -> int:
        """Return the number of an attempt's try within its turn."""
        return record.attempt - self._earlier - self.interrupted

    def outcome(self) -> Outcome:
        """Return its present state, as a value."""
        return Outcome(
            run=self.run.id,
            experiment=self.run.experiment.name,
            backend=self.run.backend,
            state=self.state,
            attempts=self.attempts,
            reason=self.reason,
            spent_s=self.spent_s,
            stdout=self.stdout,
            stderr=self.stderr,
            left=self.left,
            warmup=self.run.warmup,
            entry=self.run.experiment.entry,
            params=self.run.experiment.params,
            keys=self.run.experiment.keys,
            **asdict(self.measurements, recurse=False),
        )


def of_backend(
    name: str, progress: Iterable[Progress], *, restarts: int, renewals: int
) -> BackendSummary:
    """Summarize one backend, from the progress of all runs.

    Args:
        restarts: how often its container was started again because of faults.
        renewals: likewise, because that was asked for.
    """
    mine = [one for one in progress if one.run.backend == name]
    outcomes = [one.outcome() for one in mine]
    counted = [one for one in outcomes if not (one.warmup or one.needless)]
    return BackendSummary(
        name=name,
        runs=len(counted),
        completed=sum(one.state == "completed" for one in counted),
        spent_s=sum(one.spent_s for one in mine),
        restarts=restarts,
        renewals=renewals,
    )


def reason_of(record: AttemptRecord) -> str:
    """Why an attempt did not succeed, in words."""
    if record.reason or record.exit_code is None:
        return record.reason or record.ending
    code = record.exit_code
    return f"exit code {code}{_signal(code - _SIGNALLED)}"


def _signal(number: int) -> str:
    known = {one.value for one in signal.Signals}
    return f" ({signal.Signals(number).name})" if number in known else ""
