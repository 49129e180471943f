"""Arguments that commands share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from engine.cli.completers import campaign_files, result_folders
from engine.cli.output.messages import keep

if TYPE_CHECKING:
    from engine.campaign.model import Campaign
    from engine.model.spec import Project
    from engine.runtimes.selection import RuntimeName

__all__ = [
    "RuntimeChoice",
    "campaign_argument",
    "format_of",
    "load",
    "maybe_campaign_argument",
    "output_option",
    "project_name",
    "runs_argument",
    "runtime_option",
    "service_of",
]


class RuntimeChoice(click.ParamType[str]):
    """The name of a runtime that is installed, here or by another package."""

    name = "runtime"

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """Those that come with dockwarden: what else is installed differs from machine to machine."""
        from engine.runtimes.registry import AUTO, BUILT_IN

        return f"[{'|'.join((AUTO, *(name for name in BUILT_IN if name != 'simulated')))}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Take a name that is known."""
        from engine.runtimes.registry import names

        known = names(real=True)
        if value not in known:
            self.fail(f"{value!r} is not one of {', '.join(map(repr, known))}.", param, ctx)
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer every name."""
        from engine.runtimes.registry import names

        return [CompletionItem(name) for name in names(real=True) if name.startswith(incomplete)]


# Existence and form are checked on loading, where the error can say more than click's.
campaign_argument = click.argument(
    "campaign", type=click.Path(path_type=Path), shell_complete=campaign_files
)
runtime_option = click.option(
    "--runtime",
    type=RuntimeChoice(),
    help="The runtime of the backends, instead of the campaign's.",
)
runs_argument = click.argument(
    "runs",
    metavar="RUN...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
    shell_complete=result_folders,
)
output_option = click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="The file to write; - is standard output, which is the default.",
)


def format_of(form: str | None, output: Path | None, forms: Sequence[str]) -> str:
    """Choose the format: the one asked for, else by the file's suffix, else the first.

    Args:
        form: as the user said; None where nothing was said.
    """
    ending = "" if output is None else output.suffix.removeprefix(".").lower()
    return form or (ending if ending in forms else forms[0])


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


def service_of(project: Project, name: str) -> str:
    """The name of a service, as it was given.

    Raises:
        click.UsageError: the project has no such service.
    """
    if name not in project.services:
        raise click.UsageError(f"there is no service {name!r}, but {', '.join(project.services)}")
    return name
