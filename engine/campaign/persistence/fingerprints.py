"""Digests of what a campaign is made of, by which a change is noticed when it is resumed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from attrs import asdict

from engine.campaign.model import Campaign, Experiment
from engine.campaign.runs.plan import PlannedRun
from engine.compose import config_digest, needed
from engine.model.results import Leftovers
from engine.model.spec import Project

__all__ = ["digests", "experiment_key"]

_ABOUT_THE_PLAN = ("name", "backends", "repeat", "estimate_s")
"""What decides how many runs there are, or foretells them, and not what one of them does."""


def digests(campaign: Campaign, project: Project, runs: Sequence[PlannedRun]) -> dict[str, str]:
    """The digest of the campaign file, and of each experiment and service that ``runs`` need.

    Raises:
        ComposeError: a needed service asks for what the runtime cannot do.
    """
    services = needed(project, dict.fromkeys(run.backend for run in runs))
    return {
        "campaign": _digest(Path(campaign.file).read_bytes()),
        **{experiment_key(run): _of_experiment(run.experiment) for run in runs},
        **{f"service {name}": config_digest(project.services[name], project) for name in services},
    }


def experiment_key(run: PlannedRun) -> str:
    """What the digest of a run's experiment is called; its repetitions and cycles share it."""
    return f"experiment {run.backend}-{run.experiment.name}"


def _of_experiment(experiment: Experiment) -> str:
    shape = asdict(experiment)
    for name in _ABOUT_THE_PLAN:
        del shape[name]
    # What is as ever leaves the digest as it was before this could be chosen.
    leftovers = shape.pop("leftovers")
    if leftovers is not Leftovers.END:
        shape["leftovers"] = leftovers.value
    return _digest(json.dumps(shape, sort_keys=True).encode())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
