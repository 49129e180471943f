"""From results folders to one tidy table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from engine.campaign.persistence.provenance import sessions
from engine.campaign.persistence.results import RESULTS, SUMMARY, read_records
from engine.campaign.runs.attempt_record import AttemptRecord
from engine.campaign.runs.planned_run import is_warmup
from engine.errors import InputError, JournalError
from engine.journal import FILE_NAME, JournalReader
from engine.model.results import Ending
from engine.results.rows import Rows
from engine.util.regular_file import open_plain
from states import EXPERIMENT

__all__ = ["COLUMNS", "folders", "load"]

COLUMNS: Final = (
    *("campaign", "session_folder", "experiment", "entry", "run", "backend", "cycle", "repeat"),
    *("attempt", "outcome", "last", "warmup", "ending", "exit_code", "duration_s"),
    *("started_at", "ended_at", "ran_s", "container_id", "image", "generation", "since_restart"),
    *(
        "started_in_s",
        "health_checks",
        "beside",
        "gpus_shared_with",
        "isolation",
        "reason",
        "restart_cause",
        "stdout",
        "stderr",
        "folder",
    ),
)
"""The columns that every table has; parameters, keys, metrics and the rest follow."""

UNFINISHED: Final = "unfinished"
"""The outcome of a run that has none."""

_UNTOLD: Final = ("files",)
"""Parts of the provenance that become no columns: digests by the paths of files."""

_NAMES: Final = ("run", "experiment")
"""Keys that each run of a summary must have."""

_LISTS: Final = ("beside", "gpus_shared_with")
"""The fields of a record that are lists of names, and one text as columns."""

_MOST_BYTES: Final = 2**26

_OWN: Final = (
    *("campaign", "experiment", "run", "backend", "cycle", "repeat", "attempt", "ending"),
    *("exit_code", "duration_s", "started_at", "ended_at", "container_id", "image"),
    *(
        "generation",
        "since_restart",
        "started_in_s",
        "health_checks",
        "isolation",
        "warmup",
        "reason",
        "restart_cause",
    ),
    *("stdout", "stderr"),
)
"""The columns that are fields of a record."""


def load(paths: Path | str | Iterable[Path | str]) -> Rows:
    """The results of campaigns as one table: a row for each attempt, and for each run that had none.

    Results of every version of dockwarden can be read, and those of a campaign that still runs.

    Args:
        paths: each is the folder of one run of a campaign, its ``results.jsonl``, the link ``latest``,
            or a folder that holds several of them: then all are read.

    Raises:
        InputError: a path holds no results; or they cannot be read.

    Example:
        >>> from engine.results import load
        >>> frame = load("results/kernels").to_pandas()  # doctest: +SKIP
    """
    wanted = [paths] if isinstance(paths, Path | str) else list(paths)
    found = dict.fromkeys(folder for path in wanted for folder in folders(Path(path)))
    return Rows.of([row for folder in found for row in _rows(folder)], COLUMNS)


def folders(path: Path) -> list[Path]:
    """The results folders that a path stands for, in the order of their names.

    Raises:
        InputError: there is none.
    """
    try:
        place = path.expanduser().resolve()
        if place.name == RESULTS and place.is_file():
            return [place.parent]
        if (place / RESULTS).is_file():
            return [place]
        below = sorted(one.parent for one in place.glob(f"*/{RESULTS}"))
        found = [one for one in below if not one.is_symlink()]
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    if not found:
        what = "holds no results" if place.is_dir() else "is no folder of results"
        raise InputError(
            f"{path} {what}; name the folder of a campaign's results, such as results/kernels, or of one run"
            f" of it, in which {RESULTS} lies"
        )
    return found


def _rows(folder: Path) -> list[dict[str, Any]]:
    """The rows of one folder, in the order of the plan and of attempts."""
    try:
        records = list(read_records(folder / RESULTS))
    except OSError as error:
        raise InputError(
            f"{folder / RESULTS} cannot be read: {error.strerror or error}; make it readable"
        ) from error
    newest: dict[str, AttemptRecord] = {}
    for record in records:
        if record.run not in newest or record.attempt >= newest[record.run].attempt:
            newest[record.run] = record
    runs = _runs(folder)
    provenance = _provenance(folder)
    place = {"session_folder": folder.name, "folder": str(folder)}
    rows = [
        {
            **_row(record, provenance),
            **place,
            "outcome": runs.get(record.run, {}).get("outcome") or _outcome(newest[record.run]),
            "last": record is newest[record.run],
        }
        for record in records
    ]
    about = _about(folder, records)
    rows += [
        {**run, **about.get(run["experiment"], {}), **place, "last": True}
        for name, run in runs.items()
        if name not in newest
    ]
    order = {name: number for number, name in enumerate(runs)}
    return sorted(
        rows, key=lambda row: (order.get(row["run"], len(order)), row.get("attempt") or 0)
    )


def _about(folder: Path, records: Iterable[AttemptRecord]) -> dict[str, dict[str, Any]]:
    """Collect each experiment's entry, parameters and keys, for its runs that were never tried."""
    found: dict[str, dict[str, Any]] = {}
    for run in _summary(folder):
        found[run["experiment"]] = _described(
            run.get("entry") or run["experiment"],
            *(_mapping(run.get(name)) for name in ("params", "keys")),
        )
    for record in records:
        entry = record.entry or record.experiment
        found.setdefault(record.experiment, _described(entry, record.params, record.keys))
    return found


