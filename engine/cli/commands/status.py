"""``dockwarden status``: list the containers, networks and processes of dockwarden."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli.exit_codes import DONE
from engine.cli.options import maybe_campaign_argument, project_name
from engine.cli.output.messages import show
from engine.util.printable import printable

if TYPE_CHECKING:
    from engine.runtimes.resource import Resource

__all__ = ["describe", "status"]


@click.command()
@maybe_campaign_argument
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(campaign: Path | None, *, as_json: bool) -> int:
    """List the containers and networks of dockwarden on the Docker engine, and the local processes of its backends.

    With CAMPAIGN, only the resources of its compose project.

    \b
    Example:
      dockwarden status examples/campaign.yml
    """
    from engine.runtimes.inventory import take

    listed = take(project_name(campaign))
    if as_json:
        show(json.dumps([_plain(one) for one in listed.found], indent=2))
    else:
        for one in listed.found:
            show(printable(describe(one)))
    listed.confess()
    if not listed.found and not as_json:
        show("nothing of dockwarden is there")
    return DONE


def describe(resource: Resource) -> str:
    """Describe a resource on one line."""
    if resource.foreign:
        return (
            f"{resource.kind} {resource.name}: {resource.status or 'no status'}, not dockwarden's:"
            f" {resource.foreign}"
        )
    whose = f"of {resource.owner}" if resource.owner else "of an unknown owner"
    life = "running" if resource.owned else "gone; dockwarden down removes what it left"
    return (
        f"{resource.kind} {resource.name}: {resource.status or 'no status'},"
        f" project {resource.project}, {whose} ({life})"
    )


def _plain(resource: Resource) -> dict[str, object]:
    return {
        "kind": resource.kind,
        "id": resource.id,
        "name": resource.name,
        "project": resource.project,
        "service": resource.service,
        "status": resource.status,
        "owner": str(resource.owner) if resource.owner else None,
        "owner_runs": resource.owned,
        "foreign": resource.foreign or None,
    }
