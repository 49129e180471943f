"""Read the state of an interrupted campaign, and the changes of its files since, without touching anything."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import evolve, field, frozen

from engine.campaign.model import Campaign
from engine.campaign.persistence.fingerprints import LIFECYCLE, experiment_key
from engine.campaign.persistence.results import unwritable
from engine.campaign.runs.plan import PlannedRun
from engine.campaign.runs.until import is_needless
from engine.errors import InputError, JournalUnwritable
from engine.journal import FILE_NAME, JournalReader, Session
from engine.journal.lock import WriterLock
from engine.ownership.owner import Owner

__all__ = ["RUNTIME_NAME", "Standing", "beginning", "on_its_runtime", "standing"]

RUNTIME_NAME: Final = "runtime_name"
"""The key of the runtime's name in a session's software."""

_NEEDLESS: Final = "not needed"
"""The outcome of a repeat that was not needed, and is never run again."""

_LATEST: Final = "latest"
_MOST_NAMED: Final = 10

_DESCRIBED: Final[Mapping[str, str]] = {
    "docker engine ": "docker",
    "compose on ": "compose",
    "local processes ": "process",
}
"""How descriptions of runtimes begin: sessions of version 0.1 recorded no more."""


@frozen
class Standing:
    """The state from which a campaign resumes.

    Attributes:
        folder: of the interrupted run of the campaign.
        total: how many runs are to be there in the end.
        settled: those of them that have their outcome, and are not run again.
        states: the outcome of each run that has one; ``not needed`` for repeats that were not.
        rerun: those that have their outcome, and are run again.
        under_way: the attempts whose controller died, as ``run.number``.
        changed: what is not as it was when the last session began.
        kept: settled runs whose experiment is among that; they stay settled.
        added: runs that are planned now, and were not.
        gone: runs that were planned, and are not now; they are left alone.
        digests: of what the campaign was made of when the last session began, by name.
        runtime: the name of the runtime that its sessions ran on; None where none recorded it.
        closed: whether its last session came to its end, its teardown and its summary included.
    """

    folder: Path
    total: int
    settled: tuple[str, ...]
    under_way: tuple[str, ...]
    changed: tuple[str, ...]
    kept: tuple[str, ...]
    added: tuple[str, ...]
    gone: tuple[str, ...]
    digests: Mapping[str, str] = field(factory=dict, repr=False)
    runtime: str | None = None
    states: Mapping[str, str] = field(factory=dict, repr=False)
    rerun: tuple[str, ...] = ()
    closed: bool = False

    @property
    def lines(self) -> tuple[str, ...]:
        """It in words: what is done first, then each thing that has changed."""
        attempts = "1 attempt was" if len(self.under_way) == 1 else f"{len(self.under_way)} were"
        under_way = f", {attempts} under way" if self.under_way else ""
        said = {
            "run again: ": tuple(f"{run} ({self.states[run]})" for run in self.rerun),
            "changed since, and used for what is still to be done: ": self.changed,
            "settled before their experiment changed, and not run again: ": self.kept,
            "new in the plan: ": self.added,
            "not in the plan any more, and left alone: ": self.gone,
        }
        return (
            f"resuming {self.folder}: {len(self.settled)} of {self.total} runs are settled{under_way}",
            *(f"{words}{_named(names)}" for words, names in said.items() if names),
        )

    def to_dict(self) -> dict[str, Any]:
        """It as plain data, for ``--dry-run --json``."""
        return {
            "folder": str(self.folder),
            "total": self.total,
            "settled": self.settled,
            "under_way": self.under_way,
            "rerun": self.rerun,
            "changed": self.changed,
            "kept": self.kept,
            "added": self.added,
            "gone": self.gone,
        }


@contextlib.contextmanager
def beginning(campaign: Campaign) -> Iterator[None]:
    """Begin a new run of a campaign, in place of the newest, while no other controller begins or works on one.

    Of several at once the first one begins; the others wait, and then see it at work.

    Raises:
        JournalLocked: another controller works on the newest run; names it.
        SetupError: there can be no results there.
    """
    try:
        campaign.results.mkdir(parents=True, exist_ok=True)
        folder = os.open(campaign.results, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise unwritable(campaign.results, error) from error
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(folder, fcntl.LOCK_EX)
        file = (campaign.results / _LATEST).resolve() / FILE_NAME
        if file.exists():
            with contextlib.suppress(JournalUnwritable):  # then no controller writes there
                WriterLock.take(file, Owner.current()).release()
        yield
    finally:
        os.close(folder)


def standing(
    campaign: Campaign,
    planned: Sequence[PlannedRun],
    runs: Sequence[PlannedRun],
    digests: Mapping[str, str],
    rerun: Collection[str] = (),
) -> Standing | None:
    """Read the state of a campaign's newest run; None if there is nothing to resume.

    That is so where there is no journal, or another campaign's, and where every run in it is settled,
    or all that is planned now is, and nothing is to be run again. If the controller died after that, its
    teardown and its summary are still performed.

    Args:
        planned: the campaign's whole plan.
        runs: what of it is to be run.
        digests: of what it is made of now, by name.
        rerun: the outcomes whose runs are to be run again.

    Raises:
        JournalError: there is a journal, and it cannot be read.
        InputError: it was written with another lifecycle.
    """
    folder = (campaign.results / _LATEST).resolve()
    if not (folder / FILE_NAME).exists():
        return None
    with JournalReader.read(folder / FILE_NAME) as journal:
        if journal.campaign != campaign.name:
            return None
        known = [run.id for run in journal.runs()]
        states = {
            outcome.run: _NEEDLESS if is_needless(outcome.state, outcome.reason) else outcome.state
            for outcome in journal.outcomes()
        }
        under_way = tuple(f"{one.run}.{one.number}" for one in journal.open_attempts())
        sessions = list(journal.sessions())
    ids = {run.id for run in planned}
    all_settled = states.keys() >= {*known} or states.keys() >= ids
    closed = bool(sessions) and sessions[-1].ended_at is not None
    if not known or (all_settled and closed and not rerun):
        return None
    again = tuple(run.id for run in runs if states.get(run.id) in rerun)
    done = states.keys() - {*again}
    before = sessions[-1].digests
    if before.get(LIFECYCLE) != digests.get(LIFECYCLE):
        raise InputError(
            f"{folder} was begun with another lifecycle, by which its journal is read; restore it to resume"
            " that run, or start a new run with --fresh"
        )
    changed = tuple(name for name in digests if before.get(name, digests[name]) != digests[name])
    there, differing = {*known}, {*changed}  # tuples would make large plans slow
    return Standing(
        folder=folder,
        total=len(planned),
        settled=tuple(run.id for run in planned if run.id in done),
        under_way=under_way,
        changed=changed,
        kept=tuple(run.id for run in runs if run.id in done and experiment_key(run) in differing),
        added=tuple(run.id for run in planned if run.id not in there),
        gone=tuple(run_id for run_id in known if run_id not in ids),
        digests=before,
        runtime=_runtime(sessions),
        states=states,
        rerun=again,
        closed=closed,
    )


def on_its_runtime(campaign: Campaign, standing: Standing | None) -> Campaign:
    """The campaign on the runtime that its interrupted run began on.

    Results of one run must not come from two runtimes, and above all no command may run on this machine
    itself because the engine is away on a resume.

    Raises:
        InputError: the campaign names another runtime.
    """
    began = None if standing is None else standing.runtime
    if standing is None or began in (None, campaign.runtime):
        return campaign
    if campaign.runtime == "auto" and began != "compose":  # which would read the files otherwise
        return evolve(campaign, runtime=began)
    raise InputError(
        f"{standing.folder} was begun on the runtime {began}, and cannot be resumed on"
        f" {campaign.runtime}; resume it with --runtime {began}, or start a new run with --fresh"
    )


def _runtime(sessions: Sequence[Session]) -> str | None:
    """The runtime that the sessions of a run used, as the latest record of it says."""
    for session in reversed(sessions):
        software = session.software
        if software.get(RUNTIME_NAME):
            return software[RUNTIME_NAME]
        for beginning, name in _DESCRIBED.items():
            if software.get("runtime", "").startswith(beginning):
                return name
    return None


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(names[:_MOST_NAMED])}{more}"
