"""The journal: what happened to backends and runs, recorded before the action that follows begins.

Only the ``finish`` of a backend waits: it is written with the end of its attempt, in one transaction.

One SQLite file for each campaign folder, with one writer (:class:`Journal`) and any number of readers
(:class:`JournalReader`), also while it is being written. States are not stored: they are derived, by
replaying the transitions through the lifecycle's table. ``docs/journal.md`` describes the tables.
"""

from engine.journal.journal import Journal
from engine.journal.reader import FILE_NAME, LIFECYCLE_NAME, JournalReader, find_journal
from engine.journal.replay import replay, retrace
from engine.journal.rows import Attempt, JournaledTransition, Outcome, Rerun, Run, Session, Tally

__all__ = [
    "FILE_NAME",
    "LIFECYCLE_NAME",
    "Attempt",
    "Journal",
    "JournalReader",
    "JournaledTransition",
    "Outcome",
    "Rerun",
    "Run",
    "Session",
    "Tally",
    "find_journal",
    "replay",
    "retrace",
]
