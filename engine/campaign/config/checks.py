"""Checks of a campaign as a whole: the number of its runs, and that their names are unique."""

from __future__ import annotations

import re
from typing import Final

from attrs import evolve

from engine.campaign.config.sections import Findings
from engine.campaign.model import Campaign, Experiment
from engine.campaign.runs.order import in_circles
from engine.campaign.runs.plan import clashes, everything
from engine.campaign.sweep.values import shown
from engine.compose.node import KeyPath
from engine.util.nearest import nearest

__all__ = ["MOST_RUNS", "check_plan"]

MOST_RUNS: Final = 100_000
"""How many runs a campaign may have, unless it says otherwise."""

_MOST_CLASHES: Final = 20


def check_plan(findings: Findings, campaign: Campaign, most: int) -> None:
    """See that a campaign has no more runs than it may, and none twice."""
    each = sum(len(one.backends) * (one.repeat + one.warmup) for one in campaign.experiments)
    runs = each * campaign.cycles
    if runs > most:
        findings.add(
            ("experiments",),
            f"makes {runs:,} runs, and max_runs is {most:,}; run less, or set max_runs: {runs} at the top",
        )
        return
    _check_after(findings, campaign)
    _check_targets(findings, campaign)
    _check_changed(findings, campaign)
    for index, run_id, other in clashes(campaign):
        one, two = campaign.experiments[index], campaign.experiments[other]
        place = f"{two.written_at}{f' with {shown(two.params)}' if two.params else ''}"
        mine = f" with {shown(one.params)}" if one.params else ""
        findings.add(
            _key_of(one, "name"),
            f"gives the run {run_id}{mine}, as {place} does; give it another name",
        )
        if len(findings.listed) >= _MOST_CLASHES:
            return


def _check_targets(findings: Findings, campaign: Campaign) -> None:
    """See that no experiment measures the container that it runs in from outside."""
    for one in campaign.experiments:
        both = sorted({*one.targets} & {*one.backends})
        if both:
            findings.add(
                _key_of(one, "targets"),
                f"names {both[0]}, which {one.entry} runs in; name the servers that it measures from another"
                " backend, or leave targets out",
            )
            return


def _check_changed(findings: Findings, campaign: Campaign) -> None:
    """See that no experiment changes its client's container where it means that of the server it measures."""
    for one in campaign.experiments:
        if one.service is not None and one.targets:
            key = "service_command" if one.service.command is not None else "service_env"
            measured, here = " and ".join(one.targets), " and ".join(one.backends)
            findings.add(
                _key_of(one, key),
                f"changes {here}, which {one.entry} runs in, and not {measured}, which it measures; to vary the"
                f" parameters of the server, run it there (backend: {one.targets[0]}, without targets), and give a"
                " client its variables by env",
            )
            return


def _check_after(findings: Findings, campaign: Campaign) -> None:
    """See that what experiments come after is there, and that none waits for itself in the end."""
    if not any(one.after for one in campaign.experiments):
        return
    known = {name: None for one in campaign.experiments for name in (one.entry, one.name)}
    for one in campaign.experiments:
        for name in one.after:
            if name not in known:
                instead = nearest(name, known) or f"; there are {', '.join(list(known)[:10])}"
                findings.add(_key_of(one, "after"), f"names no experiment {name!r}{instead}")
    if findings.listed:
        return
    once = evolve(
        campaign,
        cycles=1,
        experiments=tuple(evolve(one, repeat=1, warmup=0) for one in campaign.experiments),
    )
    circle = in_circles(everything(once))
    for run in circle[:_MOST_CLASHES]:
        findings.add(
            _key_of(run.experiment, "after"),
            f"leads back to {run.experiment.entry} itself, so that it would never begin; remove a link",
        )


def _key_of(experiment: Experiment, key: str) -> KeyPath:
    """Return the path of an entry's key; for an included file, that of the include."""
    written_at = experiment.written_at
    match = re.fullmatch(r"experiments\[(\d+)\]", written_at)
    return ("experiments", int(match[1]), key) if match else ("include",)
