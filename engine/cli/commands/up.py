"""``dockwarden up``: bring backends up, for work by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli.completers import campaign_backends
from engine.cli.options import campaign_argument, load, runtime_option, service_of

if TYPE_CHECKING:
    from engine.runtimes.selection import RuntimeName

__all__ = ["up"]


@click.command()
@campaign_argument
@click.argument("backends", metavar="[BACKEND]...", nargs=-1, shell_complete=campaign_backends)
@runtime_option
@click.option(
    "--foreground",
    is_flag=True,
    help="Keep them up until Ctrl+C, restart what fails, and take all down; else they stay up.",
)
def up(
    campaign: Path, backends: tuple[str, ...], *, runtime: RuntimeName | None, foreground: bool
) -> int:
    """Start each BACKEND of CAMPAIGN and what it depends on, as a campaign does, and run no experiment.

    Without BACKEND it is all that the experiments use. Each passes its readiness gate, and its setup runs. Then
    they stay up: for `dockwarden exec`, until `dockwarden down` or until the campaign is run, which makes
    new containers. They are not watched meanwhile, unless with --foreground. Results are not touched.

    Exit code: 0 all are ready, 2 one is not (those that are stay up), 130 interrupted.

    \b
    Example:
      dockwarden up examples/campaign.yml pytorch
      dockwarden exec examples/campaign.yml pytorch -- nvidia-smi
      dockwarden down examples/campaign.yml
    """
    from engine.campaign.runs.plan import plan, services_of

    loaded, project = load(campaign, runtime)
    wanted = [service_of(project, name) for name in backends or services_of(plan(loaded))]
    if loaded.exclusive and len(wanted) > 1:
        raise click.UsageError(
            f"the campaign has one backend up at a time (exclusive); name one of {', '.join(wanted)}"
        )
    from engine.cli.by_hand import bring_up

    return bring_up(loaded, project, tuple(dict.fromkeys(wanted)), foreground=foreground)
