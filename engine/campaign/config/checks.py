"""What can only be seen of a campaign as a whole: how many runs it has, and that each has a name of its own."""

from __future__ import annotations

import re
from typing import Final

from engine.campaign.config.sections import Findings
from engine.campaign.model import Campaign
from engine.campaign.runs.plan import clashes
from engine.campaign.sweep.values import shown
from engine.compose.node import KeyPath

__all__ = ["MOST_RUNS", "check_plan"]

MOST_RUNS: Final = 100_000
"""How many runs a campaign may have, unless it says otherwise."""

_MOST_CLASHES: Final = 20


def check_plan(findings: Findings, campaign: Campaign, most: int) -> None:
    """See that a campaign has no more runs than it may, and none twice."""
    each = sum(len(one.backends) * one.repeat for one in campaign.experiments)
    runs = each * campaign.cycles
    if runs > most:
        findings.add(
            ("experiments",),
            f"makes {runs:,} runs, and max_runs is {most:,}; run less, or set max_runs: {runs} at the top",
        )
        return
    for index, run_id, other in clashes(campaign):
        one, two = campaign.experiments[index], campaign.experiments[other]
        place = f"{two.written_at}{f' with {shown(two.params)}' if two.params else ''}"
        mine = f" with {shown(one.params)}" if one.params else ""
        findings.add(
            _name_of(one.written_at),
            f"gives the run {run_id}{mine}, as {place} does; give it another name",
        )
        if len(findings.listed) >= _MOST_CLASHES:
            return


def _name_of(written_at: str) -> KeyPath:
    """Where the name of an entry is written; that of an included file, where this is included."""
    match = re.fullmatch(r"experiments\[(\d+)\]", written_at)
    return ("experiments", int(match[1]), "name") if match else ("include",)
