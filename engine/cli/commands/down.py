"""``dockwarden down``: remove what is ours."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from engine.cli.commands.status import describe
from engine.cli.exit_codes import DONE
from engine.cli.options import maybe_campaign_argument, project_name
from engine.cli.output.messages import show
from engine.util.printable import printable

__all__ = ["down"]

_GRACE_S: Final = 10.0


@click.command()
@maybe_campaign_argument
@click.option(
    "--force", is_flag=True, help="Remove at once, also the resources of a dockwarden that runs."
)
def down(campaign: Path | None, *, force: bool) -> int:
    """Remove the containers and networks of dockwarden from the Docker engine, and the local processes of its backends.

    With CAMPAIGN, only the resources of its compose project. Named volumes stay. Resources of a dockwarden that
    still runs are refused.

    \b
    Example:
      dockwarden down examples/campaign.yml
    """
    from engine.cli.up_folder import forget
    from engine.errors import OwnedElsewhere
    from engine.runtimes.inventory import remove_all, take

    project = project_name(campaign)
    listed = take(project)
    found = [one for one in listed.found if not one.foreign]
    owned = [one for one in found if one.owned]
    if owned and not force:
        theirs = "; ".join(f"{one.kind} {one.name} of {one.owner}" for one in owned)
        raise OwnedElsewhere(
            f"these belong to a dockwarden that still runs: {theirs}; end it first (Ctrl+C there),"
            " or use --force to take them away from it. Nothing was removed"
        )
    remove_all(found, project=project, grace_s=0 if force else _GRACE_S)
    for name in {project or "", *(one.project for one in found)}:
        forget(name)
    for one in found:
        show(printable(f"removed {one.kind} {one.name}"))
    for one in listed.found:
        if one.foreign:
            show(printable(f"left alone: {describe(one)}"))
    listed.confess()
    if not found:
        show("nothing of dockwarden is there")
    return DONE
