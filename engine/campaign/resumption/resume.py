"""Resume a campaign: complete the records that an earlier session left, and continue from them.

The journal decides. What it or ``results.jsonl`` lacks, because the controller died between the two, is
taken from the other, so that each attempt has one end and one line; a campaign that runs writes the
line first, so that what is settled has its line. An attempt that was under way is
looked up in its folder; where that tells nothing it may still run, which its backend will see. Whenever
this is cut short, doing it again ends in the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any, Final

from attrs import evolve

from engine.backend.machine import Machine
from engine.campaign.model import Campaign
from engine.campaign.persistence.attempt_output import Written
from engine.campaign.persistence.recorder import write_end
from engine.campaign.persistence.results import Results
from engine.campaign.resumption.turns import Turn, by_turn, turns_of
from engine.campaign.runs.attempt_record import AttemptRecord, record_of
from engine.campaign.runs.plan import PlannedRun, folder_of, request_id
from engine.campaign.runs.progress import Progress
from engine.errors import JournalCorrupt
from engine.journal import Attempt, Journal, Outcome, Run
from engine.model.results import Ending
from engine.policy import RetryPolicy
from engine.util.clock import utc_now
from states import EXPERIMENT, StateError

__all__ = ["journaled", "replayed", "resume"]

_LOST: Final = "its controller died under it"
_UNCLEARED: Final = f"its teardown did not run: {_LOST}"


def resume(
    campaign: Campaign, runs: Sequence[PlannedRun], journal: Journal, results: Results
) -> dict[str, Progress]:
    """Make whole what earlier sessions have left of ``runs``, and say how far each of them has come.

    Args:
        journal: theirs, with a new session begun.
        results: of the journal's folder.

    Raises:
        JournalCorrupt: its attempts and outcomes do not follow from the experiment's table.
        SetupError: something cannot be written.
    """
    journal.plan(journaled(runs))
    lines = _lines(results.records())
    turns = turns_of(journal)
    attempts = _by_run(journal.attempts())
    newest = {attempt.backend: attempt for attempt in journal.attempts()}
    machine = Machine(EXPERIMENT)
    progress: dict[str, Progress] = {}
    for run in runs:
        mine = lines.get(run.id, {})
        unknown = _unjournaled(attempts.get(run.id, []), mine)
        known = turns.get(run.id, (Turn(),))
        gone_through = _with_unknown(known, unknown)
        settled = gone_through[-1].outcome is not None
        ended: list[AttemptRecord] = []
        records: list[AttemptRecord] = []
        under_way: Attempt | None = None
        for attempt in attempts.get(run.id, []):
            line = mine.get(attempt.number)
            if (
                attempt == newest[attempt.backend]
                and line is None
                and not settled
                and _may_run(attempt, results.folder)
            ):
                under_way = attempt
                continue
            records.append(_record(campaign, run, attempt, line, results))
            if attempt.ended_at is None:
                ended.append(records[-1])
        records = sorted([*records, *unknown], key=lambda record: record.attempt)
        progress[run.id] = replayed(
            run,
            machine,
            records,
            gone_through,
            campaign.retry,
            file=journal.path,
            under_way=under_way,
        )
        with journal.at_once():
            for turn in gone_through[len(known) :]:
                journal.rerun(run.id, turn.first)
            _journal(journal, progress[run.id], unknown, ended, settled=settled)
        for record in records:
            if record.attempt not in mine:
                results.write(record)
    results.sync()
    return progress


def replayed(
    run: PlannedRun,
    machine: Machine,
    records: Sequence[AttemptRecord],
    turns: Sequence[Turn],
    retry: RetryPolicy,
    *,
    file: Path,
    under_way: Attempt | None = None,
) -> Progress:
    """How far a run has come, by taking its attempts again through the experiment's table.

    Each turn goes through the table from its start. An attempt that another one of its turn followed was
    allowed to be. If there is an outcome, it decides what follows the last one, even if the policy has changed
    since; else the policy decides.

    Args:
        records: its attempts that have ended, in order.
        turns: of the run, in order.
        file: the journal, for the error.
        under_way: the attempt that followed them, and may not have ended.

    Raises:
        JournalCorrupt: the table does not lead there.
    """
    progress = Progress(run, machine.instance())
    for turn, mine in by_turn(turns, records, lambda record: record.attempt):
        last = under_way if turn is turns[-1] else None
        progress = _gone_through(progress, mine, turn.outcome, retry, file=file, under_way=last)
    return progress


def _gone_through(
    before: Progress,
    records: Sequence[AttemptRecord],
    outcome: Outcome | None,
    retry: RetryPolicy,
    *,
    file: Path,
    under_way: Attempt | None,
) -> Progress:
    """How far a run has come after one more turn."""
    run = before.run
    for last_again in (None,) if outcome is None else (False, True):
        progress = copy(before)
        progress.new_turn()
        try:
            for record in records:
                followed = record is not records[-1] or under_way is not None
                again = followed or last_again
                if again is None:
                    again = progress.may_retry(record, retry)
                progress.relive(record, again=again)
            if under_way is not None:
                progress.go_on(under_way)
            if outcome is not None and not progress.settled:
                progress.abandon(outcome.reason)
        except (StateError, ValueError) as error:
            raise JournalCorrupt(
                f"the attempts of {run.id} do not follow from one another: {error};"
                " put it aside, or begin from scratch with --fresh",
                file=file,
            ) from error
        if outcome is None:
            return progress
        if progress.state == outcome.state:
            progress.reason = outcome.reason
            return progress
    assert outcome is not None
    raise JournalCorrupt(
        f"{run.id} is said to be {outcome.state}, and its attempts do not lead there;"
        " put it aside, or begin from scratch with --fresh",
        file=file,
    )


def journaled(runs: Iterable[PlannedRun]) -> Iterable[Run]:
    """Planned runs as the journal holds them."""
    return (Run(run.id, run.experiment.name, run.backend, run.cycle, run.repeat) for run in runs)


def _with_unknown(turns: Sequence[Turn], unknown: Sequence[AttemptRecord]) -> tuple[Turn, ...]:
    """The turns, and one more where attempts that the journal lacks followed the last one's outcome."""
    if turns[-1].outcome is None or not unknown:
        return tuple(turns)
    return (*turns, Turn(min(record.attempt for record in unknown)))


