"""The journal's tables, as the steps that lead to them.

A journal's version (``PRAGMA user_version``) is the number of steps it has been through. A step that has
been released is never changed: what is to be different is one more step. ``docs/journal.md`` describes
the columns.
"""

from __future__ import annotations

import sqlite3
from typing import Final

__all__ = ["APPLICATION_ID", "MIGRATIONS", "is_intact", "migrate", "version"]

APPLICATION_ID: Final = int.from_bytes(b"DkWd")
"""In the file's header (``PRAGMA application_id``): tells a journal from other SQLite files."""

_FIRST: Final = """
CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    campaign TEXT NOT NULL,
    created_at TEXT NOT NULL
);
CREATE TABLE sessions (
    session INTEGER PRIMARY KEY,
    began_at TEXT NOT NULL,
    ended_at TEXT,
    host TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    pid INTEGER NOT NULL,
    started TEXT NOT NULL,
    digests TEXT NOT NULL
);
CREATE TABLE transitions (
    seq INTEGER PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES sessions,
    at TEXT NOT NULL,
    backend TEXT NOT NULL,
    event TEXT NOT NULL,
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    action TEXT,
    reason TEXT NOT NULL,
    generation INTEGER NOT NULL,
    container_id TEXT,
    facts TEXT
);
CREATE TABLE runs (
    run TEXT PRIMARY KEY NOT NULL,
    experiment TEXT NOT NULL,
    backend TEXT NOT NULL,
    cycle INTEGER NOT NULL,
    repeat INTEGER NOT NULL,
    session INTEGER NOT NULL REFERENCES sessions
);
CREATE TABLE attempts (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL REFERENCES runs,
    attempt INTEGER NOT NULL,
    session INTEGER NOT NULL REFERENCES sessions,
    begun_at TEXT NOT NULL,
    backend TEXT NOT NULL,
    request TEXT NOT NULL UNIQUE,
    folder TEXT NOT NULL,
    container_id TEXT,
    generation INTEGER,
    ended_at TEXT,
    ending TEXT,
    exit_code INTEGER,
    reason TEXT,
    duration_s REAL,
    UNIQUE (run, attempt)
);
CREATE INDEX attempts_open ON attempts (id) WHERE ended_at IS NULL;
CREATE TABLE outcomes (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL UNIQUE REFERENCES runs,
    session INTEGER NOT NULL REFERENCES sessions,
    at TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL
);

-- What has been written stays. UNIQUE alone would let INSERT OR REPLACE through.
CREATE TRIGGER outcomes_once BEFORE INSERT ON outcomes
WHEN EXISTS (SELECT 1 FROM outcomes WHERE run = NEW.run)
BEGIN SELECT RAISE(ABORT, 'this run has its outcome already'); END;
CREATE TRIGGER outcomes_stay BEFORE UPDATE ON outcomes
BEGIN SELECT RAISE(ABORT, 'an outcome is written once'); END;
CREATE TRIGGER outcomes_never_go BEFORE DELETE ON outcomes
BEGIN SELECT RAISE(ABORT, 'an outcome is written once'); END;
CREATE TRIGGER transitions_stay BEFORE UPDATE ON transitions
BEGIN SELECT RAISE(ABORT, 'a transition is written once'); END;
CREATE TRIGGER transitions_never_go BEFORE DELETE ON transitions
BEGIN SELECT RAISE(ABORT, 'a transition is written once'); END;
CREATE TRIGGER attempts_end_once BEFORE UPDATE ON attempts WHEN OLD.ended_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'this attempt has its end already'); END;
CREATE TRIGGER attempts_never_go BEFORE DELETE ON attempts
BEGIN SELECT RAISE(ABORT, 'an attempt is written once'); END;
"""

_SECOND: Final = """
CREATE TABLE looks (
    id INTEGER PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES sessions,
    at TEXT NOT NULL,
    backend TEXT NOT NULL,
    generation INTEGER NOT NULL,
    health TEXT NOT NULL,
    reason TEXT NOT NULL,
    memory_used_bytes INTEGER,
    memory_total_bytes INTEGER,
    baseline_bytes INTEGER
);
ALTER TABLE sessions ADD COLUMN software TEXT NOT NULL DEFAULT '{}';
ALTER TABLE transitions ADD COLUMN restarts_left INTEGER;
ALTER TABLE attempts ADD COLUMN ran_from TEXT;
ALTER TABLE attempts ADD COLUMN ran_until TEXT;
"""

