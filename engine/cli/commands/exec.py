"""``dockwarden exec``: run a command by hand in a backend that is up."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli.completers import campaign_backends
from engine.cli.options import campaign_argument, load, runtime_option, service_of
from engine.cli.output.messages import note

if TYPE_CHECKING:
    from engine.runtimes.selection import RuntimeName

__all__ = ["exec_"]


@click.command("exec", context_settings={"allow_interspersed_args": False})
@campaign_argument
@click.argument("backend", shell_complete=campaign_backends)
@click.argument("command", metavar="[--] COMMAND...", nargs=-1, required=True)
@click.option(
    "--as",
    "experiment",
    metavar="EXPERIMENT",
    help="Run it with the environment, working directory and user of this experiment.",
)
@runtime_option
@click.option("--force", is_flag=True, help="Run it even while a campaign uses the backend.")
def exec_(
    campaign: Path,
    backend: str,
    command: tuple[str, ...],
    *,
    experiment: str | None,
    runtime: RuntimeName | None,
    force: bool,
) -> int:
    """Run COMMAND in BACKEND of CAMPAIGN, which `dockwarden up` has started, as an experiment of it would run.

    It has the user, the environment and the working directory that all experiments on the backend have in common,
    and the standard input and output of this command. It has a terminal where those are one. Nothing of it is recorded.

    Exit code: that of COMMAND; 2 where it could not be run.

    \b
    Example:
      dockwarden exec examples/campaign.yml pytorch -- bash
      dockwarden exec --as matmul examples/campaign.yml pytorch -- python3 kernels.py matmul
    """
    from attrs import evolve

    from engine.campaign.entering import entry_like
    from engine.runtimes.registry import provider
    from engine.runtimes.selection import resolved

    if command[0] == "--":  # which click leaves in, since options end before the first argument
        command = command[1:]
    if not command:
        raise click.UsageError("name the command to run, such as -- bash")
    loaded, project = load(campaign, runtime)
    entry, differing = entry_like(loaded, service_of(project, backend), command, experiment)
    if differing:
        note(
            f"the experiments on {backend} differ in {', '.join(differing)}; --as EXPERIMENT takes those of one"
        )
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    chosen = provider(resolved(loaded.runtime, project, [backend]))
    return chosen.enter(
        project,
        evolve(entry, tty=terminal, force=force),
        adopts_compose=loaded.adopt_compose,
    )
