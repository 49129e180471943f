"""Printing the logs of one backend, as they are written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from attrs import define, field

from engine.cli.output.messages import note, show
from engine.spool import MainLog, logs_of
from engine.util.redaction import Secrets

__all__ = ["LogPrinter"]

_AT_ONCE_BYTES: Final = 2**20


@define(eq=False)
class LogPrinter:
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
