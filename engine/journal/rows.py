"""The records of a journal as values, and how to convert rows to values and back.

A row of a damaged file may hold anything. A value of the wrong kind for its column raises ``ValueError``
here, which readers turn into :class:`engine.errors.JournalCorrupt`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from attrs import frozen

from engine.model.results import GpuLook, LeftProcess, Span, Transition
from engine.ownership.owner import Owner

__all__ = [
    "Attempt",
    "JournaledTransition",
    "Outcome",
    "Rerun",
    "Run",
    "Session",
    "Tally",
    "attempt",
    "facts_json",
    "journaled",
    "left_json",
    "look",
    "moment",
    "name",
    "outcome",
    "rerun",
    "run",
    "session",
    "stamp",
    "tally",
    "text",
]


@frozen
class Session:
    """One controller's time as the journal's writer.

    Attributes:
        number: from 1.
        ended_at: when it closed the journal; None while it writes, or when it died before that.
        digests: of what the campaign was then made of, by name.
        software: what wrote it and what the backends ran on, by name; empty where that was not recorded.
    """

    number: int
    began_at: datetime
    ended_at: datetime | None
    owner: Owner
    digests: Mapping[str, str]
    software: Mapping[str, str]


@frozen
class JournaledTransition:
    """A transition as it stands in the journal.

    Attributes:
        seq: from 1, in the order they were taken.
        session: the number of the session that wrote it.
        facts: the facts that the guards were evaluated with, if recorded.
    """

    seq: int
    session: int
    transition: Transition
    facts: Mapping[str, bool] | None


@frozen
class Run:
    """One run of one experiment, as planned.

    Attributes:
        id: unique within the campaign.
        cycle: from 1.
        repeat: from 1.
    """

    id: str
    experiment: str
    backend: str
    cycle: int = 1
    repeat: int = 1


@frozen
class Attempt:
    """One attempt of a run.

    Attributes:
        number: from 1.
        session: the number of the session that began it.
        request: the id that marks its process tree.
        folder: of its output, relative to the journal's folder.
        container_id: the container it was handed to; None as long as it was handed to none.
        generation: of that container.
        ended_at: None while it runs, as far as the journal knows; then so is what follows.
        exit_code: None as well if it was not observed.
        ran: when the command itself ran; None if that was not observed.
        left: the processes that it left running when its command had ended.
        begun_uptime_s: when it began, by :func:`engine.util.clock.uptime_s` of its session; None where that was not
            recorded.
    """

    run: str
    number: int
    session: int
    begun_at: datetime
    backend: str
    request: str
    folder: str
    container_id: str | None
    generation: int | None
    ended_at: datetime | None
    ending: str | None
    exit_code: int | None
    reason: str | None
    duration_s: float | None
    ran: Span | None = None
    left: tuple[LeftProcess, ...] = ()
    begun_uptime_s: float | None = None


@frozen
class Tally:
    """How many runs of one backend are in one state.

    Attributes:
        state: their outcome; None for those that have none.
        spent_s: how long their attempts took, in seconds.
    """

    backend: str
    state: str | None
    runs: int
    spent_s: float


@frozen
class Outcome:
    """The final outcome of a run in one turn.

    Attributes:
        session: the number of the session that wrote it.
        state: the final state of the experiment's table.
        turn: 1, and one more each time that the user had the run repeated.
    """

    run: str
    session: int
    at: datetime
    state: str
    reason: str
    turn: int = 1


@frozen
class Rerun:
    """A run that has its outcome, and is run again at the user's request.

    Attributes:
        turn: from 2.
        session: the number of the session that began it.
        attempt: the number of its first attempt.
    """

    run: str
    turn: int
    session: int
    at: datetime
    attempt: int


# From values to columns


def stamp(at: datetime) -> str:
    """A moment as the journal writes it: ISO 8601, UTC, microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def text(value: str) -> str:
    """A text that SQLite takes: what has no UTF-8 (half of a surrogate pair) becomes ``?``."""
    return value.encode(errors="replace").decode()


def facts_json(facts: Mapping[str, bool] | None) -> str | None:
    """Facts as the journal writes them."""
    return None if facts is None else json.dumps(dict(facts), sort_keys=True)


# From columns to values

T = TypeVar("T")


def moment(value: Any) -> datetime:
    """A moment as it was written."""
    at = datetime.fromisoformat(_a(str, value))
    if at.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    return at


def name(value: Any) -> str:
    """A name as it was written."""
    return _a(str, value)


def session(row: sqlite3.Row) -> Session:
    """A row of ``sessions``."""
    return Session(
        number=_a(int, row["session"]),
        began_at=moment(row["began_at"]),
        ended_at=None if row["ended_at"] is None else moment(row["ended_at"]),
        owner=Owner(
            _a(str, row["host"]),
            _a(str, row["boot_id"]),
            _a(int, row["pid"]),
            _a(str, row["started"]),
        ),
        digests=_mapping(str, row["digests"]),
        software=_mapping(str, row["software"]),
    )


