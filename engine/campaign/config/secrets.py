"""The secrets of a campaign."""

from __future__ import annotations

from engine.campaign.model import Campaign
from engine.model.secrets import project_secrets
from engine.model.spec import Project
from engine.util.redaction import Secrets

__all__ = ["secrets_of"]


def secrets_of(campaign: Campaign, project: Project) -> Secrets:
    """The secrets of a campaign: of its experiments, of its project, and of what filled that in."""
    environments = [experiment.environment for experiment in campaign.experiments]
    environments += [one.service.environment for one in campaign.experiments if one.service]
    of_project = project_secrets(project, campaign.secrets)
    return of_project | Secrets.of(*environments, marked=campaign.secrets)
