"""Write the records of a campaign, and handle the failure to write them.

All of it outlives the death of this process at once. The disk, which also outlives a loss of power, takes
longer than the rest of a short experiment's handling does. So a hand-over and the end before it share one
sync, which is done while the runtime prepares the command, and before anything of it runs; what no
hand-over follows is synced a moment later.

Likewise, records that may be lost in a crash are batched with the next record that must not be:
an attempt's begin with its dispatch, before which nothing of it runs; a backend's ``finish`` with the
end of the attempt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from attrs import define, field

from engine.campaign.persistence.results import Results
from engine.campaign.runs.attempt_record import AttemptRecord
from engine.campaign.runs.plan import PlannedRun
from engine.campaign.runs.progress import Progress
from engine.errors import DockwardenError
from engine.journal import Journal
from engine.model.results import GpuLook, Transition
from engine.util.clock import uptime_s

__all__ = ["Ledger", "write_end"]

_DISPATCH: Final = "dispatch"
"""The event before whose effect :meth:`Ledger.sync` is called."""

_FINISH: Final = "finish"
"""The event that the end of an attempt always follows."""

_SOON_S: Final = 0.1
"""How long what has been written may wait for the sync of a hand-over."""

_Write = Callable[[Journal], None]


@define(eq=False)
class Ledger:
    """Writes what happens; a failure to write ends the campaign, and never hinders its teardown.

    Attributes:
        failure: why nothing is written any more; None while all is well.
    """

    _journal: Journal | None
    _results: Results
    _on_failure: Callable[[], None]
    failure: DockwardenError | None = field(default=None, init=False)
    _waiting: list[_Write] = field(factory=list, init=False)
    _durable: bool = field(init=False)
    _timer: asyncio.TimerHandle | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._durable = self._results.durable
        if self._journal is not None:
            self._durable |= self._journal.durable
            self._journal.sync_later()

    def transition(self, transition: Transition) -> None:
        """Write a backend's transition."""
        event = transition.event
        self._write(lambda journal: journal.transition(transition), later=event == _FINISH)
        if event not in (_FINISH, _DISPATCH):
            self.sync()

    def look(self, look: GpuLook) -> None:
        """Write the result of a check of a backend's GPUs."""
        self._write(lambda journal: journal.look(look))

    def begun(
        self, run: PlannedRun, number: int, *, request: str, folder: str, again: bool = False
    ) -> None:
        """Write that an attempt begins.

        Args:
            again: whether its run has its outcome, so that this begins another turn of it.
        """
        at, up_s = datetime.now(UTC), uptime_s()

        def write(journal: Journal) -> None:
            if (
                again
            ):  # with the attempt, and not before: the outcome stands until it is tried again
                journal.rerun(run.id, number, at=at)
            journal.attempt_begun(
                *(run.id, number),
                backend=run.backend,
                request=request,
                folder=folder,
                at=at,
                uptime_s=up_s,
            )

        self._write(write, later=True)

    def ended(self, progress: Progress, record: AttemptRecord) -> None:
        """Write how an attempt ended and, if that settles its run, the outcome; both or neither.

        Raises:
            SetupError: its record cannot be written.
        """

        def write(journal: Journal) -> None:
            write_end(journal, record)
            if progress.settled:
                journal.outcome(record.run, progress.state, reason=progress.reason)

        self._results.write(record)  # first: what the journal calls settled has its line
        self._write(write)

    def abandoned(self, progress: Progress) -> None:
        """Write the outcome of a run that is not tried, or not tried again."""
        self._write(
            lambda journal: journal.outcome(progress.run.id, progress.state, reason=progress.reason)
        )

    def sync(self) -> None:
        """See all that has been written onto the disk."""
        if self._timer is None:  # nothing has been written since
            return
        self._timer.cancel()
        self._timer = None
        try:
            self._results.sync()
            if self._journal is not None and self.failure is None:
                self._journal.sync()
        except DockwardenError as error:
            self._fail(error)

    def _write(self, write: _Write, *, later: bool = False) -> None:
        """Write, with all that has waited, in one transaction; or let it wait."""
        if self._durable and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_SOON_S, self.sync)
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
            self._fail(error)

    def _fail(self, error: DockwardenError) -> None:
        if self.failure is None:
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
        left=record.left,
    )
