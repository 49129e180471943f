"""The plan of a campaign for people and for programs: short where few runs are planned, by groups where many."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from engine.campaign.model import Campaign
    from engine.campaign.resumption.resume_point import Standing
    from engine.campaign.runs.plan import PlannedRun
    from engine.cli.main_commands import Foreseen
    from engine.model.spec import Project
    from engine.util.redaction import Secrets

__all__ = ["plan_json", "plan_text", "to_do"]

_ALL_SHOWN: Final = 60
_FIRST: Final = 20
_VALUES: Final = 6
_LONGEST_VALUE: Final = 24


def to_do(
    project: Project, runs: Sequence[PlannedRun], standing: Standing | None
) -> tuple[tuple[str, ...], list[PlannedRun]]:
    """The services that start, and the runs that are still to be done."""
    from engine.campaign.runs.plan import services_of
    from engine.compose import needed

    settled = frozenset(standing.settled) if standing else frozenset()
    todo = [one for one in runs if one.id not in settled]
    return needed(project, services_of(todo)), todo


def plan_text(
    campaign: Campaign,
    project: Project,
    runs: Sequence[PlannedRun],
    standing: Standing | None,
    secrets: Secrets,
    *,
    mains: Mapping[str, Foreseen],
) -> str:
    """The plan for people: what is swept over by entry and backend, then the runs, or the first of many.

    Args:
        mains: what containers run as their main process, by service.
    """
    from engine.campaign.runs.containers import renewal_lines
    from engine.cli.shared_gpus import gpu_lines

    services, todo = to_do(project, runs, standing)
    lines = [f"services, in the order they start: {', '.join(services)}"]
    lines += [f"  {name}: {secrets.hide(told.text)}" for name, told in mains.items()]
    lines += gpu_lines(campaign, project, todo)
    groups = _groups(todo, secrets) if any(one.experiment.params for one in todo) else []
    lines += groups
    lines.append(f"{len(todo)} run{'s' * (len(todo) != 1)}:")
    rows = todo[:_FIRST] if groups and len(todo) > _ALL_SHOWN else todo
    width = len(str(len(rows)))
    lines += [
        f"  {number:{width}}. {one.id}: {' '.join(secrets.hide_all(one.experiment.command))}{_again(one, standing)}"
        for number, one in enumerate(rows, start=1)
    ]
    if len(rows) < len(todo):
        lines.append(f"  and {len(todo) - len(rows)} more; --json lists every run")
    lines += renewal_lines(todo)
    return "\n".join((*(standing.lines if standing else ()), *lines))


def plan_json(
    campaign: Campaign,
    project: Project,
    runs: Sequence[PlannedRun],
    standing: Standing | None,
    secrets: Secrets,
    *,
    mains: Mapping[str, Foreseen],
) -> str:
    """The plan for programs: every run, with its parameters."""
    from attrs import asdict

    from engine.campaign.runs.containers import renewals
    from engine.cli.shared_gpus import gpu_rivals

    services, todo = to_do(project, runs, standing)
    planned = [
        {
            "run": one.id,
            "experiment": one.experiment.name,
            "entry": one.experiment.entry,
            "backend": one.backend,
            "cycle": one.cycle,
            "repeat": one.repeat,
            "warmup": one.warmup,
            "params": secrets.hide_within(one.experiment.params),
            "command": secrets.hide_all(one.experiment.command),
            "rerun": standing is not None and one.id in standing.rerun,
        }
        for one in todo
    ]
    resumed = standing.to_dict() if standing else None
    renewed = {name: asdict(one) for name, one in renewals(todo).items()}
    plan = {
        "services": services,
        "main_commands": {name: secrets.hide(told.text) for name, told in mains.items()},
        "gpu_rivals": [asdict(one) for one in gpu_rivals(campaign, project, todo)],
        "runs": planned,
        "renewals": renewed,
        "resume": resumed,
    }
    return json.dumps(plan, indent=2)


def _groups(runs: Sequence[PlannedRun], secrets: Secrets) -> list[str]:
    """A table with a row for each entry on each backend: how many runs, over which values."""
    groups: dict[tuple[str, str], list[PlannedRun]] = {}
    for one in runs:
        groups.setdefault((one.experiment.entry, one.backend), []).append(one)
    rows = [
        (entry, backend, str(len(mine)), _swept(mine, secrets))
        for (entry, backend), mine in groups.items()
    ]
    head = ("experiment", "backend", "runs", "swept over")
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(3)]
    return [
        f"  {entry:{widths[0]}}  {backend:{widths[1]}}  {count:>{widths[2]}}  {swept}".rstrip()
        for entry, backend, count, swept in (head, *rows)
    ]


def _swept(runs: Sequence[PlannedRun], secrets: Secrets) -> str:
    """The parameters of runs, each with the values that it has."""
    from engine.campaign.sweep.values import canonical

    values: dict[str, dict[str, str]] = {}
    for one in runs:
        for name, value in one.experiment.params.items():
            values.setdefault(name, {}).setdefault(canonical(value), _short(value, secrets))
    parts = []
    for name, found in values.items():
        shown = list(found.values())
        if len(shown) > _VALUES:
            shown = [*shown[: _VALUES - 2], "...", shown[-1]]
        count = f" ({len(found)})" if len(found) > _VALUES else ""
        parts.append(f"{name}{count}: {', '.join(shown)}")
    return "; ".join(parts)


def _short(value: Any, secrets: Secrets) -> str:
    from engine.campaign.sweep.values import as_text

    text = secrets.hide(as_text(value))
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."


def _again(run: PlannedRun, standing: Standing | None) -> str:
    """Describe the earlier outcome of a run that is repeated."""
    if standing is None or run.id not in standing.rerun:
        return ""
    return f" (again: it is {standing.states[run.id]})"
