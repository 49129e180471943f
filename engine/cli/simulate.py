"""Rehearsing a campaign: in virtual time, with a word on how far it is, and what it comes to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from engine.backend.lifecycle import BackendLifecycle
from engine.campaign import simulation
from engine.campaign.model import Campaign
from engine.campaign.planning.estimates import estimates
from engine.campaign.resumption.resume_point import Standing
from engine.campaign.runs.plan import PlannedRun
from engine.cli.exit_codes import DONE, FAILED
from engine.cli.output.messages import note, show
from engine.model.spec import Project
from engine.util.virtual_clock import VirtualClockLoop

__all__ = ["rehearse"]


def rehearse(
    campaign: Campaign,
    project: Project,
    runs: Sequence[PlannedRun],
    standing: Standing | None,
    lifecycle: BackendLifecycle,
    *,
    rate: float,
    seed: int,
    as_json: bool,
    quiet: bool,
) -> int:
    """Rehearse what of a campaign is still to be done, print what it comes to, return the exit code.

    Args:
        standing: of the interrupted run that would be resumed; None for a new one.
        lifecycle: the one that the campaign names.
        rate: the share of opportunities that faults strike.
        seed: of the faults.
    """
    settled = frozenset(standing.settled) if standing else frozenset()
    todo = [run for run in runs if run.id not in settled]
    for line in standing.lines if standing and not quiet else ():
        note(line)
    began_at = datetime.now(UTC)
    with asyncio.Runner(loop_factory=partial(VirtualClockLoop, began_at)) as runner:
        found = runner.run(
            simulation.rehearse(
                *(campaign, project, todo, estimates(campaign, todo)),
                rate=rate,
                seed=seed,
                lifecycle=lifecycle,
            )
        )
    show(json.dumps(found.to_dict(), indent=2) if as_json else found.to_text())
    return DONE if found.summary.all_completed and not found.error else FAILED