def _by_run(attempts: Iterable[Attempt]) -> dict[str, list[Attempt]]:
    found: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        found.setdefault(attempt.run, []).append(attempt)
    return found


def _lines(records: Iterable[AttemptRecord]) -> dict[str, dict[int, AttemptRecord]]:
    """The lines of each run, by its attempts' numbers."""
    found: dict[str, dict[int, AttemptRecord]] = {}
    for record in records:
        found.setdefault(record.run, {})[record.attempt] = record
    return found


def _unjournaled(
    attempts: Iterable[Attempt], lines: Mapping[int, AttemptRecord]
) -> list[AttemptRecord]:
    """The lines of attempts that the journal could not take in any more: its disk was full, say."""
    known = {attempt.number for attempt in attempts}
    return [record for number, record in lines.items() if number not in known]


def _journal(
    journal: Journal,
    progress: Progress,
    unknown: Iterable[AttemptRecord],
    ended: Iterable[AttemptRecord],
    *,
    settled: bool,
) -> None:
    """Write what the journal lacks of a run."""
    for record in unknown:
        journal.attempt_begun(
            record.run,
            record.attempt,
            backend=record.backend,
            request=request_id(progress.run, record.attempt),
            folder=f"{record.backend}/{folder_of(progress.run, record.attempt)}",
            at=record.started_at,
            container_id=record.container_id,
            generation=record.generation,
        )
    for record in (*unknown, *ended):
        write_end(journal, record)
    if progress.settled and not settled:
        journal.outcome(progress.run.id, progress.state, reason=progress.reason)


def _record(
    campaign: Campaign,
    run: PlannedRun,
    attempt: Attempt,
    line: AttemptRecord | None,
    results: Results,
) -> AttemptRecord:
    """How an attempt ended: as the journal says, else as its line does, else as its folder does."""
    written = Written.by(results.folder, attempt)
    if attempt.ended_at is not None:
        how: dict[str, Any] = {
            "ending": attempt.ending or Ending.LOST.value,
            "exit_code": attempt.exit_code,
            "reason": attempt.reason or "",
            "ended_at": attempt.ended_at,
            "duration_s": attempt.duration_s,
            "ran_from": attempt.ran and attempt.ran.began_at,
            "ran_until": attempt.ran and attempt.ran.ended_at,
            "left": attempt.left,
        }
        if line is not None:
            return evolve(line, **how)
    elif line is not None:
        return line
    else:
        how = _looked_up(written, attempt, run)
    known = {
        "started_at": attempt.begun_at,
        "container_id": attempt.container_id,
        "generation": attempt.generation,
    }
    left_behind = {**written.fields(results.secrets), **written.measured(run.experiment, how)}
    if attempt.ended_at is None and run.experiment.teardown and not written.teardown_ran():
        left_behind["warnings"] = (*left_behind["warnings"], _UNCLEARED)
    return record_of(campaign, run, attempt.number, {**known, **left_behind, **how})


def _may_run(attempt: Attempt, folder: Path) -> bool:
    """Whether an attempt may have outlived its controller: it was handed over, and has noted no end."""
    handed_over = attempt.ended_at is None and attempt.container_id is not None
    return handed_over and Written.by(folder, attempt).noted() is None


def _looked_up(written: Written, attempt: Attempt, run: PlannedRun) -> dict[str, Any]:
    """How an attempt ended that was under way when its controller died."""
    return {
        "ending": Ending.INTERRUPTED.value,
        "exit_code": None,
        "reason": _LOST,
        "ended_at": utc_now(),
        "duration_s": None,
        **written.ended_alone(attempt.begun_at, run.experiment),
    }
