"""From a journal, and the records that lie beside it, to a report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from attrs import asdict

from engine.campaign.persistence.results import RESULTS, read_records
from engine.campaign.resumption.replay import backend_course
from engine.campaign.runs.planned_run import is_warmup
from engine.errors import InputError
from engine.journal import Attempt, JournaledTransition, JournalReader, Outcome, Session
from engine.model.results import GpuLook, Span
from engine.report.model import (
    STOPPING,
    UNFINISHED,
    AttemptReport,
    BackendReport,
    Band,
    Quoted,
    Report,
    Restart,
    RunReport,
)
from engine.spool import MainLog, logs_of
from states import BACKEND, Lifecycle

__all__ = ["gather"]

_LONGEST_CHARACTERS: Final = 4000
"""The report quotes at most so much of an attempt's last output, of each stream."""


def gather(journal: JournalReader, *, lines: int = 20, lifecycle: Lifecycle = BACKEND) -> Report:
    """Gather a report from a journal, which may be at rest or in use by its writer.

    Args:
        lines: how many of the last lines of each attempt's output to quote.
        lifecycle: the table that its backends lived by.

    Raises:
        InputError: its backends were run by another lifecycle than the built-in one; it names that.
        ReplayRefused: the table does not have one of its transitions.
        JournalError: it is damaged.
    """
    if lifecycle is BACKEND and journal.lifecycle != BACKEND.name:
        raise InputError(
            f"the backends in {journal.path} were run by the lifecycle {journal.lifecycle}; name it:"
            f" dockwarden report --lifecycle {journal.lifecycle} (its module is imported)"
        )
    course = backend_course(journal, lifecycle)
    sessions = tuple(journal.sessions())
    transitions = list(journal.transitions())
    looks = list(journal.looks())
    attempts = list(journal.attempts())
    outcomes = {outcome.run: outcome for outcome in journal.outcomes()}
    spans = _spans(sessions, transitions, attempts, outcomes.values())
    return Report(
        campaign=journal.campaign,
        journal=journal.path.resolve(),
        from_at=min(span.began_at for span in spans.values()),
        until_at=max(span.ended_at for span in spans.values()),
        took_s=sum((one.ended_at - one.began_at).total_seconds() for one in spans.values()),
        sessions=sessions,
        backends=tuple(
            _backend(
                name,
                state=course.here[name],
                transitions=[one for one in transitions if one.transition.backend == name],
                looks=[one for one in looks if one.backend == name],
                spans=spans,
                lifecycle=lifecycle,
                logs=logs_of(journal.path.resolve().parent, name),
            )
            for name in journal.backends()
        ),
        runs=tuple(_runs(journal, attempts, transitions, outcomes, lines)),
        course=course,
        lifecycle=lifecycle,
    )


def _spans(
    sessions: Sequence[Session],
    transitions: Iterable[JournaledTransition],
    attempts: Iterable[Attempt],
    outcomes: Iterable[Outcome],
) -> dict[int, Span]:
    """From when to when each session lasted: by all that it tells, since it may have no end, or a set clock."""
    told = {one.number: [one.began_at, one.ended_at or one.began_at] for one in sessions}
    for row in transitions:
        told[row.session].append(row.transition.at)
    for attempt in attempts:
        told[attempt.session].append(attempt.ended_at or attempt.begun_at)
    for outcome in outcomes:
        told[outcome.session].append(outcome.at)
    return {number: Span(min(moments), max(moments)) for number, moments in told.items()}


# Backends


def _backend(
    name: str,
    *,
    state: str,
    transitions: Sequence[JournaledTransition],
    looks: Sequence[GpuLook],
    spans: Mapping[int, Span],
    lifecycle: Lifecycle,
    logs: Iterable[MainLog],
) -> BackendReport:
    left = [one.transition.restarts_left for one in transitions]
    return BackendReport(
        name=name,
        state=state,
        bands=tuple(_bands(transitions, spans, lifecycle)),
        restarts=tuple(_restarts(transitions)),
        looks=tuple(looks),
        restarts_left=left[-1] if left else None,
        logs=tuple((log.generation, str(log.within)) for log in logs),
    )


