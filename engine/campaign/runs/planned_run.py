"""One run of a campaign, as it is planned."""

from __future__ import annotations

from attrs import frozen

from engine.campaign.model import Experiment

__all__ = ["PlannedRun"]


@frozen
class PlannedRun:
    """One run of one experiment on one backend.

    Attributes:
        id: unique within the campaign, a plain file name, the same whenever the same file is planned.
        cycle: from 1.
        repeat: from 1; warm-up runs are numbered on their own.
        warmup: whether it only warms its backend up: it is recorded, and not counted.
    """

    id: str
    experiment: Experiment
    backend: str
    cycle: int = 1
    repeat: int = 1
    warmup: bool = False
