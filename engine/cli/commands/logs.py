"""``dockwarden logs``: what the main processes of backends wrote, of a campaign that runs or has ended."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from attrs import define, field

from engine.cli.commands.watch import ended
from engine.cli.completers import journal_backends
from engine.cli.exit_codes import DONE
from engine.cli.output.messages import note, show

if TYPE_CHECKING:
    from engine.journal import JournalReader
    from engine.spool import MainLog
    from engine.util.redaction import Secrets

__all__ = ["logs"]

_EVERY_S: Final = 0.5
_AT_ONCE_BYTES: Final = 2**20


@click.command()
@click.argument("journal", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("backends", metavar="[BACKEND]...", nargs=-1, shell_complete=journal_backends)
@click.option(
    "--follow",
    "-f",
    is_flag=True,
    help="Go on with what is written, until the campaign's session ends.",
)
@click.option(
    "--generation",
    "-g",
    type=click.IntRange(min=1),
    metavar="N",
    help="Of the container's start N, in place of the latest one.",
)
@click.option(
    "--tail", type=click.IntRange(min=0), metavar="N", help="Only the last N lines of each."
)
@click.option(
    "--times",
    "-t",
    is_flag=True,
    help="Print when each line was written, in UTC, where an engine says.",
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
    """Print what the main process of each BACKEND wrote, standard output and standard error.

    RUN is the folder of a run of a campaign, or its journal; in a campaign's folder of results it is the latest
    run. It may run meanwhile, or have ended. Without BACKEND it is all of them, each line with its
    backend's name. Each start of a container has a log of its own, below _log/ in the backend's results.

    \b
    Example:
      dockwarden logs results/ pytorch --tail 50
      dockwarden logs results/ pytorch -f
    """
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
            _Printer(
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
    printers: Sequence[_Printer], reader: JournalReader, *, tail: int | None, follow: bool
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


@define(eq=False)
class _Printer:
    """Prints the logs of one backend, as far as they have not been printed.

    Attributes:
        generation: the start that is wanted; None for the latest, and those that come.
        found: whether there is anything to print from.
    """

    _folder: Path
    _backend: str
    generation: int | None
    _times: bool
    _prefix: str
    _secrets: Secrets
    found: bool = field(default=False, init=False)
    _log: MainLog | None = field(default=None, init=False)
    _at: int = field(default=0, init=False)
    _unfinished: bytes = field(default=b"", init=False)

    def begin(self, tail: int | None) -> None:
        """Print the log that is wanted: all of it, or its last lines."""
        wanted = self._wanted()
        if wanted:
            self._turn_to(wanted[-1], tail)

    def go_on(self) -> None:
        """Print what has been added, and the logs of later starts."""
        for log in self._wanted():
            if log != self._log:
                self._turn_to(log)
        self._print_added()

    def end(self) -> None:
        """Print a last line that has no end."""
        if self._unfinished:
            self._show([self._unfinished])
            self._unfinished = b""

    def _wanted(self) -> list[MainLog]:
        """The logs from the one that is being printed on."""
        from engine.spool import logs_of

        logs = logs_of(self._folder, self._backend)
        if self.generation is not None:
            return [one for one in logs if one.generation == self.generation][-1:]
        return logs[logs.index(self._log) :] if self._log in logs else logs

    def _turn_to(self, log: MainLog, tail: int | None = None) -> None:
        self._print_added()
        self.end()
        self._log, self._at, self.found = log, 0, True
        if tail is not None:
            self._at = log.begin_of_last(tail)
        note(f"{self._backend}: start {log.generation}, {log.path}")
        self._print_added()

    def _print_added(self) -> None:
        if self._log is None:
            return
        while chunk := self._log.read(self._at, _AT_ONCE_BYTES):
            self._at += len(chunk)
            *lines, self._unfinished = (self._unfinished + chunk).split(b"\n")
            self._show(lines)

    def _show(self, lines: Sequence[bytes]) -> None:
        assert self._log is not None
        for raw in lines:
            line = raw.decode(errors="replace").rstrip("\r")
            text = line if self._times else self._log.text_of(line)
            show(f"{self._prefix}{self._secrets.hide(text)}")
