"""Writing a journal: one process at a time, and each record on the disk before the call returns."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

from engine.errors import DockwardenError, JournalConflict, JournalUnwritable
from engine.journal import schema
from engine.journal.files import check_header, connect, explained, open_to_write
from engine.journal.lock import WriterLock
from engine.journal.reader import JournalReader
from engine.journal.rows import Run, facts_json, left_json, stamp, text
from engine.model.results import GpuLook, LeftProcess, Span, Transition
from engine.ownership.owner import Owner
from engine.util.clock import utc_now

__all__ = ["Journal"]

_DISPATCH: Final = "dispatch"
"""The event by which an attempt gets its container; its reason is the id of the request."""


class Journal(JournalReader):
    """A journal, to be written; a context manager.

    Each call is one transaction, on the disk when it returns (but see :meth:`sync_later`); several
    become one in a block of :meth:`at_once`. Use it from one thread at a time. A call that raises has
    written nothing, and the journal can still be used.

    Attributes:
        durable: whether records outlive a loss of power, not only the death of this process.

    Every method that writes raises:
        JournalUnwritable: no space is left, or no permission.
        JournalConflict: it contradicts what is written already.
    """

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        lock: WriterLock,
        owner: Owner,
        *,
        durable: bool,
    ) -> None:
        super().__init__(path, connection)
        self._lock: WriterLock | None = lock
        self._owner = owner
        self.durable = durable
        self._session: int | None = None

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        campaign: str,
        digests: Mapping[str, str] | None = None,
        software: Mapping[str, str] | None = None,
        owner: Owner | None = None,
        durable: bool = True,
    ) -> Self:
        """Begin a new journal, with its first session.

        Args:
            path: where; nothing may be there yet.
            campaign: the campaign's name.
            digests: of what the campaign is made of, by name: its file, each service.
            software: what writes it and what the backends run on, by name.
            owner: who writes; None for this process.
            durable: whether a record outlives a loss of power, not only the death of this process;
                False is for simulations.

        Raises:
            JournalError: something is there already; the subclass says what.
        """
        owner = owner or Owner.current()
        lock = WriterLock.take(path, owner)
        try:
            _make(path, campaign)
            connection = open_to_write(path, durable=durable)
            journal = cls(path, connection, lock, owner, durable=durable)
        except BaseException:
            lock.release()
            raise
        try:
            journal.begin_session(digests or {}, software)
        except BaseException:
            journal.close()
            raise
        return journal

    @classmethod
    def open(cls, path: Path, *, owner: Owner | None = None, durable: bool = True) -> Self:
        """Open a journal to append to it; call :meth:`begin_session` before anything is written.

        Args:
            owner: who writes; None for this process.
            durable: as for :meth:`create`.

        Raises:
            JournalLocked: another process writes to it; says who.
            JournalError: it is not there, or cannot be used; the subclass says how.
        """
        check_header(path)  # so that nothing is put beside a file that is no journal
        owner = owner or Owner.current()
        lock = WriterLock.take(path, owner)
        try:
            connection = open_to_write(path, durable=durable)
            return cls(path, connection, lock, owner, durable=durable)
        except BaseException:
            lock.release()
            raise

    def close(self) -> None:
        """End the session and let others write; harmless when repeated."""
        if self._lock is None:
            return
        if self._session is not None:
            with contextlib.suppress(DockwardenError):
                query = "UPDATE sessions SET ended_at = ? WHERE session = ?"
                self._write(query, _now(), self._session)
        with contextlib.suppress(
            sqlite3.Error
        ):  # another process reads it: the next to close it will do so
            # A journal at rest is one file, which can be copied, or read where nothing can be written.
            self._connection.execute("PRAGMA busy_timeout = 0")
            self._connection.execute("PRAGMA journal_mode = DELETE")
        self._connection.close()
        self._lock.release()
        self._lock = None

    # Sessions

    def changed(self, digests: Mapping[str, str]) -> tuple[str, ...]:
        """The names whose digest is not what the last session's was, or is new, or is gone."""
        before: Mapping[str, str] = {}
        for session in self.sessions():
            before = session.digests
        names = sorted({*before, *digests})
        return tuple(name for name in names if before.get(name) != digests.get(name))

    def begin_session(
        self, digests: Mapping[str, str], software: Mapping[str, str] | None = None
    ) -> None:
        """Say who writes from here on. Backends begin in the initial state again.

        Args:
            digests: as for :meth:`create`.
            software: likewise.
        """
        query = (
            "INSERT INTO sessions (began_at, host, boot_id, pid, started, digests, software)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)"
        )
        owner = self._owner
        who = (text(owner.host), owner.boot_id, owner.pid, owner.started)
        told = (json.dumps(dict(one), sort_keys=True) for one in (digests, software or {}))
        written = self._write(query, _now(), *who, *told)
        self._session = written.lastrowid

    # What happens

    def transition(
        self, transition: Transition, *, facts: Mapping[str, bool] | None = None
    ) -> None:
        """Record a transition. A dispatch also places the attempt whose request its reason names.

        Args:
            facts: the facts that the guards were evaluated with, if a replay is to check them.
        """
        query = (
            "INSERT INTO transitions (session, at, backend, event, source, target, action, reason,"
            " generation, container_id, facts, restarts_left, uptime_s)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        )
        one = transition
        with self.at_once():
            self._write(
                *(query, self._writer(), stamp(one.at), text(one.backend), one.event),
                *(one.source, one.target, one.action, text(one.reason)),
                *(one.generation, one.container_id, facts_json(facts), one.restarts_left),
                one.uptime_s,
            )
            if one.event == _DISPATCH:
                query = (
                    "UPDATE attempts SET container_id = ?, generation = ?"
                    " WHERE request = ? AND ended_at IS NULL"
                )
                self._write(query, one.container_id, one.generation, text(one.reason))

    def look(self, look: GpuLook) -> None:
        """Record the result of a check of a backend's GPUs."""
        query = (
            "INSERT INTO looks (session, at, backend, generation, health, reason, memory_used_bytes,"
            " memory_total_bytes, baseline_bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        )
        self._write(
            *(query, self._writer(), stamp(look.at), text(look.backend), look.generation),
            *(look.health, text(look.reason)),
            *(look.memory_used_bytes, look.memory_total_bytes, look.baseline_bytes),
        )

    def plan(self, runs: Iterable[Run]) -> None:
        """Record what is to be run, before any of it is; what is planned already stays."""
        query = (
            "INSERT INTO runs (run, experiment, backend, cycle, repeat, session)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (run) DO NOTHING"
        )
        with self.at_once():
            for run in runs:
                names = (text(run.id), text(run.experiment), text(run.backend))
                self._write(query, *names, run.cycle, run.repeat, self._writer())

    def attempt_begun(
        self,
        run: str,
        number: int,
        *,
        backend: str,
        request: str,
        folder: str,
        at: datetime | None = None,
        uptime_s: float | None = None,
        container_id: str | None = None,
        generation: int | None = None,
    ) -> None:
        """Record that an attempt begins, before it is handed over.

        Args:
            number: from 1; goes on from one session to the next.
            request: the id that marks its process tree.
            folder: of its output, relative to the journal's folder.
            at: None for now.
            uptime_s: likewise, by :func:`engine.util.clock.uptime_s`; None where that is not known.
            container_id: where it is known already; its dispatch always records it.
            generation: likewise.
        """
        query = (
            "INSERT INTO attempts (run, attempt, session, begun_at, backend, request, folder,"
            " container_id, generation, begun_uptime_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        )
        self._write(
            *(query, text(run), number, self._writer(), _now() if at is None else stamp(at)),
            *(text(backend), text(request), text(folder), container_id, generation, uptime_s),
        )

    def attempt_ended(
        self,
        run: str,
        number: int,
        *,
        ending: str,
        exit_code: int | None,
        reason: str = "",
        duration_s: float | None = None,
        at: datetime | None = None,
        ran: Span | None = None,
        left: Sequence[LeftProcess] = (),
    ) -> None:
        """Record how an attempt ended.

        Args:
            ending: the value of a :class:`engine.model.results.Ending`.
            exit_code: None if it was not observed.
            duration_s: how long it took, in seconds; None if it was not measured.
            at: None for now.
            ran: when the command itself ran; None where that was not seen.
            left: the processes that it left running when its command had ended.
        """
        query = (
            "UPDATE attempts SET ended_at = ?, ending = ?, exit_code = ?, reason = ?, duration_s = ?,"
            " ran_from = ?, ran_until = ?, left_running = ? WHERE run = ? AND attempt = ?"
        )
        self._writer()
        ended_at = _now() if at is None else stamp(at)
        how = (ending, exit_code, text(reason), None if duration_s is None else float(duration_s))
        span = (stamp(ran.began_at), stamp(ran.ended_at)) if ran else (None, None)
        what = (ended_at, *how, *span, left_json(left))
        if not self._write(query, *what, text(run), number).rowcount:
            raise JournalConflict(f"attempt {number} of {run} has not begun", file=self.path)

    def outcome(
        self, run: str, state: str, *, reason: str = "", at: datetime | None = None
    ) -> None:
        """Record what became of a run in its latest turn, for good.

        Args:
            state: the final state of the experiment's table.
            at: None for now.
        """
        query = (
            "INSERT INTO outcomes (run, session, at, state, reason, turn)"
            " VALUES (?1, ?2, ?3, ?4, ?5, 1 + (SELECT count(*) FROM reruns WHERE run = ?1))"
        )
        when = _now() if at is None else stamp(at)
        self._write(query, text(run), self._writer(), when, state, text(reason))

    def rerun(self, run: str, attempt: int, *, at: datetime | None = None) -> None:
        """Record that a run which has its outcome is run again; the next outcome is another turn's.

        Args:
            attempt: the number of the first attempt of the new turn.
            at: None for now.
        """
        query = (
            "INSERT INTO reruns (run, session, at, attempt, turn)"
            " VALUES (?1, ?2, ?3, ?4, 2 + (SELECT count(*) FROM reruns WHERE run = ?1))"
        )
        when = _now() if at is None else stamp(at)
        self._write(query, text(run), self._writer(), when, attempt)

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        """A block whose records are written all together at its end, or none of them on an error."""
        if self._connection.in_transaction:
            yield
            return
        self._write("BEGIN IMMEDIATE")
        try:
            yield
            self._write("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def sync_later(self) -> None:
        """Let records outlive this process at once, but a loss of power only from the next :meth:`sync` on."""
        if self.durable:
            self._write("PRAGMA synchronous = NORMAL")

    def sync(self) -> None:
        """See all records onto the disk."""
        if not self.durable:
            return
        try:
            _sync(Path(f"{self.path}-wal"))
        except OSError as error:
            raise JournalUnwritable(f"it cannot be written: {error}", file=self.path) from error

    def _roll_back(self) -> None:
        if self._connection.in_transaction:  # SQLite may have done it by itself
            self._connection.execute("ROLLBACK")

    def _writer(self) -> int:
        if self._session is None:
            raise JournalConflict("begin a session before writing", file=self.path)
        return self._session

    def _write(self, query: str, *values: Any) -> sqlite3.Cursor:
        with explained(self.path, writing=True):
            return self._connection.execute(query, values)


def _now() -> str:
    return stamp(utc_now())


def _make(path: Path, campaign: str) -> None:
    """Make a journal, whole or not at all; the caller holds its lock."""
    unfinished = path.with_name(f".{path.name}.new")
    try:
        if path.exists() or path.is_symlink():
            check_header(path)
            raise JournalConflict(
                "there is a journal already; resume it, or choose another folder", file=path
            )
        unfinished.unlink(missing_ok=True)
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with explained(path, writing=True), contextlib.closing(connect(unfinished, "rw")) as made:
            schema.migrate(made)
            query = "INSERT INTO meta (id, campaign, created_at) VALUES (1, ?, ?)"
            made.execute(query, (text(campaign), _now()))
        unfinished.rename(path)
        _sync(path.parent)
    except OSError as error:
        raise JournalUnwritable(f"it cannot be made: {error}", file=path) from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """See what has been written to a file, or the new names in a folder, onto the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
