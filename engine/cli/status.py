"""``dockwarden status``: what of ours is on the engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli.exits import DONE
from engine.cli.options import maybe_campaign_argument, project_name

if TYPE_CHECKING:
    from engine.runtimes.docker.census import Resource

__all__ = ["describe", "status"]


@click.command()
@maybe_campaign_argument
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(campaign: Path | None, *, as_json: bool) -> int:
    """List the containers and networks that dockwarden has on the Docker engine.

    With CAMPAIGN, only those of its compose project. The process runtime leaves nothing to list.

    \b
    Example:
      dockwarden status examples/campaign.yml
    """  # noqa: D301 - click's mark for a paragraph that is not to be filled
    from engine.runtimes.docker.census import take

    found = take(project_name(campaign)).everything
    if as_json:
        click.echo(json.dumps([_plain(one) for one in found], indent=2))
    elif not found:
        click.echo("nothing of ours is on the engine")
    else:
        click.echo("\n".join(describe(one) for one in found))
    return DONE


def describe(resource: Resource) -> str:
    """A container or network on one line."""
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
    }
