"""``dockwarden history``: what a journal tells, readably."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.cli.completers import journal_backends
from engine.cli.exit_codes import DONE
from engine.cli.output.messages import show
from engine.util.printable import printable

if TYPE_CHECKING:
    from engine.journal import Attempt, JournaledTransition, JournalReader, Outcome, Rerun, Session

__all__ = ["history"]

_Entry = tuple[datetime, str, Mapping[str, Any]]
"""When, in words, and as plain data."""

_SHORT = 12
"""So many characters of a container's id are shown, as Docker does."""


@click.command()
@click.argument("journal", type=click.Path(path_type=Path))
@click.option(
    "--backend",
    metavar="BACKEND",
    shell_complete=journal_backends,
    help="Only the entries of this backend.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each entry.")
def history(journal: Path, *, backend: str | None, as_json: bool) -> int:
    """Print the history in JOURNAL, or in the journal of a folder of results.

    It has each transition of each backend, each attempt and each outcome, in the order of time. It may be read while the campaign runs.

    \b
    Example:
      dockwarden history results/ --backend pytorch
    """
    from engine.journal import Journal, find_journal

    with Journal.read(find_journal(journal)) as reader:
        known = reader.backends()
        if backend is not None and backend not in known:
            raise click.UsageError(
                f"it has no backend {backend!r}, but {', '.join(known) or 'none'}"
            )
        if not as_json:
            show(f"campaign {printable(reader.campaign)}, in {reader.path}")
        for at, words, data in _entries(reader, backend):
            show(json.dumps(data) if as_json else f"{_clock(at)}  {printable(words)}")
    return DONE


def _entries(journal: JournalReader, backend: str | None) -> Iterator[_Entry]:
    """Yield all entries in the order of time; entries from before and after a clock was set back may mix."""
    runs = {run.id for run in journal.runs() if backend in (None, run.backend)}
    return heapq.merge(
        (_session(one) for one in journal.sessions()),
        (_transition(one) for one in journal.transitions(backend)),
        (_rerun(one) for one in journal.reruns() if one.run in runs),
        (_begun(one) for one in journal.attempts() if one.run in runs),
        (_ended(one) for one in journal.ended_attempts() if one.run in runs),
        (_outcome(one) for one in journal.all_outcomes() if one.run in runs),
        key=lambda entry: entry[0],
    )


def _session(one: Session) -> _Entry:
    until = "no end recorded" if one.ended_at is None else f"until {_clock(one.ended_at)}"
    return (
        one.began_at,
        f"session {one.number}: {one.owner}; {until}",
        {
            "kind": "session",
            "at": one.began_at.isoformat(),
            "session": one.number,
            "ended_at": one.ended_at and one.ended_at.isoformat(),
            "owner": one.owner.labels(),
            "digests": dict(one.digests),
        },
    )


def _transition(one: JournaledTransition) -> _Entry:
    taken = one.transition
    where = f", container {taken.container_id[:_SHORT]}" if taken.container_id else ""
    why = f"{taken.event}: {taken.reason}; start {taken.generation}{where}"
    return (
        taken.at,
        f"{taken.backend}: {taken.source} -> {taken.target} ({why})",
        {
            "kind": "transition",
            "at": taken.at.isoformat(),
            "seq": one.seq,
            "session": one.session,
            "backend": taken.backend,
            "event": taken.event,
            "source": taken.source,
            "target": taken.target,
            "action": taken.action,
            "reason": taken.reason,
            "generation": taken.generation,
            "container_id": taken.container_id,
            "facts": one.facts,
        },
    )


def _begun(one: Attempt) -> _Entry:
    return (
        one.begun_at,
        f"{one.run}: attempt {one.number} begins on {one.backend}",
        {
            "kind": "attempt begun",
            "at": one.begun_at.isoformat(),
            "session": one.session,
            "run": one.run,
            "attempt": one.number,
            "backend": one.backend,
            "request": one.request,
            "folder": one.folder,
            "container_id": one.container_id,
            "generation": one.generation,
        },
    )


def _ended(one: Attempt) -> _Entry:
    assert one.ended_at is not None
    code = "" if one.exit_code is None else f", exit code {one.exit_code}"
    reason = f": {one.reason}" if one.reason else ""
    return (
        one.ended_at,
        f"{one.run}: attempt {one.number} {one.ending}{code}{reason}",
        {
            "kind": "attempt ended",
            "at": one.ended_at.isoformat(),
            "run": one.run,
            "attempt": one.number,
            "ending": one.ending,
            "exit_code": one.exit_code,
            "reason": one.reason,
            "duration_s": one.duration_s,
        },
    )


def _rerun(one: Rerun) -> _Entry:
    return (
        one.at,
        f"{one.run}: run again from attempt {one.attempt} on",
        {
            "kind": "rerun",
            "at": one.at.isoformat(),
            "session": one.session,
            "run": one.run,
            "turn": one.turn,
            "attempt": one.attempt,
        },
    )


def _outcome(one: Outcome) -> _Entry:
    reason = f": {one.reason}" if one.reason else ""
    return (
        one.at,
        f"{one.run}: {one.state}{reason}",
        {
            "kind": "outcome",
            "at": one.at.isoformat(),
            "session": one.session,
            "run": one.run,
            "turn": one.turn,
            "state": one.state,
            "reason": one.reason,
        },
    )


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3] + "Z"
