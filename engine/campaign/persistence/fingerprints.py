"""Digests of what a campaign is made of, by which a change is noticed when it is resumed."""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import fields, has

from engine.campaign.model import Campaign, Experiment, Isolation
from engine.campaign.runs.plan import PlannedRun, services_of
from engine.compose import config_digest, needed
from engine.model.spec import Project
from states import BACKEND, Lifecycle

__all__ = ["LIFECYCLE", "digests", "experiment_key"]

LIFECYCLE: Final = "lifecycle"
"""The name of the digest of a user's table."""

_ABOUT_THE_PLAN: Final = frozenset(
    {"name", "backends", "repeat", "estimate_s", "entry", "written_at", "warmup", "after", "until"}
)
"""Keys that decide or estimate the number of runs, and not what one of them does."""

_SINCE_THE_BEGINNING: Final = frozenset(
    {
        *("command", "environment", "working_dir", "user", "timeout_s", "silence_s"),
        *("max_output_bytes", "keys"),
    }
)
"""Keys that have always been part of a digest. Later keys are part of it only where they are set, so that
the digests in journals of earlier versions stay right."""

_UNCHOSEN: Final = Experiment("", (), ())
"""Has the default wherever there is one."""


def digests(
    campaign: Campaign, project: Project, runs: Sequence[PlannedRun], table: Lifecycle = BACKEND
) -> dict[str, str]:
    """The digest of the campaign file, and of each experiment and service that ``runs`` need.

    Args:
        table: the one that backends are run by; it has a digest where it is not the built-in one.

    Raises:
        ComposeError: a needed service asks for what the runtime cannot do.
    """
    services = needed(project, services_of(runs))
    return {
        "campaign": _digest(Path(campaign.file).read_bytes()),
        **({} if table is BACKEND else {LIFECYCLE: _of_table(table)}),
        **{experiment_key(run): _of_experiment(run.experiment) for run in runs},
        **{f"service {name}": config_digest(project.services[name], project) for name in services},
    }


def _of_table(table: Lifecycle) -> str:
    """Of what it does, and not of the words that describe it."""
    edges = [
        (edge.source, edge.event, edge.target, str(edge.guard), edge.action) for edge in table.edges
    ]
    return _digest(json.dumps([table.initial, sorted(edges, key=str)]).encode())


def experiment_key(run: PlannedRun) -> str:
    """Return the name of the digest of a run's experiment; its repetitions and cycles share it."""
    return f"experiment {run.backend}-{run.experiment.name}"


def _of_experiment(experiment: Experiment) -> str:
    shape: dict[str, Any] = {}
    for one in fields(Experiment):
        value = getattr(experiment, one.name)
        if one.name in _ABOUT_THE_PLAN:
            continue
        if one.name in _SINCE_THE_BEGINNING or value != getattr(_UNCHOSEN, one.name):
            shape[one.name] = _plain(value)
    # A restart was the only choice once, under this name.
    shape["cold_start"] = experiment.isolation is Isolation.RESTART
    if shape["cold_start"]:
        del shape["isolation"]
    return _digest(json.dumps(shape, sort_keys=True).encode())


def _plain(value: Any) -> Any:
    """A value of an experiment as plain data."""
    if isinstance(value, enum.Enum):
        return value.value
    if has(type(value)):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(type(value))}
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
