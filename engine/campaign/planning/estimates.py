"""How long runs and starts are expected to take: as declared, else as an earlier run of the campaign took."""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from attrs import frozen

from engine.campaign.model import Campaign
from engine.campaign.persistence.results import RESULTS, read_records
from engine.campaign.runs.attempt_record import AttemptRecord
from engine.campaign.runs.plan import PlannedRun
from engine.errors import JournalError
from engine.journal import FILE_NAME, JournalReader
from engine.model.results import Ending

__all__ = ["RUN_S", "START_S", "Estimates", "estimates"]

RUN_S: Final = 60.0
"""The assumed duration of a run, in seconds, if nothing else is known."""

START_S: Final = 10.0
"""The assumed time until a backend is ready, in seconds, if nothing else is known."""

_MOST_FOLDERS: Final = 20

_Key = TypeVar("_Key")


@frozen
class Estimates:
    """Expected durations.

    Attributes:
        runs_s: how long each run lasts, by its id, in seconds.
        starts_s: how long each backend needs until it is ready, in seconds.
        sources: how many runs' estimates are ``declared``, ``recorded`` or by ``default``.
        folder: of the earlier run that was looked into; None where there is none.
    """

    runs_s: Mapping[str, float]
    starts_s: Mapping[str, float]
    sources: Counter[str]
    folder: Path | None = None

    @property
    def line(self) -> str:
        """Their sources, in words."""
        words = {
            "declared": "declared as their estimate",
            "recorded": f"as recorded in {self.folder}",
            "default": f"taken to last {RUN_S:g} s each (declare an estimate)",
        }
        said = [
            f"{self.sources[source]} {word}"
            for source, word in words.items()
            if self.sources[source]
        ]
        return f"durations: {', '.join(said) or 'none needed'}"


def estimates(campaign: Campaign, runs: Sequence[PlannedRun]) -> Estimates:
    """Estimate runs, and the starts of the backends that they need.

    An experiment's own ``estimate`` goes first; else the mean of its successful attempts in the newest
    folder of results that has any; else :data:`RUN_S`.
    """
    folder, recorded = _recorded(campaign.results)
    runs_s: dict[str, float] = {}
    sources: Counter[str] = Counter()
    for run in runs:
        key = (run.backend, run.experiment.name)
        known = {"declared": run.experiment.estimate_s, "recorded": recorded.get(key)}
        source, lasts_s = next(
            ((name, found) for name, found in known.items() if found is not None),
            ("default", RUN_S),
        )
        runs_s[run.id] = lasts_s
        sources[source] += 1
    started_s = _starts(folder) if folder is not None else {}
    starts_s = {run.backend: started_s.get(run.backend, START_S) for run in runs}
    return Estimates(runs_s, starts_s, sources, folder)


def _recorded(results: Path) -> tuple[Path | None, dict[tuple[str, str], float]]:
    """The newest folder in which something succeeded, and the mean of each experiment's attempts there."""
    for folder in _folders(results)[:_MOST_FOLDERS]:
        found = _means(_successes(folder))
        if found:
            return folder, found
    return None, {}


def _folders(results: Path) -> list[Path]:
    """The folders of a campaign's runs, newest first."""
    try:
        return sorted((one for one in results.iterdir() if not one.is_symlink()), reverse=True)
    except OSError:
        return []


def _successes(folder: Path) -> Iterator[tuple[tuple[str, str], float]]:
    with contextlib.suppress(OSError):
        for record in read_records(folder / RESULTS):
            if _succeeded(record) and record.duration_s is not None:
                yield (record.backend, record.experiment), record.duration_s


def _succeeded(record: AttemptRecord) -> bool:
    return record.ending == Ending.EXITED.value and record.exit_code == 0


def _starts(folder: Path) -> dict[str, float]:
    """How long each backend needed from its start until it was ready, in the mean, in seconds."""
    took: list[tuple[str, float]] = []
    begun_at = {}
    try:
        with JournalReader.read(folder / FILE_NAME) as journal:
            for row in journal.transitions():
                step = row.transition
                if step.event == "start":
                    begun_at[step.backend] = step.at
                elif step.event == "proved_ready" and step.backend in begun_at:
                    began_at = begun_at.pop(step.backend)
                    took.append((step.backend, (step.at - began_at).total_seconds()))
                elif step.event != "reattach":
                    begun_at.pop(step.backend, None)
    except JournalError:
        return {}
    return _means(took)


def _means(pairs: Iterable[tuple[_Key, float]]) -> dict[_Key, float]:
    found: defaultdict[_Key, list[float]] = defaultdict(list)
    for key, seconds in pairs:
        found[key].append(seconds)
    return {key: sum(each) / len(each) for key, each in found.items()}
