"""The container that an experiment asks for: how fresh it is, and the changes of its service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.campaign.config.sections import Findings
from engine.campaign.model import Campaign, Isolation
from engine.compose.node import KeyPath
from engine.model.service_change import ServiceChange
from engine.policy import KeepAlive

__all__ = ["check_containers", "check_isolation", "with_container"]

_WRITTEN: Final = frozenset({"cold_start", "isolation", "service_env", "service_command"})


def check_isolation(findings: Findings, path: KeyPath, written: Any) -> None:
    """See that a section says in one way only how fresh the container is."""
    if isinstance(written, dict) and {"cold_start", "isolation"} <= written.keys():
        findings.add(
            (*path, "cold_start"), "is the old spelling of isolation: restart; keep isolation alone"
        )


def with_container(
    values: Mapping[str, Any], defaults: Mapping[str, Any], entry: Mapping[str, Any]
) -> dict[str, Any]:
    """The values of an experiment, with what its container is to be.

    Args:
        values: of the experiment otherwise.
        defaults: what was read of the defaults.
        entry: what was read of its entry, which adds to ``service_env``, and replaces the rest.
    """
    environment = {**defaults.get("service_env", {}), **entry.get("service_env", {})}
    command = entry.get("service_command", defaults.get("service_command"))
    changed = environment or command is not None
    return {
        **{name: value for name, value in values.items() if name not in _WRITTEN},
        "isolation": _isolation(entry) or _isolation(defaults) or Isolation.REUSE,
        "service": ServiceChange(environment, command) if changed else None,
    }


def _isolation(found: Mapping[str, Any]) -> Isolation | None:
    if "isolation" in found:
        isolation: Isolation = found["isolation"]
        return isolation
    if "cold_start" in found:
        return Isolation.RESTART if found["cold_start"] else Isolation.REUSE
    return None


def check_containers(findings: Findings, campaign: Campaign) -> None:
    """See that the containers that experiments ask for can be made."""
    for experiment in campaign.experiments:
        service, name = experiment.service, experiment.name
        asks = (
            "isolation: recreate"
            if experiment.isolation is Isolation.RECREATE
            else "service_env or service_command"
        )
        if campaign.adopt_compose and (service or experiment.isolation is Isolation.RECREATE):
            findings.add(
                ("adopt",),
                f"compose takes containers over as they are, and {asks} of {name} needs another one; leave"
                " adopt out, or that",
            )
            return
        for backend in experiment.backends:
            policy = campaign.policies.get(backend)
            declared = KeepAlive.AUTO if policy is None else policy.keep_alive
            kept = declared not in (KeepAlive.AUTO, KeepAlive.NEVER)
            if kept and service is not None and service.command is not None:
                findings.add(
                    ("backends", backend, "keep_alive"),
                    f"takes the place of the command that {name} gives the service (service_command); leave"
                    " one of them out",
                )
                return
