"""``dockwarden run``: carry a campaign out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli.exits import DONE
from engine.cli.options import campaign_argument, load

if TYPE_CHECKING:
    from engine.campaign.plan import PlannedRun
    from engine.runtimes.choose import RuntimeName

__all__ = ["run"]


@click.command()
@campaign_argument
@click.option(
    "--runtime",
    type=click.Choice(["auto", "docker", "process"]),
    help="What the backends run on, in place of what the campaign says.",
)
@click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where results go, in place of what the campaign says.",
)
@click.option(
    "--only",
    metavar="BACKEND",
    multiple=True,
    help="Run the experiments of this backend; may be given several times.",
)
@click.option("--dry-run", is_flag=True, help="Print the plan and touch nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON on stdout.")
@click.option("--quiet", "-q", is_flag=True, help="Print the summary, and nothing before it.")
def run(
    campaign: Path,
    *,
    runtime: RuntimeName | None,
    results: Path | None,
    only: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Run the experiments of CAMPAIGN, record them, and take everything down.

    Ctrl+C ends what runs and begins nothing else; a second one leaves it no time to end by itself.

    Exit code: 0 all completed, 1 some failed, 2 bad input or set-up, 130 interrupted (143 by SIGTERM).

    \b
    Example:
      dockwarden run examples/campaign.yml --only pytorch --dry-run
    """  # noqa: D301 - click's mark for a paragraph that is not to be filled
    from attrs import evolve

    from engine.campaign.load import check_only
    from engine.campaign.plan import plan
    from engine.compose import needed

    loaded, project = load(campaign)
    if runtime is not None:
        loaded = evolve(loaded, runtime=runtime)
    if results is not None:
        loaded = evolve(loaded, results=results.expanduser().absolute())
    check_only(loaded, only)
    runs = tuple(one for one in plan(loaded) if not only or one.backend in only)
    services = needed(project, dict.fromkeys(one.backend for one in runs))
    if dry_run:
        click.echo(_plan_json(services, runs) if as_json else _plan_text(services, runs))
        return DONE
    from engine.cli.conduct import conduct

    return conduct(loaded, project, runs, as_json=as_json, quiet=quiet)


def _plan_text(services: tuple[str, ...], runs: tuple[PlannedRun, ...]) -> str:
    lines = [f"services, in the order they start: {', '.join(services)}", f"{len(runs)} runs:"]
    width = len(str(len(runs)))
    lines += [
        f"  {number:{width}}. {one.id}: {' '.join(one.experiment.command)}"
        for number, one in enumerate(runs, start=1)
    ]
    return "\n".join(lines)


def _plan_json(services: tuple[str, ...], runs: tuple[PlannedRun, ...]) -> str:
    planned = [
        {
            "run": one.id,
            "experiment": one.experiment.name,
            "backend": one.backend,
            "cycle": one.cycle,
            "repeat": one.repeat,
            "command": one.experiment.command,
        }
        for one in runs
    ]
    return json.dumps({"services": services, "runs": planned}, indent=2)
