"""Open a journal's file, and explain what is wrong with it. A file that is refused stays as it is."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path
from typing import Final

from attrs import field, frozen

from engine.errors import (
    JournalConflict,
    JournalCorrupt,
    JournalError,
    JournalForeign,
    JournalLocked,
    JournalTooNew,
    JournalUnwritable,
)
from engine.journal import schema

__all__ = ["check_header", "connect", "explained", "open_to_read", "open_to_write"]

# https://www.sqlite.org/fileformat2.html#the_database_header
_MAGIC: Final = b"SQLite format 3\0"
_HEADER_BYTES: Final = 100
_APPLICATION_ID: Final = slice(68, 72)

_EXPLAINED: Final = (sqlite3.DatabaseError, ValueError, OverflowError, RecursionError, MemoryError)

_PRIMARY: Final = 0xFF
"""The part of an extended result code that names its kind."""
_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_OF_THE_MACHINE: Final = (
    *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY),
    *(sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM),
)


def check_header(path: Path) -> None:
    """See that a file says it is a journal, before SQLite comes near it.

    Raises:
        JournalError: it is not there, or cannot be read.
        JournalForeign: it is something else.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise JournalForeign("it is no plain file; name a journal", file=path)
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except FileNotFoundError as error:
        raise JournalError("there is no such file", file=path) from error
    except (OSError, ValueError) as error:
        raise JournalError(f"it cannot be read: {error}", file=path) from error
    if not header.startswith(_MAGIC) or len(header) < _HEADER_BYTES:
        what = "empty" if not header else "something else"
        raise JournalForeign(f"it is no journal of dockwarden's but {what}", file=path)
    if int.from_bytes(header[_APPLICATION_ID]) != schema.APPLICATION_ID:
        raise JournalForeign("it is the SQLite database of another program", file=path)


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """A connection whose transactions are begun by hand; usable from one thread at a time.

    Args:
        mode: ro, rw or rwc, as in SQLite's URIs.
    """
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
    )
    return _set_up(connection)


def open_to_read(path: Path) -> sqlite3.Connection:
    """A read-only connection to a whole journal, with the tables of today.

    Raises:
        JournalError: it cannot be used; the subclass says how.
    """
    check_header(path)
    with explained(path, writing=False):
        connection = connect(path, "ro")
        try:
            _check(connection, path)
            if schema.version(connection) < len(schema.MIGRATIONS):
                return _brought_up(connection)
        except BaseException:
            connection.close()
            raise
    return connection


def open_to_write(path: Path, *, durable: bool) -> sqlite3.Connection:
    """A connection for the journal's one writer, who holds its lock.

    Args:
        durable: whether what has been written outlives a loss of power too.

    Raises:
        JournalError: it cannot be used; the subclass says how.
        JournalUnwritable: it cannot be written to.
    """
    open_to_read(path).close()  # so that a damaged file is not even touched
    with explained(path, writing=True):
        connection = connect(path, "rw")
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
            connection.execute("PRAGMA foreign_keys = ON")
            schema.migrate(connection)
        except BaseException:
            connection.close()
            raise
    return connection


@frozen
class explained:  # noqa: N801 - used like a function
    """Translate exceptions of SQLite and :mod:`engine.journal.rows` into :mod:`engine.errors`.

    A class, since it is around every statement: one made of a generator costs as much as the statement.
    """

    path: Path
    writing: bool = field(kw_only=True)

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        # A ProgrammingError is a call on a closed journal: the caller's mistake.
        if isinstance(error, sqlite3.ProgrammingError):
            return
        if isinstance(error, _EXPLAINED):
            raise _error(self.path, error, writing=self.writing) from error


def _set_up(connection: sqlite3.Connection) -> sqlite3.Connection:
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> None:
    steps = schema.version(connection)
    if steps > len(schema.MIGRATIONS):
        raise JournalTooNew(
            f"a later version of dockwarden has written it (journal version {steps}, known here is"
            f" {len(schema.MIGRATIONS)}); upgrade dockwarden",
            file=path,
        )
    if steps <= 0 or not schema.is_intact(connection):
        raise _corrupt(path, "its tables are not those of a journal, or do not add up")
    if connection.execute("SELECT count(*) FROM meta").fetchone()[0] != 1:
        raise _corrupt(path, "it does not say which campaign it is of")


def _brought_up(connection: sqlite3.Connection) -> sqlite3.Connection:
    """A private copy of an older journal, with the tables of today; its memory is a file's."""
    copy = _set_up(sqlite3.connect("", isolation_level=None, check_same_thread=False))
    connection.backup(copy)
    connection.close()
    schema.migrate(copy)
    return copy


def _corrupt(path: Path, what: str) -> JournalCorrupt:
    return JournalCorrupt(
        f"it is damaged: {what}; put it aside, and begin a new one or restore a backup", file=path
    )


def _error(path: Path, error: Exception, *, writing: bool) -> Exception:
    kind = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & _PRIMARY
    if kind == sqlite3.SQLITE_CONSTRAINT:
        return JournalConflict(f"nothing was written: {error}", file=path)
    if kind in _BUSY:
        return JournalLocked("another program is writing to it; end that first", file=path)
    if kind in _OF_THE_MACHINE and writing:
        fix = "free some space, or make it writable"
        return JournalUnwritable(f"it cannot be written: {error}; {fix}", file=path)
    if kind in _OF_THE_MACHINE:
        return JournalError(f"it cannot be read: {error}", file=path)
    # A record that says it is larger than any memory gives an error without words.
    return _corrupt(path, str(error) or "it asks for more memory than there is")
