"""Arguments that commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from engine.campaign.model import Campaign
    from engine.spec import Project

__all__ = ["campaign_argument", "load", "maybe_campaign_argument", "project_name"]

# Existence and form are checked on loading, where the error can say more than click's.
campaign_argument = click.argument("campaign", type=click.Path(path_type=Path))
maybe_campaign_argument = click.argument(
    "campaign", type=click.Path(path_type=Path), required=False
)


def load(path: Path) -> tuple[Campaign, Project]:
    """A campaign and the compose project that it runs on, held against each other.

    Raises:
        CampaignError: the campaign file cannot be used.
        ComposeError: its compose file cannot be used.
    """
    from engine.campaign.load import check_services, load_campaign
    from engine.compose import load_project

    campaign = load_campaign(path)
    project = load_project(campaign.compose_file)
    check_services(campaign, project)
    return campaign, project


def project_name(campaign: Path | None) -> str | None:
    """The name of a campaign's compose project; None without a campaign."""
    return None if campaign is None else load(campaign)[1].name
