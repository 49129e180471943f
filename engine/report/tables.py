"""A report as JSON, CSV and Markdown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from engine.campaign.runs.summary import human_s
from engine.report.model import NOT_NEEDED, AttemptReport, Report, RunReport, spread
from engine.util.printable import printable, printable_cell

__all__ = ["COLUMNS", "MEASURES", "to_csv", "to_json", "to_markdown"]

_MOST_FAILURES: Final = 50
_SHOWN_LINES: Final = 5

COLUMNS: Final = (
    *("run", "experiment", "backend", "cycle", "repeat", "state", "attempt", "result"),
    *("exit_code", "reason", "begun_at", "dispatched_at", "ran_from", "ran_until", "ended_at"),
    *("duration_s", "waited_s", "handed_over_s", "ran_s", "noticed_s", "overhead_s"),
    *("generation", "container_id", "image", "stdout", "stderr", "backend_log", "left"),
    *("params", "keys", "environment", "metrics", "units", "artifacts", "warnings"),
    *("beside", "gpus_shared_with"),
)
"""Of the CSV: a line for each attempt, and for each run that had none."""

_MAPPINGS: Final = ("params", "keys", "environment", "metrics", "units")
"""Columns of the CSV that hold JSON."""

MEASURES: Final = {
    "waited_s": "waited for its turn and its GPU check",
    "handed_over_s": "from the dispatch to the command's start",
    "ran_s": "the command itself",
    "noticed_s": "from the command's end until that was seen",
    "overhead_s": "overhead of the dispatch: to its start, and from its end",
}
"""The measures of each attempt, in words."""


def to_json(report: Report) -> str:
    """All of a report."""
    return json.dumps(report.to_dict(), indent=2)


def to_csv(report: Report) -> str:
    """The attempts of a report, a line each; a run that was never tried has one line as well.

    Text that a spreadsheet would take for a formula gets an apostrophe in front; see
    :func:`engine.util.printable.printable_cell`.
    """
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(COLUMNS)
    for run in report.runs:
        for attempt in run.attempts or (None,):
            cells = _cells(run, attempt)
            writer.writerow([_cell(cells.get(name)) for name in COLUMNS])
    return written.getvalue()


def _cells(run: RunReport, attempt: AttemptReport | None) -> dict[str, Any]:
    cells: dict[str, Any] = {
        "run": run.run,
        "experiment": run.experiment,
        "backend": run.backend,
        "cycle": run.cycle,
        "repeat": run.repeat,
        "state": run.state,
        "reason": run.reason,
    }
    if attempt is None:
        return cells
    told = {name: getattr(attempt, name) for name in COLUMNS if hasattr(attempt, name)}
    span = attempt.ran
    return {
        **cells,
        **told,
        "attempt": attempt.number,
        "ran_from": span and span.began_at,
        "ran_until": span and span.ended_at,
        "image": attempt.quoted.image,
        "stdout": attempt.quoted.stdout,
        "stderr": attempt.quoted.stderr,
        "backend_log": attempt.quoted.backend_log,
        "left": ", ".join(map(str, attempt.left)),
        **{name: _as_json(getattr(attempt.quoted, name)) for name in _MAPPINGS},
        "artifacts": ", ".join(one.path for one in attempt.quoted.artifacts),
        "warnings": "; ".join(attempt.quoted.warnings),
        "beside": ", ".join(attempt.quoted.beside or ()),
        "gpus_shared_with": ", ".join(attempt.quoted.gpus_shared_with or ()),
    }


def _as_json(value: Mapping[str, Any]) -> str:
    return json.dumps(value) if value else ""


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return f"{value:.6f}"
    return printable_cell(value) if isinstance(value, str) else str(value)


def to_markdown(report: Report) -> str:
    """A summary of a report, to be read or put into a ticket; all attempts are in the other formats."""
    counts = ", ".join(f"{count} {state}" for state, count in report.counts.items())
    return "\n".join(
        (
            f"# {_text(report.campaign)}",
            "",
            f"{counts or 'nothing planned'}, of {len(report.counted)}, in {human_s(report.took_s)}.{_aside(report)}",
            "",
            *_table(
                ("backend", "state", "runs", "completed", "restarts", "renewals", "restarts left"),
                (_backend(report, name) for name in [one.name for one in report.backends]),
            ),
            "",
            *_table(("seconds", "attempts", "median", "95 %", "most"), _measures(report)),
            "",
            *_restarts(report),
            *_failures(report),
            *_left(report),
            "## Provenance",
            "",
            f"- journal: `{printable(str(report.journal))}`",
            *(f"- {_text(line)}" for line in _provenance(report)),
            "",
        )
    )


def _aside(report: Report) -> str:
    """Describe the attempts that do not count."""
    told = ", ".join(f"{count} {why}" for why, count in report.left_out.items())
    return f" Not counted: {told}." if told else ""


def _backend(report: Report, name: str) -> tuple[object, ...]:
    backend = next(one for one in report.backends if one.name == name)
    mine = [run for run in report.counted if run.backend == name]
    left = "" if backend.restarts_left is None else backend.restarts_left
    completed = sum(run.state == "completed" for run in mine)
    return name, backend.state, len(mine), completed, backend.faults, backend.renewals, left


def _measures(report: Report) -> Iterator[tuple[object, ...]]:
    for name, words in MEASURES.items():
        known = [value for one in report.attempts if (value := getattr(one, name)) is not None]
        found = spread(known)
        if found is not None:
            figures = (f"{value:.3f}" for value in (found.median, found.p95, found.most))
            yield words, found.count, *figures


def _restarts(report: Report) -> Iterator[str]:
    rows = [
        (f"{restart.at:%Y-%m-%d %H:%M:%S}", backend.name, restart.event, restart.reason)
        for backend in report.backends
        for restart in backend.restarts
    ]
    if rows:
        yield from ("## Restarts", "", *_table(("UTC", "backend", "by", "cause"), rows), "")


def _failures(report: Report) -> Iterator[str]:
    failed = [run for run in report.runs if run.state != "completed" and run.aside != NOT_NEEDED]
    if not failed:
        return
    yield from ("## Not completed", "")
    for run in failed[:_MOST_FAILURES]:
        reason = f": {run.reason}" if run.reason else ""
        aside = f" ({run.aside}, not counted)" if run.aside else ""
        yield f"- {_text(f'{run.run} {run.state}{reason}{aside}')}"
        if run.attempts:
            last = run.attempts[-1]
            shown = (last.quoted.stderr_lines or last.quoted.stdout_lines)[-_SHOWN_LINES:]
            yield from (f"      {printable(line)}" for line in ("", *shown) if shown)
    if len(failed) > _MOST_FAILURES:
        yield f"- and {len(failed) - _MOST_FAILURES} more"
    yield ""


def _left(report: Report) -> Iterator[str]:
    rows = [
        (run.run, attempt.number, one.pid, one.short, one.ended_by.value if one.ended_by else "")
        for run in report.runs
        for attempt in run.attempts
        for one in attempt.left
    ]
    if rows:
        headings = ("run", "attempt", "pid", "command", "ended by")
        yield from ("## Left running by experiments", "")
        yield from _table(headings, rows[:_MOST_FAILURES])
        if len(rows) > _MOST_FAILURES:
            yield from ("", f"and {len(rows) - _MOST_FAILURES} more")
        yield ""


def _provenance(report: Report) -> Iterator[str]:
    for session in report.sessions:
        until = f"{session.ended_at:%H:%M:%S}" if session.ended_at else "no end recorded"
        software = ", ".join(f"{name} {version}" for name, version in session.software.items())
        told = f"; {software}" if software else ""
        yield (
            f"session {session.number}: {session.began_at:%Y-%m-%d %H:%M:%S} to {until} UTC,"
            f" {session.owner}{told}"
        )

    for backend, digests in report.images.items():
        yield f"image of {backend}: {', '.join(digests)}"


def _table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield f"| {' | '.join(headings)} |"
    yield f"|{' --- |' * len(headings)}"
    for row in rows:
        yield f"| {' | '.join(_text(str(cell)) for cell in row)} |"


def _text(words: str) -> str:
    """Words on one line, as words: what Markdown or HTML would take for something else is escaped."""
    plain = printable(words)
    return "".join(f"\\{one}" if one in "\\`*_[]<>|#~&" else one for one in plain)
