"""From a campaign file to a :class:`~engine.campaign.model.Campaign`, strictly.

Nothing is converted by guess, no unknown key is passed over, and all findings are told at once.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from engine.campaign.config.document import Document, read
from engine.campaign.config.experiments import ExperimentReader
from engine.campaign.config.format import (
    BACKEND,
    CAMPAIGN,
    COOL_DOWN,
    GPU,
    HEALTH,
    PAUSES,
    REFRESH,
    RESTART,
    RETRY,
    SNAPSHOT,
)
from engine.campaign.config.sections import Findings, Key
from engine.campaign.config.values import kind
from engine.campaign.model import Campaign, CoolDown, Pauses, Refresh
from engine.campaign.runs.plan import clashes
from engine.compose.files import DEFAULT_FILE
from engine.compose.node import KeyPath, dotted
from engine.errors import CampaignError
from engine.health.gpu import GpuPolicy
from engine.model.spec import Project
from engine.policy import BackendPolicy, RestartPolicy, RetryPolicy
from engine.policy.health import HealthPolicy
from engine.util.nearest import nearest

__all__ = ["check_services", "load_campaign"]

_MOST_RUNS: Final = 100_000
_EXPERIMENT_COMMAND: Final = ("lem", "experiment")


def load_campaign(path: str | Path) -> Campaign:
    """Read and check a campaign file.

    Relative paths in it start from its own folder. The compose file is not read:
    :func:`check_services` holds the campaign against it.

    Raises:
        CampaignError: with everything that is wrong with the file.
    """
    file = Path(path).expanduser()
    document = read(file, str(path))
    findings = Findings()
    campaign = _campaign(findings, document.value, str(path), Path(os.path.abspath(file)).parent)  # noqa: PTH100 - resolve() follows links
    if campaign is None:
        raise CampaignError(str(path), tuple(_listed(findings, document)))
    return campaign


def check_services(campaign: Campaign, project: Project) -> None:
    """See that the compose file has the services that a campaign names.

    Raises:
        CampaignError: it has not; names the nearest.
    """
    named: list[tuple[KeyPath, str]] = [
        (("experiments", index, "backend"), backend)
        for index, experiment in enumerate(campaign.experiments)
        for backend in experiment.backends
    ]
    named += [(("backends", backend), backend) for backend in campaign.policies]
    known = ", ".join(sorted(project.services)) or "none at all"
    written = campaign.compose_file
    files = ", ".join(f.name for f in ((written,) if isinstance(written, Path) else written))
    findings: list[tuple[str, str]] = []
    for path, backend in named:
        if backend not in project.services:
            instead = nearest(backend, project.services) or f"; it has {known}"
            no_service = f"{files} has no service {backend!r}{instead}"
            findings.append((dotted(path), no_service))
    if findings:
        raise CampaignError(campaign.file, tuple(findings))


def _campaign(findings: Findings, value: Any, file: str, folder: Path) -> Campaign | None:
    """The campaign that a document makes, or None and what was found wrong."""
    found = findings.section((), value, CAMPAIGN)
    policies, refresh, snapshots = _policies(findings, found.pop("backends", {}))
    cooling = found.pop("cool_down", None)
    if cooling is not None:
        cooling = findings.section(("cool_down",), cooling, COOL_DOWN)
    pauses = findings.section(("pauses",), found.pop("pauses", {}), PAUSES)
    retry = findings.section(("retry",), found.pop("retry", {}), RETRY)
    prefix = found.pop("experiment_command", _EXPERIMENT_COMMAND)
    most = found.pop("max_runs", _MOST_RUNS)
    reader = ExperimentReader(
        findings, folder, prefix, found.pop("defaults", {}), found.pop("sweep", None), most
    )
    entries = reader.read(found.pop("experiments", ()))
    if findings.listed:
        return None
    name = found["name"]
    if found.get("exclusive"):
        found |= {"eager": False, "parallel": False}
    campaign = Campaign(
        file=file,
        compose_file=_compose_file(folder, found.pop("compose_file", DEFAULT_FILE)),
        results=_absolute(folder, found.pop("results", f"results/{name}")),
        policies=policies,
        refresh=refresh,
        snapshots=snapshots,
        cool_down=None if cooling is None else CoolDown(**cooling),
        experiments=tuple(experiment for _, experiment in entries),
        pauses=Pauses(**pauses),
        retry=RetryPolicy(**retry),
        **found,
    )
    runs = sum(len(one.backends) * one.repeat for one in campaign.experiments) * campaign.cycles
    if runs > most:
        findings.add(
            ("experiments",), f"makes {runs} runs; {most} are the most, unless max_runs says more"
        )
        return None
    for index, run_id, other in clashes(campaign):
        findings.add(
            ("experiments", entries[index][0], "name"),
            f"gives the run {run_id}, as experiments[{entries[other][0]}] does; give it another name",
        )
    return None if findings.listed else campaign


def _policies(
    findings: Findings, value: Any
) -> tuple[dict[str, BackendPolicy], dict[str, Refresh], frozenset[str]]:
    """How each backend is run, when it is restarted though nothing is wrong, and whose environment is noted."""
    policies: dict[str, BackendPolicy] = {}
    refresh: dict[str, Refresh] = {}
    snapshots: set[str] = set()
    if not isinstance(value, dict):
        findings.add(("backends",), f"must be a mapping of services, and is {kind(value)}")
        return policies, refresh, frozenset(snapshots)
    for service, written in value.items():
        if not isinstance(service, str) or not service.isprintable():
            findings.add(("backends",), f"has a key that is {kind(service)} and no service's name")
            continue
        path: KeyPath = ("backends", service)
        found = findings.section(path, {} if written is None else written, BACKEND)
        if "max_in_window" in found and "window_s" not in found:
            findings.add(
                (*path, "restarts_in_window"), "needs a restart_window, such as restart_window: 10m"
            )
        if findings.listed:
            continue
        refresh[service] = Refresh(**_taken(found, REFRESH))
        if _taken(found, SNAPSHOT).get("environment_snapshot"):
            snapshots.add(service)
        gpu = GpuPolicy(**_taken(found, GPU))
        policies[service] = BackendPolicy(
            restart=RestartPolicy(**_taken(found, RESTART)),
            health=HealthPolicy(gpu=gpu, **_taken(found, HEALTH)),
            **found,
        )
    return policies, refresh, frozenset(snapshots)


def _taken(found: dict[str, Any], table: Mapping[str, Key]) -> dict[str, Any]:
    """What was found by one table's names, taken out of the rest."""
    names = [key.into or name for name, key in table.items()]
    return {name: found.pop(name) for name in names if name in found}


def _compose_file(folder: Path, written: str | tuple[str, ...]) -> Path | tuple[Path, ...]:
    if isinstance(written, str):
        return _absolute(folder, written)
    return tuple(_absolute(folder, name) for name in written)


def _absolute(folder: Path, written: str) -> Path:
    return Path(os.path.normpath(folder / Path(written).expanduser()))


def _listed(findings: Findings, document: Document) -> list[tuple[str, str]]:
    """The findings in the order of the file, each with its line."""
    lines = document.lines(path for path, _ in findings.listed)
    found = [(line or 0, *one) for line, one in zip(lines, findings.listed, strict=True)]
    return [
        (dotted(path) or "the file", f"{what} (line {line})" if line else what)
        for line, path, what in sorted(found, key=lambda one: one[0])
    ]
