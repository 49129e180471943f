"""The commands, and how each ends."""

from __future__ import annotations

from collections.abc import Sequence

import click

from engine.cli.commands.compare import compare
from engine.cli.commands.completion import completion
from engine.cli.commands.diagram import diagram
from engine.cli.commands.doctor import doctor
from engine.cli.commands.down import down
from engine.cli.commands.exec import exec_
from engine.cli.commands.history import history
from engine.cli.commands.logs import logs
from engine.cli.commands.reap import reap
from engine.cli.commands.report import report
from engine.cli.commands.results import results
from engine.cli.commands.run import run
from engine.cli.commands.status import status
from engine.cli.commands.up import up
from engine.cli.commands.verify import verify
from engine.cli.commands.watch import watch
from engine.cli.exit_codes import BAD, INTERRUPTED, tell
from engine.cli.output.messages import complain, show_warnings
from engine.errors import DockwardenError

__all__ = ["cli", "invoke"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dockwarden")
def cli() -> None:
    """Run campaigns of experiments on container backends.

    \b
    Example:
      dockwarden run examples/campaign.yml
    """
    show_warnings()


for _command in (
    run,
    watch,
    results,
    compare,
    report,
    history,
    logs,
    verify,
    status,
    up,
    exec_,
    down,
    reap,
    doctor,
    diagram,
    completion,
):
    cli.add_command(_command)


def invoke(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; our errors are printed as a paragraph."""
    try:
        code: int = cli.main(arguments, prog_name="dockwarden", standalone_mode=False)
    except click.ClickException as error:
        complain(error)
        code = BAD
    except click.Abort:
        code = INTERRUPTED
    except _ours() as error:
        tell(error)
        code = BAD
    return code


def _ours() -> tuple[type[Exception], ...]:
    """The errors that are printed as a paragraph; imported once there is one, so that help is faster."""
    from states import StateError

    return DockwardenError, StateError