def _described(entry: str, params: Mapping[str, Any], keys: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "entry": entry,
        **_flat("params", params, deep=False),
        **_flat("keys", keys, deep=False),
    }


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _row(record: AttemptRecord, provenance: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Make a row of a record and the provenance of its session."""
    known = record.session is not None and 0 <= record.session < len(provenance)
    return {
        **{name: getattr(record, name) for name in _OWN},
        **{name: _listed(getattr(record, name)) for name in _LISTS},
        "entry": record.entry or record.experiment,
        "ran_s": record.ran and (record.ran.ended_at - record.ran.began_at).total_seconds(),
        **_flat("params", record.params, deep=False),
        **_flat("keys", record.keys, deep=False),
        **_flat("metrics", record.metrics, deep=False),
        **_flat("units", record.units, deep=False),
        **_flat("env", record.environment, deep=False),
        **(provenance[record.session or 0] if known else {}),
    }


def _listed(names: Sequence[str] | None) -> str | None:
    return None if names is None else ", ".join(names)


def _outcome(newest: AttemptRecord) -> str:
    """Return the outcome of a run, by its newest attempt."""
    if newest.ending == Ending.EXITED.value and newest.exit_code == 0:
        return "completed"
    if newest.ending == Ending.INTERRUPTED.value:
        return UNFINISHED
    return "lost" if newest.ending == Ending.LOST.value else "failed"


def _runs(folder: Path) -> dict[str, dict[str, Any]]:
    """The planned runs and their outcomes: as the journal says, else the summary; else nothing is known."""
    try:
        with JournalReader.read(folder / FILE_NAME) as journal:
            outcomes = {one.run: one for one in journal.outcomes()}
            return {
                run.id: {
                    "campaign": journal.campaign,
                    "experiment": run.experiment,
                    "entry": run.experiment,
                    "run": run.id,
                    "backend": run.backend,
                    "cycle": run.cycle,
                    "repeat": run.repeat,
                    "warmup": is_warmup(run.id, run.experiment, run.backend),
                    "outcome": outcome.state if outcome else UNFINISHED,
                    "reason": outcome.reason if outcome else "",
                }
                for run in journal.runs()
                for outcome in (outcomes.get(run.id),)
            }
    except JournalError:
        return _summarised(folder)


def _summarised(folder: Path) -> dict[str, dict[str, Any]]:
    found = {}
    for run in _summary(folder):
        told = {name: str(run.get(name, "")) for name in ("run", "experiment", "backend", "reason")}
        state = str(run.get("state", UNFINISHED))
        found[run["run"]] = {
            "campaign": run["campaign"],
            **told,
            "entry": told["experiment"],
            "warmup": run.get("warmup") is True,
            "outcome": state if state in EXPERIMENT.final else UNFINISHED,
        }
    return found


def _summary(folder: Path) -> list[dict[str, Any]]:
    """The runs of a summary, each with its campaign; none where there is no summary that can be read."""
    summary = _json(folder / SUMMARY)
    runs = summary.get("runs") if isinstance(summary, dict) else None
    return [
        {**run, "campaign": str(summary.get("campaign", ""))}
        for run in (runs if isinstance(runs, list) else ())
        if isinstance(run, dict) and all(isinstance(run.get(one), str) for one in _NAMES)
    ]


def _provenance(folder: Path) -> list[dict[str, Any]]:
    """Read the provenance of each session and its machine, by column."""
    return [
        _flat("provenance", {name: value for name, value in one.items() if name not in _UNTOLD})
        for one in sessions(folder)
    ]


def _flat(group: str, values: Mapping[str, Any], *, deep: bool = True) -> dict[str, Any]:
    """Nested mappings as columns, joined by dots; in ``provenance`` each mapping is a separate group."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if deep and isinstance(value, Mapping):
            found.update(_flat(name if group == "provenance" else f"{group}.{name}", value))
        else:
            found[f"{group}.{name}"] = value
    return found


def _json(file: Path) -> Any:
    """Read a JSON file of the results folder; None if it is missing or cannot be read."""
    try:
        with open_plain(file) as opened:
            return json.loads(opened.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
