"""Load a campaign file into a :class:`~engine.campaign.model.Campaign`, strictly.

Nothing is converted by guess, no unknown key is ignored, and all findings are reported at once.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import define, field, fields

from engine.campaign.config.checks import MOST_RUNS, check_plan
from engine.campaign.config.containers import check_containers
from engine.campaign.config.document import listed, read
from engine.campaign.config.format import (
    BACKEND,
    CAMPAIGN,
    COOL_DOWN,
    GPU,
    HEALTH,
    INCLUDED,
    PAUSES,
    PREPARATION,
    REFRESH,
    RESTART,
    RETRY,
    SNAPSHOT,
)
from engine.campaign.config.parts import Reading
from engine.campaign.config.paths import absolute
from engine.campaign.config.sections import Findings, Key
from engine.campaign.config.values import kind
from engine.campaign.config.variables import with_variables
from engine.campaign.model import Campaign, CoolDown, Pauses, Refresh
from engine.compose.files import DEFAULT_FILE
from engine.compose.node import KeyPath, dotted
from engine.errors import CampaignError
from engine.health.gpu import GpuPolicy
from engine.model.spec import Project
from engine.policy import BackendPolicy, RestartPolicy, RetryPolicy
from engine.policy.health import HealthPolicy
from engine.util.nearest import nearest

__all__ = ["check_services", "load_campaign"]


def load_campaign(path: str | Path) -> Campaign:
    """Read and check a campaign file.

    Relative paths in it start from its own folder. The compose file is not read:
    :func:`check_services` holds the campaign against it.

    Raises:
        CampaignError: with everything that is wrong with the file, and with those that it includes.
    """
    file = Path(path).expanduser()
    document = read(file, str(path))
    findings = Findings()
    reading = Reading(str(path))
    folder = Path(os.path.abspath(file)).parent  # noqa: PTH100 - resolve() follows links
    campaign = _campaign(findings, document.value, reading, folder)
    if campaign is None:
        raise CampaignError(str(path), (*listed(findings, document), *reading.listed))
    return campaign


def check_services(campaign: Campaign, project: Project) -> None:
    """See that the compose file has the services that a campaign names.

    Raises:
        CampaignError: it has not; names the nearest.
    """
    named = [
        (f"{experiment.written_at or f'experiments[{index}]'}.backend", backend)
        for index, experiment in enumerate(campaign.experiments)
        for backend in experiment.backends
    ]
    named += [
        (f"{experiment.written_at or f'experiments[{index}]'}.targets", target)
        for index, experiment in enumerate(campaign.experiments)
        for target in experiment.targets
    ]
    named += [(dotted(("backends", backend)), backend) for backend in campaign.policies]
    known = ", ".join(sorted(project.services)) or "none at all"
    written = campaign.compose_file
    files = ", ".join(f.name for f in ((written,) if isinstance(written, Path) else written))
    findings: list[tuple[str, str]] = []
    for path, backend in dict.fromkeys(named):
        if backend not in project.services:
            instead = nearest(backend, project.services) or f"; it has {known}"
            no_service = f"{files} has no service {backend!r}{instead}"
            findings.append((path, no_service))
    if findings:
        raise CampaignError(campaign.file, tuple(findings))


def _campaign(findings: Findings, value: Any, reading: Reading, folder: Path) -> Campaign | None:
    """The campaign that a document makes, or None and what was found wrong."""
    found = findings.section((), value, CAMPAIGN)
    most = found.pop("max_runs", MOST_RUNS)
    part = reading.part(
        findings, {name: found.pop(name) for name in INCLUDED if name in found}, folder, most=most
    )
    backends = _read_backends(findings, part.backends)
    cooling = found.pop("cool_down", None)
    if cooling is not None:
        cooling = findings.section(("cool_down",), cooling, COOL_DOWN)
    pauses = findings.section(("pauses",), found.pop("pauses", {}), PAUSES)
    retry = findings.section(("retry",), found.pop("retry", {}), RETRY)
    paths = {
        name: with_variables(findings.add, (name,), found.pop(name, default))
        for name, default in (("compose_file", DEFAULT_FILE), ("results", None))
    }
    if findings.listed or reading.listed:
        return None
    name = found["name"]
    if found.get("exclusive"):
        found |= {"eager": False, "parallel": False}
    campaign = Campaign(
        file=reading.file,
        compose_file=_compose_file(folder, paths["compose_file"]),
        results=absolute(folder, paths["results"] or f"results/{name}"),
        **backends.arguments(),
        sources=tuple(reading.files),
        cool_down=None if cooling is None else CoolDown(**cooling),
        experiments=tuple(part.experiments),
        pauses=Pauses(**pauses),
        retry=RetryPolicy(**retry),
        **found,
    )
    check_plan(findings, campaign, most)
    check_containers(findings, campaign)
    return None if findings.listed else campaign


@define
class _Backends:
    """The settings of a campaign's backends, by service: arguments of :class:`Campaign`."""

    policies: dict[str, BackendPolicy] = field(factory=dict)
    refresh: dict[str, Refresh] = field(factory=dict)
    setups: dict[str, tuple[str, ...]] = field(factory=dict)
    teardowns: dict[str, tuple[str, ...]] = field(factory=dict)
    snapshots: set[str] = field(factory=set)

    def arguments(self) -> dict[str, Any]:
        """It by the names that the campaign has for it."""
        found = {one.name: getattr(self, one.name) for one in fields(_Backends)}
        return {**found, "snapshots": frozenset(self.snapshots)}


def _read_backends(findings: Findings, value: Any) -> _Backends:
    """How each backend is run, restarted though nothing is wrong, and prepared."""
    read_so_far = _Backends()
    if not isinstance(value, dict):
        findings.add(("backends",), f"must be a mapping of services, and is {kind(value)}")
        return read_so_far
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
        if not findings.listed:
            _add_backend(read_so_far, service, found)
    return read_so_far


def _add_backend(backends: _Backends, service: str, found: dict[str, Any]) -> None:
    """Take in what is said of one service."""
    if _taken(found, SNAPSHOT).get("environment_snapshot"):
        backends.snapshots.add(service)
    commands = _taken(found, PREPARATION)
    if "setup" in commands:
        backends.setups[service] = commands["setup"]
    if "teardown" in commands:
        backends.teardowns[service] = commands["teardown"]
    backends.refresh[service] = Refresh(**_taken(found, REFRESH))
    gpu = GpuPolicy(**_taken(found, GPU))
    backends.policies[service] = BackendPolicy(
        restart=RestartPolicy(**_taken(found, RESTART)),
        health=HealthPolicy(gpu=gpu, **_taken(found, HEALTH)),
        **found,
    )


def _taken(found: dict[str, Any], table: Mapping[str, Key]) -> dict[str, Any]:
    """Take the values with one table's names out of the rest."""
    names = [key.into or name for name, key in table.items()]
    return {name: found.pop(name) for name in names if name in found}


def _compose_file(folder: Path, written: str | tuple[str, ...]) -> Path | tuple[Path, ...]:
    if isinstance(written, str):
        return absolute(folder, written)
    return tuple(absolute(folder, name) for name in written)