def _bands(
    transitions: Iterable[JournaledTransition], spans: Mapping[int, Span], lifecycle: Lifecycle
) -> Iterator[Band]:
    """The states one after the other, without those times in which there was no container."""
    for session, group in groupby(transitions, key=lambda one: one.session):
        rows = [one.transition for one in group]
        ends = [*(one.at for one in rows[1:]), spans[session].ended_at]
        latched = False
        for taken, end in zip(rows, ends, strict=True):
            if lifecycle.latch is not None:
                latched = (latched or taken.event == lifecycle.latch.event) and (
                    taken.event not in lifecycle.latch.until
                )
            if taken.target != lifecycle.initial:
                yield Band(STOPPING if latched else taken.target, taken.at, end, taken.reason)


def _restarts(transitions: Iterable[JournaledTransition]) -> Iterator[Restart]:
    for one in transitions:
        taken = one.transition
        if taken.action == "relaunch":
            yield Restart(taken.at, taken.event, taken.reason, taken.generation)


# Runs


def _runs(
    journal: JournalReader,
    attempts: Iterable[Attempt],
    transitions: Iterable[JournaledTransition],
    outcomes: Mapping[str, Outcome],
    lines: int,
) -> Iterator[RunReport]:
    dispatched = {
        one.transition.reason: one.transition.at
        for one in transitions
        if one.transition.event == "dispatch"
    }
    quoted = _quoted(journal.path.resolve().with_name(RESULTS), lines)
    earlier: defaultdict[str, list[str]] = defaultdict(list)
    for past in journal.all_outcomes():
        earlier[past.run].append(past.state)
    by_run: defaultdict[str, list[AttemptReport]] = defaultdict(list)
    for one in attempts:
        by_run[one.run].append(
            AttemptReport(
                number=one.number,
                session=one.session,
                begun_at=one.begun_at,
                dispatched_at=dispatched.get(one.request),
                ran=one.ran,
                ended_at=one.ended_at,
                ending=one.ending,
                exit_code=one.exit_code,
                reason=one.reason or "",
                duration_s=one.duration_s,
                container_id=one.container_id,
                generation=one.generation,
                left=one.left,
                quoted=quoted.get((one.run, one.number), Quoted()),
            )
        )
    for run in journal.runs():
        outcome = outcomes.get(run.id)
        yield RunReport(
            run=run.id,
            experiment=run.experiment,
            backend=run.backend,
            cycle=run.cycle,
            repeat=run.repeat,
            state=outcome.state if outcome else UNFINISHED,
            reason=outcome.reason if outcome else "",
            attempts=tuple(by_run[run.id]),
            warmup=is_warmup(run.id, run.experiment, run.backend),
            earlier=tuple(earlier[run.id][:-1] if outcome else earlier[run.id]),
        )


def _quoted(file: Path, lines: int) -> dict[tuple[str, int], Quoted]:
    """Read what the records beside the journal quote of each attempt, by its run and number.

    Output is quoted from there and not from its own files: secrets have been taken out of it.
    """
    try:
        return {
            (record.run, record.attempt): Quoted(
                command=_texts(record.command),
                image=record.image,
                stdout=record.stdout,
                stderr=record.stderr,
                backend_log=record.backend_log,
                stdout_lines=_last(record.stdout_lines, lines),
                stderr_lines=_last(record.stderr_lines, lines),
                params=record.params,
                keys=record.keys,
                environment=record.environment,
                beside=record.beside,
                gpus_shared_with=record.gpus_shared_with,
                **asdict(record.measurements, recurse=False),
            )
            for record in read_records(file)
        }
    except OSError:
        return {}


def _last(written: object, lines: int) -> tuple[str, ...]:
    """Return the last lines of an output, up to the limits of a quote."""
    kept: list[str] = []
    left = _LONGEST_CHARACTERS
    for line in reversed(_texts(written)[-lines:] if lines else ()):
        kept.append(line[-left:])
        left -= len(kept[-1])
        if left <= 0:
            break
    return tuple(reversed(kept))


def _texts(written: object) -> tuple[str, ...]:
    """A list of texts, out of a file that may hold anything."""
    return tuple(map(str, written)) if isinstance(written, list | tuple) else ()