_THIRD: Final = """
ALTER TABLE attempts ADD COLUMN left_running TEXT;
"""

_FOURTH: Final = """
ALTER TABLE transitions ADD COLUMN uptime_s REAL;
ALTER TABLE attempts ADD COLUMN begun_uptime_s REAL;
"""

_FIFTH: Final = """
CREATE TABLE reruns (
    run TEXT NOT NULL REFERENCES runs,
    turn INTEGER NOT NULL CHECK (turn > 1),
    session INTEGER NOT NULL REFERENCES sessions,
    at TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    PRIMARY KEY (run, turn)
);
CREATE TABLE outcomes_by_turn (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL REFERENCES runs,
    session INTEGER NOT NULL REFERENCES sessions,
    at TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    turn INTEGER NOT NULL DEFAULT 1,
    UNIQUE (run, turn)
);
INSERT INTO outcomes_by_turn (id, run, session, at, state, reason)
    SELECT id, run, session, at, state, reason FROM outcomes;
DROP TABLE outcomes;
ALTER TABLE outcomes_by_turn RENAME TO outcomes;
CREATE VIEW outcomes_now AS SELECT * FROM outcomes
WHERE turn = 1 + (SELECT count(*) FROM reruns WHERE reruns.run = outcomes.run);

CREATE TRIGGER outcomes_once BEFORE INSERT ON outcomes
WHEN EXISTS (SELECT 1 FROM outcomes WHERE run = NEW.run AND turn = NEW.turn)
BEGIN SELECT RAISE(ABORT, 'this run has its outcome already'); END;
CREATE TRIGGER outcomes_of_a_turn BEFORE INSERT ON outcomes
WHEN NEW.turn <> 1 + (SELECT count(*) FROM reruns WHERE run = NEW.run)
BEGIN SELECT RAISE(ABORT, 'an outcome belongs to the latest turn of its run'); END;
CREATE TRIGGER outcomes_stay BEFORE UPDATE ON outcomes
BEGIN SELECT RAISE(ABORT, 'an outcome is written once'); END;
CREATE TRIGGER outcomes_never_go BEFORE DELETE ON outcomes
BEGIN SELECT RAISE(ABORT, 'an outcome is written once'); END;
CREATE TRIGGER reruns_follow_an_outcome BEFORE INSERT ON reruns
WHEN NOT EXISTS (SELECT 1 FROM outcomes WHERE run = NEW.run AND turn = NEW.turn - 1)
BEGIN SELECT RAISE(ABORT, 'only a run that has its outcome is run again'); END;
CREATE TRIGGER reruns_stay BEFORE UPDATE ON reruns
BEGIN SELECT RAISE(ABORT, 'a rerun is written once'); END;
CREATE TRIGGER reruns_never_go BEFORE DELETE ON reruns
BEGIN SELECT RAISE(ABORT, 'a rerun is written once'); END;
"""

MIGRATIONS: Final[tuple[str, ...]] = (_FIRST, _SECOND, _THIRD, _FOURTH, _FIFTH)
"""From an empty file to the tables of today, step by step."""


def version(connection: sqlite3.Connection) -> int:
    """How many steps a journal has been through."""
    (steps,) = connection.execute("PRAGMA user_version").fetchone()
    return int(steps)


def migrate(connection: sqlite3.Connection) -> None:
    """Take the steps that a journal lacks, each of them wholly or not at all."""
    for number, step in enumerate(MIGRATIONS[version(connection) :], version(connection) + 1):
        try:
            connection.executescript(
                f"BEGIN IMMEDIATE; {step}; PRAGMA application_id = {APPLICATION_ID};"
                f" PRAGMA user_version = {number}; COMMIT;"
            )
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def is_intact(connection: sqlite3.Connection) -> bool:
    """Whether a journal has the tables of its version and no others, and their contents add up."""
    expected = sqlite3.connect(":memory:", isolation_level=None)
    try:
        for step in MIGRATIONS[: version(connection)]:
            expected.executescript(step)
        if _objects(connection) != _objects(expected):
            return False
    finally:
        expected.close()
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    return bool(found == "ok") and connection.execute("PRAGMA foreign_key_check").fetchone() is None


def _objects(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
    query = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
    return [tuple(row) for row in connection.execute(query)]
