"""What a campaign writes into its journal, and what becomes of the campaign when it cannot."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field

from engine.campaign.plan import PlannedRun
from engine.campaign.progress import Progress
from engine.campaign.records import AttemptRecord
from engine.errors import DockwardenError
from engine.journal import Journal
from engine.record import GpuLook, Transition

__all__ = ["Ledger", "write_end"]


@define(eq=False)
class Ledger:
    """Writes what happens; a failure to write ends the campaign, and never hinders its teardown.

    Attributes:
        failure: why nothing is written any more; None while all is well.
    """

    _journal: Journal | None
    _on_failure: Callable[[], None]
    failure: DockwardenError | None = field(default=None, init=False)

    def transition(self, transition: Transition) -> None:
        """Write a backend's transition."""
        self._write(lambda journal: journal.transition(transition))

    def look(self, look: GpuLook) -> None:
        """Write what a look at a backend's GPUs showed."""
        self._write(lambda journal: journal.look(look))

    def begun(self, run: PlannedRun, number: int, *, request: str, folder: str) -> None:
        """Write that an attempt begins."""
        self._write(
            lambda journal: journal.attempt_begun(
                run.id, number, backend=run.backend, request=request, folder=folder
            )
        )

    def ended(self, progress: Progress, record: AttemptRecord) -> None:
        """Write how an attempt ended and, if that settles its run, the outcome; both or neither."""

        def write(journal: Journal) -> None:
            with journal.at_once():
                write_end(journal, record)
                if progress.settled:
                    journal.outcome(record.run, progress.state, reason=progress.reason)

        self._write(write)

    def abandoned(self, progress: Progress) -> None:
        """Write the outcome of a run that is not tried, or not tried again."""
        self._write(
            lambda journal: journal.outcome(progress.run.id, progress.state, reason=progress.reason)
        )

    def _write(self, write: Callable[[Journal], None]) -> None:
        if self._journal is None or self.failure is not None:
            return
        try:
            write(self._journal)
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
