"""What a campaign writes into its journal, and what becomes of the campaign when it cannot.

Each transaction waits for the disk, and an experiment may be shorter than that. So what a crash may
take without loss waits for what must be there in any case, and is written with it: an attempt's begin
with its dispatch, before which nothing of it runs; a backend's ``finish`` with the end of the attempt.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from attrs import define, field

from engine.campaign.plan import PlannedRun
from engine.campaign.progress import Progress
from engine.campaign.records import AttemptRecord
from engine.errors import DockwardenError
from engine.journal import Journal
from engine.record import GpuLook, Transition

__all__ = ["Ledger", "write_end"]

_FINISH: Final = "finish"
"""The event that the end of an attempt always follows."""

_Write = Callable[[Journal], None]


@define(eq=False)
class Ledger:
    """Writes what happens; a failure to write ends the campaign, and never hinders its teardown.

    Attributes:
        failure: why nothing is written any more; None while all is well.
    """

    _journal: Journal | None
    _on_failure: Callable[[], None]
    failure: DockwardenError | None = field(default=None, init=False)
    _waiting: list[_Write] = field(factory=list, init=False)

    def transition(self, transition: Transition) -> None:
        """Write a backend's transition."""
        later = transition.event == _FINISH
        self._write(lambda journal: journal.transition(transition), later=later)

    def look(self, look: GpuLook) -> None:
        """Write what a look at a backend's GPUs showed."""
        self._write(lambda journal: journal.look(look))

    def begun(self, run: PlannedRun, number: int, *, request: str, folder: str) -> None:
        """Write that an attempt begins."""
        at = datetime.now(UTC)
        self._write(
            lambda journal: journal.attempt_begun(
                run.id, number, backend=run.backend, request=request, folder=folder, at=at
            ),
            later=True,
        )

    def ended(self, progress: Progress, record: AttemptRecord) -> None:
        """Write how an attempt ended and, if that settles its run, the outcome; both or neither."""

        def write(journal: Journal) -> None:
            write_end(journal, record)
            if progress.settled:
                journal.outcome(record.run, progress.state, reason=progress.reason)

        self._write(write)

    def abandoned(self, progress: Progress) -> None:
        """Write the outcome of a run that is not tried, or not tried again."""
        self._write(
            lambda journal: journal.outcome(progress.run.id, progress.state, reason=progress.reason)
        )

    def _write(self, write: _Write, *, later: bool = False) -> None:
        """Write, with all that has waited, in one transaction; or let it wait."""
        if self._journal is None or self.failure is not None:
            return
        self._waiting.append(write)
        if later:
            return
        try:
            with self._journal.at_once():
                for one in self._waiting:
                    one(self._journal)
            self._waiting.clear()
        except DockwardenError as error:
            self.failure = error
            self._on_failure()


def write_end(journal: Journal, record: AttemptRecord) -> None:
    """Write how an attempt ended."""
    journal.attempt_ended(
        record.run,
        record.attempt,
        ending=record.ending,
        exit_code=record.exit_code,
        reason=record.reason,
        duration_s=record.duration_s,
        at=record.ended_at,
        ran=record.ran,
    )
