"""One run of a campaign, as it is planned."""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

from engine.campaign.model import Experiment

__all__ = ["PlannedRun", "is_warmup"]

_WARMUP: Final = re.compile(r"(-c\d+)?-w\d+")


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

    @property
    def services(self) -> tuple[str, ...]:
        """Its backend, and the services that it measures."""
        return (self.backend, *self.experiment.targets)


def is_warmup(run: str, experiment: str, backend: str) -> bool:
    """Whether a run is a warm-up, by its id alone: a journal has no more, also of a run that was never tried."""
    plain = f"{backend}-{experiment}"
    return run.startswith(plain) and _WARMUP.fullmatch(run, len(plain)) is not None
