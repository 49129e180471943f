"""``dockwarden logs``: what the main processes of backends wrote, of a campaign that runs or has ended."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from engine.cli.commands.watch import ended
from engine.cli.completers import journal_backends
from engine.cli.exit_codes import DONE
from engine.cli.output.messages import note

if TYPE_CHECKING:
    from engine.cli.output.log_printer import LogPrinter
    from engine.journal import JournalReader

__all__ = ["logs"]

_EVERY_S: Final = 0.5


@click.command()
@click.argument("journal", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("backends", metavar="[BACKEND]...", nargs=-1, shell_complete=journal_backends)
@click.option(
    "--follow",
    "-f",
    is_flag=True,
    help="Follow new output, until the campaign's session ends.",
)
@click.option(
    "--generation",
    "-g",
    type=click.IntRange(min=1),
    metavar="N",
    help="Print the log of the container's start N instead of the latest one.",
)
@click.option(
    "--tail", type=click.IntRange(min=0), metavar="N", help="Only the last N lines of each."
)
@click.option(
    "--times",
    "-t",
    is_flag=True,
    help="Print when each line was written, in UTC, if the engine reports it.",
)
def logs(
    journal: Path,
    backends: tuple[str, ...],
    *,
    follow: bool,
    generation: int | None,
    tail: int | None,
    times: bool,
) -> int:
    """Print the output of the main process of each BACKEND, standard output and standard error.

    RUN is the folder of a run of a campaign, or its journal; in a campaign's folder of results it is the latest
    run. It may run meanwhile, or have ended. Without BACKEND it is all of them, each line with its
    backend's name. Each start of a container has a separate log, below _log/ in the backend's results.

    \b
    Example:
      dockwarden logs results/ pytorch --tail 50
      dockwarden logs results/ pytorch -f
    """
    from engine.cli.output.log_printer import LogPrinter
    from engine.journal import Journal, find_journal
    from engine.util.redaction import Secrets

    with Journal.read(find_journal(journal)) as reader:
        known = reader.backends()
        unknown = [name for name in backends if name not in known]
        if unknown:
            raise click.UsageError(
                f"it has no backend {unknown[0]!r}, but {', '.join(known) or 'none'}"
            )
        printers = [
            LogPrinter(
                reader.path.resolve().parent,
                name,
                generation=generation,
                times=times,
                prefix="" if len(backends or known) == 1 else f"{name} | ",
                secrets=Secrets.of(os.environ),
            )
            for name in backends or known
        ]
        _print(printers, reader, tail=tail, follow=follow)
    return DONE


def _print(
    printers: Sequence[LogPrinter], reader: JournalReader, *, tail: int | None, follow: bool
) -> None:
    for one in printers:
        one.begin(tail)
    while follow:
        over = ended(reader)  # asked first: what is written until then is still printed
        for one in printers:
            one.go_on()
        if over:
            note(over)
            break
        time.sleep(_EVERY_S)
    for one in printers:
        one.end()
    if not any(one.found for one in printers):
        what = "of this start" if printers and printers[0].generation else "yet"
        note(
            f"no log {what} is among the results; each is written from the start of its container on"
        )
