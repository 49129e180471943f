"""Reading a journal, also while its writer is at work."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from engine.errors import JournalError
from engine.journal import rows
from engine.journal.files import explained, open_to_read
from engine.journal.replay import replay
from engine.journal.rows import Attempt, JournaledTransition, Outcome, Rerun, Run, Session, Tally
from engine.model.results import GpuLook
from states import BACKEND, Lifecycle

__all__ = ["FILE_NAME", "LIFECYCLE_NAME", "JournalReader", "find_journal"]

FILE_NAME: Final = "journal.sqlite"
"""The file name of a journal in its folder."""

LIFECYCLE_NAME: Final = "lifecycle"
"""The key of the backends' lifecycle in a session's software, if it is not the built-in one."""

_LATEST: Final = "latest"

T = TypeVar("T")


def find_journal(path: Path) -> Path:
    """The journal that a path means: the file itself, or the one in a folder or in its ``latest``.

    Raises:
        JournalError: there is none.
    """
    if not path.is_dir():
        return path
    for folder in (path, path / _LATEST):
        if (folder / FILE_NAME).exists():
            return folder / FILE_NAME
    raise JournalError(
        f"there is no {FILE_NAME} in this folder, nor in {_LATEST} below it", file=path
    )


class JournalReader:
    """A journal, to be read; a context manager. What it yields is read as it goes, in flat memory.

    Every method raises :class:`JournalError` where the file turns out to be damaged.

    Attributes:
        path: the file.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    @classmethod
    def read(cls, path: Path) -> JournalReader:
        """Open a journal to be read.

        Raises:
            JournalError: it is not there, or cannot be used; the subclass says how.
        """
        return JournalReader(path, open_to_read(path))

    def close(self) -> None:
        """Let go of the file; harmless when repeated."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def campaign(self) -> str:
        """The name of the campaign."""
        return self._one(lambda row: rows.name(row["campaign"]), "SELECT campaign FROM meta")

    @property
    def lifecycle(self) -> str:
        """The name of the lifecycle that its backends were run by; ``backend`` for the built-in one."""
        newest = next(reversed(list(self.sessions())), None)
        return BACKEND.name if newest is None else newest.software.get(LIFECYCLE_NAME, BACKEND.name)

    @property
    def created_at(self) -> datetime:
        """When the journal was begun."""
        return self._one(lambda row: rows.moment(row["created_at"]), "SELECT created_at FROM meta")

    def backends(self) -> tuple[str, ...]:
        """The backends that it tells of, by name."""
        query = "SELECT backend FROM transitions UNION SELECT backend FROM runs ORDER BY 1"
        return tuple(self._each(lambda row: rows.name(row["backend"]), query))

    def sessions(self) -> Iterator[Session]:
        """The controllers that have written it, in order; the last may be at it."""
        return self._each(rows.session, "SELECT * FROM sessions ORDER BY session")

    def transitions(self, backend: str | None = None) -> Iterator[JournaledTransition]:
        """The transitions in the order they were taken; of one backend, or of all."""
        return self._each(
            rows.journaled,
            "SELECT * FROM transitions WHERE ?1 IS NULL OR backend = ?1 ORDER BY seq",
            backend,
        )

    def runs(self) -> Iterator[Run]:
        """The planned runs, in the plan's order."""
        return self._each(rows.run, "SELECT * FROM runs ORDER BY rowid")

    def unsettled(self) -> Iterator[Run]:
        """The planned runs that have no outcome."""
        return self._each(
            rows.run,
            "SELECT * FROM runs WHERE run NOT IN (SELECT run FROM outcomes_now) ORDER BY rowid",
        )

    def attempts(self, run: str | None = None) -> Iterator[Attempt]:
        """The attempts in the order they began; of one run, or of all."""
        return self._each(
            rows.attempt, "SELECT * FROM attempts WHERE ?1 IS NULL OR run = ?1 ORDER BY id", run
        )

    def open_attempts(self) -> Iterator[Attempt]:
        """The attempts whose end is not recorded: they run, or their controller died under them."""
        return self._each(rows.attempt, "SELECT * FROM attempts WHERE ended_at IS NULL ORDER BY id")

    def ended_attempts(self) -> Iterator[Attempt]:
        """The attempts that have ended, in the order they did."""
        return self._each(
            rows.attempt, "SELECT * FROM attempts WHERE ended_at IS NOT NULL ORDER BY ended_at, id"
        )

    def looks(self, backend: str | None = None) -> Iterator[GpuLook]:
        """Yield the results of GPU checks, in order; of one backend, or of all."""
        return self._each(
            rows.look, "SELECT * FROM looks WHERE ?1 IS NULL OR backend = ?1 ORDER BY id", backend
        )

    def outcomes(self) -> Iterator[Outcome]:
        """Yield the outcomes of runs, in the order they were recorded; at most one outcome for each run.

        Of a run that was run again, the outcome of the latest turn counts; while that has none, the run
        has no outcome.
        """
        return self._each(rows.outcome, "SELECT * FROM outcomes_now ORDER BY id")

    def all_outcomes(self) -> Iterator[Outcome]:
        """Likewise, but of every turn of every run."""
        return self._each(rows.outcome, "SELECT * FROM outcomes ORDER BY id")

    def reruns(self) -> Iterator[Rerun]:
        """The turns that began with a run that had its outcome already, in order."""
        return self._each(rows.rerun, "SELECT * FROM reruns ORDER BY rowid")

    # How things stand, in a few rows

    def tally(self) -> tuple[Tally, ...]:
        """How many runs of each backend have come to what, in the plan's order."""
        query = (
            "SELECT runs.backend, state, count(*) AS runs, total(spent) AS spent_s, min(runs.rowid)"
            " FROM runs LEFT JOIN outcomes_now USING (run) LEFT JOIN"
            " (SELECT run, total(duration_s) AS spent FROM attempts GROUP BY run) USING (run)"
            " GROUP BY runs.backend, state ORDER BY min(runs.rowid)"
        )
        return tuple(self._each(rows.tally, query))

    def latest_transitions(self) -> tuple[JournaledTransition, ...]:
        """The last transition of each backend."""
        query = (
            "SELECT * FROM transitions WHERE seq IN"
            " (SELECT max(seq) FROM transitions GROUP BY backend) ORDER BY seq"
        )
        return tuple(self._each(rows.journaled, query))

    def latest_looks(self) -> tuple[GpuLook, ...]:
        """Return the last GPU check of each backend."""
        query = "SELECT * FROM looks WHERE id IN (SELECT max(id) FROM looks GROUP BY backend) ORDER BY id"
        return tuple(self._each(rows.look, query))

    def replay(self, lifecycle: Lifecycle = BACKEND) -> dict[str, str]:
        """The state that each backend was last in, derived by taking its transitions again.

        Raises:
            ReplayRefused: the table does not have one of them; names the row.
        """
        return replay(self.transitions(), lifecycle, file=self.path)

    def _each(self, read: Callable[[sqlite3.Row], T], query: str, *values: Any) -> Iterator[T]:
        with explained(self.path, writing=False):
            for row in self._connection.execute(query, values):
                yield read(row)

    def _one(self, read: Callable[[sqlite3.Row], T], query: str) -> T:
        return next(self._each(read, query))