def journaled(row: sqlite3.Row) -> JournaledTransition:
    """A row of ``transitions``."""
    return JournaledTransition(
        seq=_a(int, row["seq"]),
        session=_a(int, row["session"]),
        transition=Transition(
            at=moment(row["at"]),
            backend=_a(str, row["backend"]),
            event=_a(str, row["event"]),
            source=_a(str, row["source"]),
            target=_a(str, row["target"]),
            action=_maybe(str, row["action"]),
            reason=_a(str, row["reason"]),
            generation=_a(int, row["generation"]),
            container_id=_maybe(str, row["container_id"]),
            restarts_left=_maybe(int, row["restarts_left"]),
            uptime_s=_maybe(float, row["uptime_s"]),
        ),
        facts=None if row["facts"] is None else _mapping(bool, row["facts"]),
    )


def run(row: sqlite3.Row) -> Run:
    """A row of ``runs``."""
    return Run(
        id=_a(str, row["run"]),
        experiment=_a(str, row["experiment"]),
        backend=_a(str, row["backend"]),
        cycle=_a(int, row["cycle"]),
        repeat=_a(int, row["repeat"]),
    )


def attempt(row: sqlite3.Row) -> Attempt:
    """A row of ``attempts``."""
    return Attempt(
        run=_a(str, row["run"]),
        number=_a(int, row["attempt"]),
        session=_a(int, row["session"]),
        begun_at=moment(row["begun_at"]),
        backend=_a(str, row["backend"]),
        request=_a(str, row["request"]),
        folder=_a(str, row["folder"]),
        container_id=_maybe(str, row["container_id"]),
        generation=_maybe(int, row["generation"]),
        ended_at=None if row["ended_at"] is None else moment(row["ended_at"]),
        ending=_maybe(str, row["ending"]),
        exit_code=_maybe(int, row["exit_code"]),
        reason=_maybe(str, row["reason"]),
        duration_s=_maybe(float, row["duration_s"]),
        ran=_span(row["ran_from"], row["ran_until"]),
        left=_left(row["left_running"]),
        begun_uptime_s=_maybe(float, row["begun_uptime_s"]),
    )


def look(row: sqlite3.Row) -> GpuLook:
    """A row of ``looks``."""
    return GpuLook(
        at=moment(row["at"]),
        backend=_a(str, row["backend"]),
        generation=_a(int, row["generation"]),
        health=_a(str, row["health"]),
        reason=_a(str, row["reason"]),
        memory_used_bytes=_maybe(int, row["memory_used_bytes"]),
        memory_total_bytes=_maybe(int, row["memory_total_bytes"]),
        baseline_bytes=_maybe(int, row["baseline_bytes"]),
    )


def tally(row: sqlite3.Row) -> Tally:
    """How many runs are in a state."""
    return Tally(
        backend=_a(str, row["backend"]),
        state=_maybe(str, row["state"]),
        runs=_a(int, row["runs"]),
        spent_s=_a(float, row["spent_s"]),
    )


def outcome(row: sqlite3.Row) -> Outcome:
    """A row of ``outcomes``."""
    return Outcome(
        run=_a(str, row["run"]),
        session=_a(int, row["session"]),
        at=moment(row["at"]),
        state=_a(str, row["state"]),
        reason=_a(str, row["reason"]),
        turn=_a(int, row["turn"]),
    )


def rerun(row: sqlite3.Row) -> Rerun:
    """A row of ``reruns``."""
    return Rerun(
        run=_a(str, row["run"]),
        turn=_a(int, row["turn"]),
        session=_a(int, row["session"]),
        at=moment(row["at"]),
        attempt=_a(int, row["attempt"]),
    )


def _span(began_at: Any, ended_at: Any) -> Span | None:
    return None if began_at is None else Span(moment(began_at), moment(ended_at))


def left_json(left: Sequence[LeftProcess]) -> str | None:
    """Processes as the journal writes them; None where there are none."""
    return text(json.dumps([one.to_plain() for one in left])) if left else None


def _left(value: Any) -> tuple[LeftProcess, ...]:
    listed = [] if value is None else _a(list, json.loads(_a(str, value)))
    try:
        return tuple(LeftProcess.from_plain(_a(dict, one)) for one in listed)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{value!r:.60} stands where processes should") from error


def _a(kind: type[T], value: Any) -> T:
    if not isinstance(value, kind):
        raise ValueError(f"{value!r:.60} stands where a {kind.__name__} should")  # noqa: TRY004
    return value


def _maybe(kind: type[T], value: Any) -> T | None:
    return None if value is None else _a(kind, value)


def _mapping(kind: type[T], value: Any) -> dict[str, T]:
    return {name: _a(kind, one) for name, one in _a(dict, json.loads(_a(str, value))).items()}
