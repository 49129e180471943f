"""Describe which backends need the same GPUs, for the plan of a campaign and for doctor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.campaign.model import Campaign
    from engine.campaign.planning.shared_gpus import GpuRival
    from engine.campaign.runs.plan import PlannedRun
    from engine.model.spec import Project

__all__ = ["gpu_lines", "gpu_rivals"]


def gpu_rivals(campaign: Campaign, project: Project, runs: Iterable[PlannedRun]) -> list[GpuRival]:
    """The backends of which runs need the same GPUs; none where runs follow one another anyway."""
    from engine.campaign.planning.shared_gpus import SharedGpus

    return SharedGpus(project).rivals(runs) if campaign.parallel else []


def gpu_lines(campaign: Campaign, project: Project, runs: Iterable[PlannedRun]) -> list[str]:
    """Return notes on them, a line for each."""
    rivals = gpu_rivals(campaign, project, runs)
    if not rivals:
        return []
    if campaign.share_gpus:
        what = "these run side by side on the same GPUs, since share_gpus is true"
    else:
        what = "these need the same GPUs, so their experiments do not run side by side (see share_gpus)"
    return [f"{what}:", *(f"  {one}" for one in rivals)]
