"""``dockwarden run``: carry a campaign out."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli.completers import campaign_backends
from engine.cli.exit_codes import DONE, FAILED
from engine.cli.options import campaign_argument, load, runtime_option
from engine.cli.output.file_messages import note_reader, note_warnings
from engine.cli.output.messages import note, show
from engine.cli.output.plan import plan_json, plan_text, to_do

if TYPE_CHECKING:
    from engine.campaign.resumption.resume_point import Standing
    from engine.campaign.runs.plan import PlannedRun
    from engine.runtimes.selection import RuntimeName

__all__ = ["run"]

_RERUN = ("failed", "skipped", "lost")
_SETTLED = ("completed", *_RERUN)


@click.command()
@campaign_argument
@runtime_option
@click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder of results, instead of the campaign's.",
)
@click.option(
    "--only",
    metavar="SELECTOR",
    multiple=True,
    shell_complete=campaign_backends,
    help="Run only what this selects: a backend, an experiment, or NAME=GLOB of a parameter, a key or a column such as"
    " cycle; several in one, by commas, must all hold; of several options any may.",
)
@click.option(
    "--except",
    "without",
    metavar="SELECTOR",
    multiple=True,
    shell_complete=campaign_backends,
    help="Leave out what this selects.",
)
@click.option(
    "--rerun",
    type=click.Choice((*_RERUN, "all")),
    multiple=True,
    help="Repeat the runs with this outcome in the newest run of the campaign, in its folder.",
)
@click.option(
    "--fresh", is_flag=True, help="Begin from scratch, even if an earlier run can be resumed."
)
@click.option("--dry-run", is_flag=True, help="Print the plan and touch nothing.")
@click.option(
    "--simulate",
    is_flag=True,
    help="Simulate it in virtual time: start nothing, keep nothing, say how long it takes.",
)
@click.option(
    "--faults",
    metavar="RATE",
    type=click.FloatRange(0, 1),
    help="With --simulate: the share of all opportunities at which faults occur, such as 0.01.",
)
@click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(min=0),
    help="With --simulate: the seed of the faults; the same seed gives the same course (default: 0).",
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
    without: tuple[str, ...],
    rerun: tuple[str, ...],
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

    If its last run was interrupted, or the controller died, it is resumed in that folder: settled runs stay
    settled. Otherwise, and with --fresh, a new folder is made.

    Runs that --only and --except leave out stay unfinished, and the summary lists them. With --rerun, runs with
    such an outcome are repeated in the same folder: the numbers of attempts continue, the newest outcome
    counts, and the earlier one stays on record.

    With --simulate nothing is started, and no engine is needed. The open runs are simulated in virtual time;
    the summary says how long they take, and which backends are restarted and exhausted.

    Ctrl+C ends running commands and starts no others; a second Ctrl+C ends them without a grace period.

    Exit code: 0 all completed, 1 some failed, 2 bad input or set-up, 130 interrupted (143 by SIGTERM, 129 by
    SIGHUP, which a lost connection sends; nohup keeps it away).

    \b
    Example:
      dockwarden run examples/campaign.yml --only pytorch --dry-run
      dockwarden run examples/campaign.yml --rerun failed --except 'model=llama*,cycle=2'
    """
    from attrs import evolve

    from engine.campaign.config.secrets import secrets_of
    from engine.campaign.persistence.fingerprints import digests
    from engine.campaign.resumption.resume_point import on_its_runtime, standing
    from engine.campaign.runs.plan import plan
    from engine.campaign.runs.selection import chosen, columns_of
    from engine.control.lifecycles import find_backend_lifecycle
    from engine.errors import JournalError

    _check(simulate=simulate, dry_run=dry_run, faults=faults, seed=seed, rerun=rerun, fresh=fresh)
    loaded, project = load(campaign, "simulated" if simulate else runtime)
    if results is not None:
        loaded = evolve(loaded, results=results.expanduser().absolute())
    lifecycle = find_backend_lifecycle(loaded.lifecycle, loaded.folder)
    planned = plan(loaded)
    runs = tuple(chosen(planned, columns_of, only=only, without=without, where=loaded.file))
    if not runs:
        raise click.UsageError("--only and --except leave nothing to run")
    made_of = digests(loaded, project, runs, lifecycle.table)
    again = _SETTLED if "all" in rerun else rerun
    try:
        left = None if fresh else standing(loaded, planned, runs, made_of, again)
    except JournalError:
        note("--fresh begins from scratch in another folder, and leaves this one as it is")
        raise
    if rerun and left is None:
        raise click.UsageError(
            f"there is no run of {loaded.name} in {loaded.results}; leave --rerun out"
        )
    if not simulate:
        loaded = on_its_runtime(loaded, left)
    if dry_run:
        from engine.cli.main_commands import foreseen_mains

        secrets = secrets_of(loaded, project)
        if not quiet:
            note_reader(project)
            note_warnings(project, to_do(project, runs, left)[0])
        mains = foreseen_mains(loaded, project, to_do(project, runs, left)[0])
        show(
            (plan_json if as_json else plan_text)(loaded, project, runs, left, secrets, mains=mains)
        )
        return DONE
    if left is not None and left.closed and not to_do(project, runs, left)[1]:
        return _nothing_to_do(left, runs, as_json=as_json)
    if simulate:
        from engine.cli.simulate import rehearse

        rehearsed = (loaded, project, runs, left, lifecycle)
        return rehearse(
            *rehearsed, rate=faults or 0.0, seed=seed or 0, as_json=as_json, quiet=quiet
        )
    from engine.cli.session import conduct

    return conduct(
        *(loaded, project, runs, made_of, left),
        planned=planned,
        lifecycle=lifecycle,
        as_json=as_json,
        quiet=quiet,
        metrics_port=metrics_port,
    )


def _check(
    *,
    simulate: bool,
    dry_run: bool,
    faults: float | None,
    seed: int | None,
    rerun: tuple[str, ...],
    fresh: bool,
) -> None:
    """Refuse options that contradict one another."""
    if simulate and dry_run:
        raise click.UsageError("choose one: --dry-run prints the plan, --simulate rehearses it")
    if rerun and fresh:
        raise click.UsageError(
            "choose one: --rerun goes on in the newest run, --fresh begins a new one"
        )
    if not simulate and (faults is not None or seed is not None):
        raise click.UsageError("--faults and --seed go with --simulate")


def _nothing_to_do(left: Standing, runs: tuple[PlannedRun, ...], *, as_json: bool) -> int:
    """Say that all that was chosen is settled; return the exit code that it gives."""
    from engine.campaign.persistence.results import SUMMARY
    from engine.util.regular_file import open_plain

    states = Counter(left.states[run.id] for run in runs if not run.warmup)
    counted = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    note(
        f"nothing to run: {counted} in {left.folder}; --rerun repeats what has come to an outcome that you name,"
        " --fresh begins a new run of the campaign"
    )
    if as_json:
        with open_plain(left.folder / SUMMARY) as written:
            show(written.read().decode())
    return DONE if set(states) <= {"completed", "not needed"} else FAILED
