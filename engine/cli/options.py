"""Arguments that commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli.completers import campaign_files
from engine.cli.output.messages import keep

if TYPE_CHECKING:
    from engine.campaign.model import Campaign
    from engine.model.spec import Project
    from engine.runtimes.selection import RuntimeName

__all__ = ["campaign_argument", "load", "maybe_campaign_argument", "project_name"]

# Existence and form are checked on loading, where the error can say more than click's.
campaign_argument = click.argument(
    "campaign", type=click.Path(path_type=Path), shell_complete=campaign_files
)
maybe_campaign_argument = click.argument(
    "campaign",
    type=click.Path(path_type=Path),
    required=False,
    shell_complete=campaign_files,
)


def load(path: Path, runtime: RuntimeName | None = None) -> tuple[Campaign, Project]:
    """A campaign and the compose project that it runs on, held against each other.

    Args:
        runtime: in place of what the campaign says; None for that.

    Raises:
        CampaignError: the campaign file cannot be used.
        ComposeError: its compose file cannot be used.
        SetupError: its runtime cannot read it here.
    """
    from attrs import evolve

    from engine.campaign.config.load import check_services, load_campaign
    from engine.campaign.config.secrets import secrets_of
    from engine.runtimes.selection import read_project

    campaign = load_campaign(path)
    if runtime is not None:
        campaign = evolve(campaign, runtime=runtime)
    project = read_project(campaign.runtime, campaign.compose_file)
    keep(secrets_of(campaign, project))
    check_services(campaign, project)
    return campaign, project


def project_name(campaign: Path | None) -> str | None:
    """The name of a campaign's compose project; None without a campaign."""
    return None if campaign is None else load(campaign)[1].name
