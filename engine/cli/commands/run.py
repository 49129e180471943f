"""``dockwarden run``: carry a campaign out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli.completers import campaign_backends
from engine.cli.exit_codes import DONE
from engine.cli.options import RuntimeChoice, campaign_argument, load
from engine.cli.output.file_messages import note_reader, note_warnings
from engine.cli.output.messages import note, show

if TYPE_CHECKING:
    from engine.campaign.resumption.resume_point import Standing
    from engine.campaign.runs.plan import PlannedRun
    from engine.model.spec import Project
    from engine.runtimes.selection import RuntimeName
    from engine.util.redaction import Secrets

__all__ = ["run"]


@click.command()
@campaign_argument
@click.option(
    "--runtime",
    type=RuntimeChoice(),
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
    shell_complete=campaign_backends,
    help="Run the experiments of this backend; may be given several times.",
)
@click.option("--fresh", is_flag=True, help="Begin anew, whatever an earlier run has left.")
@click.option("--dry-run", is_flag=True, help="Print the plan and touch nothing.")
@click.option(
    "--simulate",
    is_flag=True,
    help="Rehearse it in virtual time: start nothing, keep nothing, say how long it takes.",
)
@click.option(
    "--faults",
    metavar="RATE",
    type=click.FloatRange(0, 1),
    help="With --simulate: the share of all opportunities that faults strike, such as 0.01.",
)
@click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(min=0),
    help="With --simulate: of the faults; the same one gives the same course (default: 0).",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON on stdout.")
@click.option(
    "--metrics",
    "metrics_port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Serve metrics for Prometheus on this port of the loopback interface; 0 for any.",
)
@click.option("--quiet", "-q", is_flag=True, help="Print the summary, and nothing before it.")
def run(
    campaign: Path,
    *,
    runtime: RuntimeName | None,
    results: Path | None,
    only: tuple[str, ...],
    fresh: bool,
    dry_run: bool,
    simulate: bool,
    faults: float | None,
    seed: int | None,
    as_json: bool,
    quiet: bool,
    metrics_port: int | None,
) -> int:
    """Run the experiments of CAMPAIGN, record them, and take everything down.

    Where the last run of it was interrupted, or its controller died, it goes on in that folder: what is
    settled stays so. Otherwise, and with --fresh, a new folder is made.

    With --simulate nothing is started, and no engine is needed: what is still to be done is gone through in
    virtual time, and printed is how long it takes, what is restarted and what is exhausted.

    Ctrl+C ends what runs and begins nothing else; a second one leaves it no time to end by itself.

    Exit code: 0 all completed, 1 some failed, 2 bad input or set-up, 130 interrupted (143 by SIGTERM, 129 by
    SIGHUP, which a lost connection sends; nohup keeps it away).

    \b
    Example:
      dockwarden run examples/campaign.yml --only pytorch --dry-run
    """
    from attrs import evolve

    from engine.campaign.config.load import check_only
    from engine.campaign.config.secrets import secrets_of
    from engine.campaign.persistence.fingerprints import digests
    from engine.campaign.resumption.resume_point import on_its_runtime, standing
    from engine.campaign.runs.plan import plan
    from engine.errors import JournalError

    if simulate and dry_run:
        raise click.UsageError("choose one: --dry-run prints the plan, --simulate rehearses it")
    if not simulate and (faults is not None or seed is not None):
        raise click.UsageError("--faults and --seed go with --simulate")
    loaded, project = load(campaign, "simulated" if simulate else runtime)
    if results is not None:
        loaded = evolve(loaded, results=results.expanduser().absolute())
    check_only(loaded, only)
    planned = plan(loaded)
    runs = tuple(one for one in planned if not only or one.backend in only)
    made_of = digests(loaded, project, runs)
    try:
        left = None if fresh else standing(loaded, planned, runs, made_of)
    except JournalError:
        note("--fresh begins anew in another folder, and leaves this one as it is")
        raise
    if not simulate:
        loaded = on_its_runtime(loaded, left)
    if dry_run:
        secrets = secrets_of(loaded, project)
        if not quiet:
            note_reader(project)
            note_warnings(project, _todo(project, runs, left)[0])
        show((_plan_json if as_json else _plan_text)(project, runs, left, secrets))
        return DONE
    if simulate:
        from engine.cli.simulate import rehearse

        rehearsed = (loaded, project, runs, left)
        return rehearse(
            *rehearsed, rate=faults or 0.0, seed=seed or 0, as_json=as_json, quiet=quiet
        )
    from engine.cli.session import conduct

    return conduct(
        *(loaded, project, runs, made_of, left),
        as_json=as_json,
        quiet=quiet,
        metrics_port=metrics_port,
    )


def _plan_text(
    project: Project, runs: tuple[PlannedRun, ...], standing: Standing | None, secrets: Secrets
) -> str:
    services, todo = _todo(project, runs, standing)
    lines = [f"services, in the order they start: {', '.join(services)}", f"{len(todo)} runs:"]
    width = len(str(len(todo)))
    lines += [
        f"  {number:{width}}. {one.id}: {' '.join(secrets.hide_all(one.experiment.command))}"
        for number, one in enumerate(todo, start=1)
    ]
    return "\n".join((*(standing.lines if standing else ()), *lines))


def _plan_json(
    project: Project, runs: tuple[PlannedRun, ...], standing: Standing | None, secrets: Secrets
) -> str:
    services, todo = _todo(project, runs, standing)
    planned = [
        {
            "run": one.id,
            "experiment": one.experiment.name,
            "backend": one.backend,
            "cycle": one.cycle,
            "repeat": one.repeat,
            "command": secrets.hide_all(one.experiment.command),
        }
        for one in todo
    ]
    resumed = standing.to_dict() if standing else None
    return json.dumps({"services": services, "runs": planned, "resume": resumed}, indent=2)


def _todo(
    project: Project, runs: tuple[PlannedRun, ...], standing: Standing | None
) -> tuple[tuple[str, ...], list[PlannedRun]]:
    """The services that start, and the runs that are still to be done."""
    from engine.compose import needed

    todo = [one for one in runs if standing is None or one.id not in standing.settled]
    return needed(project, dict.fromkeys(one.backend for one in todo)), todo
