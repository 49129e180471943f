"""The results of a campaign: a folder for each run of it, and a line of JSON for each attempt.

::

    <results>/latest                             a link to the newest of these:
    <results>/20260131T101500Z/                  one for each run of the campaign; its owner's alone
        results.jsonl                            a line for each attempt, as they end
        summary.json                             written at the end, also after an interrupt
        provenance.json                          the machine, engine, software and files of each session
        <backend>/<run id>/attempt-<n>/          stdout, stderr, exit_code; there when it has ended
                     .../attempt-<n>/            metrics.json and artifacts/, where it handed any back
        <backend>/_log/<generation>-<container>.log   what its main process wrote, for each start
        .spool/<backend>/<run id>.<n>/           the same while it runs; all that a container sees

A resumed campaign appends to the folder of the interrupted run; nothing of any other earlier run is
touched. Secrets that turn up in what is recorded are hidden, also in the variables that an experiment adds;
the output files are the experiments' own and stay as they are.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from io import TextIOWrapper
from itertools import count
from pathlib import Path, PurePath
from typing import Any, Final, Literal, Self, TextIO

from attrs import define, evolve, field

from engine.campaign.persistence.provenance import begin_session, tell_main
from engine.campaign.runs.attempt_record import AttemptRecord
from engine.errors import SetupError
from engine.model.main_command import Decision
from engine.model.results import Ended
from engine.spool import MainLog, close_to_others, vacate
from engine.spool.below import folder_below, tail_of
from engine.util.redaction import Secrets
from engine.util.regular_file import open_plain

__all__ = [
    "RESULTS",
    "SUMMARY",
    "AttemptRecord",
    "Results",
    "last_lines",
    "read_records",
    "unwritable",
]

RESULTS: Final = "results.jsonl"
_LONGEST_LINE: Final = 2**24
"""A line of more characters is no record."""
SUMMARY: Final = "summary.json"

_LATEST: Final = "latest"
_STREAMS: Final = ("stdout", "stderr")
_MOST_LINES: Final = 100
_MOST_BYTES: Final = 16 * 1024
_CHARACTER_BYTES: Final = 4
"""The most that UTF-8 takes."""


@define(eq=False)
class Results:
    """The folder of one run of a campaign. Use it as a context manager.

    Attributes:
        folder: absolute; exists.
        secrets: kept out of what is written.
        durable: whether :meth:`sync` sees records onto the disk; False is for simulations.
        session: which entry of ``provenance.json`` records from now on belong to; None before there is one.
    """

    folder: Path
    _lines: TextIO
    secrets: Secrets = field(factory=Secrets)
    durable: bool = True
    session: int | None = field(default=None, init=False)
    _telling: threading.Lock = field(factory=threading.Lock, init=False)

    @classmethod
    def create(
        cls,
        results: Path,
        at: datetime,
        secrets: Secrets | None = None,
        *,
        durable: bool = True,
    ) -> Self:
        """Make a new folder for a run that begins at ``at``.

        Args:
            durable: see the attribute.

        Raises:
            SetupError: it cannot be made.
        """
        try:
            folder = _new_folder(results, at.strftime("%Y%m%dT%H%M%SZ"))
            _point_to(folder)
            lines = _open_private(folder / RESULTS, "x")
        except OSError as error:
            raise unwritable(results, error) from error
        return cls(folder, lines, secrets or Secrets(), durable)

    @classmethod
    def reopen(cls, folder: Path, secrets: Secrets | None = None) -> Self:
        """Go on in the folder of an earlier run; a last line that is not whole is taken away.

        Raises:
            SetupError: it cannot be written to.
        """
        try:
            opened = _open_private(folder / RESULTS, "a+")
            opened.truncate(_whole_lines(folder / RESULTS))
        except OSError as error:
            raise unwritable(folder, error) from error
        return cls(folder, opened, secrets or Secrets())

    def records(self) -> Iterator[AttemptRecord]:
        """The records that are there, without their last lines of output; other lines are passed over."""
        for record in read_records(self.folder / RESULTS):
            yield evolve(record, stdout_lines=(), stderr_lines=())

    def write(self, record: AttemptRecord) -> None:
        """Add a record. It outlives this process at once, and a loss of power from :meth:`sync` on.

        Raises:
            SetupError: it could not be written.
        """
        if record.session is None:
            record = evolve(record, session=self.session)
        try:
            self._lines.write(f"{record.without(self.secrets).to_json()}\n")
            self._lines.flush()
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def sync(self) -> None:
        """See all records onto the disk.

        Raises:
            SetupError: they could not be written.
        """
        try:
            if self.durable:
                os.fsync(self._lines.fileno())
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def begin_session(self, origin: Callable[[], Mapping[str, Any]]) -> None:
        """Write where the results of this session come from; call it on a thread.

        Args:
            origin: tells; see :func:`engine.campaign.persistence.provenance.provenance`.

        Raises:
            SetupError: it could not be written.
        """
        try:
            self.session = begin_session(self.folder, origin(), self.secrets)
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def tell_main(self, backend: str, decision: Decision) -> None:
        """Add to this session's entry what runs as the main process of a backend; call it on a thread.

        Raises:
            SetupError: it could not be written.
        """
        try:
            with self._telling:
                tell_main(self.folder, self.session or 0, backend, decision, self.secrets)
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """Write the summary, or put it in the place of an earlier one.

        Raises:
            SetupError: it could not be written.
        """
        written = self.folder / f".{SUMMARY}"
        try:
            with _open_private(written, "w") as opened:
                json.dump(summary, opened, indent=2)  # piece by piece: of many runs it is long
                opened.write("\n")
            written.replace(self.folder / SUMMARY)
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def vacate(self, folder: PurePath) -> None:
        """See that the folder of an attempt's output is free: what lies there is moved aside, and kept.

        Args:
            folder: relative to ours.

        Raises:
            SetupError: it cannot be moved.
        """
        try:
            vacate(self.folder, folder)
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def output(self, ended: Ended) -> dict[str, Any]:
        """Return the paths of an attempt's output and its last lines, as fields of a record."""
        folder = ended.stdout.parent.relative_to(self.folder)
        stdout, stderr = last_lines(self.folder, folder, _STREAMS, self.secrets)
        log = MainLog.of(self.folder, folder.parts[0], ended.generation, ended.container_id)
        return {
            "backend_log": str(log.within) if log.kept else None,
            "stdout": f"{folder}/stdout",
            "stderr": f"{folder}/stderr",
            "stdout_lines": stdout,
            "stderr_lines": stderr,
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()


def read_records(file: Path) -> Iterator[AttemptRecord]:
    """The records of a file, also while it is written; lines that are none are passed over.

    Raises:
        OSError: it cannot be read.
    """
    with TextIOWrapper(open_plain(file), encoding="utf-8", errors="replace") as lines:
        while line := lines.readline(_LONGEST_LINE):
            with contextlib.suppress(ValueError):
                yield AttemptRecord.from_json(line)


def last_lines(
    results: Path, folder: PurePath, names: Sequence[str], secrets: Secrets
) -> list[tuple[str, ...]]:
    """The last lines of output files, without these; bytes that are no UTF-8 are replaced.

    Args:
        results: the folder of the results.
        folder: where they are, relative to it. It may be where an experiment writes: see
            :mod:`engine.spool`.
        names: of the files; one that cannot be read has no lines.
    """
    try:
        with folder_below(results, folder) as inside:
            return [_last_lines(inside, name, secrets) for name in names]
    except OSError:
        return [()] * len(names)


def _last_lines(folder: int, name: str, secrets: Secrets) -> tuple[str, ...]:
    # As much more as it takes to know a secret that begins before.
    most = _MOST_BYTES + _CHARACTER_BYTES * secrets.longest
    try:
        text = secrets.hide(tail_of(folder, name, most).decode(errors="replace"))
    except OSError:
        return ()
    written = text.encode()[-_MOST_BYTES:]
    # Only line feeds end a line here: splitlines() would also cut at form feeds and the like.
    lines = written.decode(errors="replace").removesuffix("\n").split("\n")
    return tuple(lines[-_MOST_LINES:]) if written else ()


def _open_private(file: Path, mode: Literal["x", "a+", "w"]) -> TextIO:
    """Open a text file; where that makes it, only its owner may read it."""
    return open(file, mode, encoding="utf-8", opener=_unlinked)


def _unlinked(file: str, flags: int) -> int:
    """Containers of version 0.1 could write to results folders: a link may be in the place of a file."""
    return os.open(file, flags | os.O_NOFOLLOW, mode=0o600)


def _whole_lines(file: Path) -> int:
    """How many bytes of a file are whole lines: a process that is killed may leave half a one."""
    with open_plain(file) as opened:
        whole = 0
        for line in opened:
            whole += len(line) if line.endswith(b"\n") else 0
        return whole


def _new_folder(results: Path, name: str) -> Path:
    results.mkdir(parents=True, exist_ok=True)
    close_to_others(results)
    for number in count(1):
        folder = results / (name if number == 1 else f"{name}-{number}")
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            return folder
    raise AssertionError("counting does not end")


def _point_to(folder: Path) -> None:
    """Let the link ``latest`` lead to a run's folder, where the file system has links."""
    link, made = folder.parent / _LATEST, folder.parent / f".{folder.name}.link"
    if link.exists() and not link.is_symlink():
        return
    with contextlib.suppress(OSError):
        made.symlink_to(folder.name)
        made.replace(link)


def unwritable(folder: Path, error: OSError) -> SetupError:
    """The error that results cannot be written to a folder."""
    return SetupError(
        f"results cannot be written to {folder}: {error.strerror or error};"
        " make it writable, free some space, or choose another folder with --results"
    )
