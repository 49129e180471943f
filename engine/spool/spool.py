"""The spool of one backend."""

from __future__ import annotations

import errno
import os
import stat
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import islice
from pathlib import Path, PurePath
from time import monotonic
from typing import Final

from attrs import define, field

from engine.errors import SetupError
from engine.model.measurements import MAX_ARTIFACTS_BYTES
from engine.spool.below import FOLDER, plain_below
from engine.spool.copying import copy
from engine.spool.private import make_private
from engine.spool.removal import ASIDE, put_aside, remove
from engine.spool.slot import Collected, Slot, TakenSlot, Unkept

__all__ = ["SPOOL", "Spool", "SpoolUnusable", "kept_log", "output_of"]

SPOOL: Final = ".spool"
"""The folder of the spools, within the folder of the output; it is ours alone."""

_LOGS: Final = ("main.log", "health.log")
"""Logs that a backend of local processes writes beside its slots."""

_LOG_BYTES: Final = 2**28
_CLEANING_S: Final = 30.0
"""For how long one folder within a spool is emptied."""

_CLEARING_S: Final = 180.0
"""For how long a whole spool is: a million files take about half a minute."""

_AT_ONCE: Final = 10**4
"""So many names are listed before they are removed: a container may have made any number."""

_PASSABLE: Final = 0o711
"""May be passed through by any user, and neither listed nor written to by any but our own."""

_OURS: Final = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ENOMEM),
        *(errno.EMFILE, errno.ENFILE, errno.ENAMETOOLONG, errno.EINVAL),
    }
)
"""Errors for which the machine or the name is at fault, not the container."""


def kept_log(log: Path) -> Path:
    """Return where a log of a spool is kept once the spool is removed; see :meth:`Spool.clear`.

    Args:
        log: a file of a spool, or of a folder that is none; such a one stays where it is.
    """
    spool = log.parent
    if spool.parent.name != SPOOL:
        return log
    return spool.parent.parent / spool.name / log.name


def output_of(spool: Path) -> Path | None:
    """The folder of all output that a spool belongs to; None for a folder that is no spool."""
    return spool.parent.parent if spool.parent.name == SPOOL else None


class SpoolUnusable(Exception):
    """A container has made its spool useless for us. Stays within the engine, where it becomes a fault."""


@define(eq=False)
class Spool:
    """The folder that a backend's container and its controller share.

    Attributes:
        output: the folder of all output: a run's results, or a manager's output folder. It is the user's,
            and no container sees it.
        service: whose spool it is; a plain name.
        kept: whether commands write files at all; only simulations do not.
    """

    output: Path
    service: str
    kept: bool = True
    _uncollected: set[str] = field(factory=set, init=False)

    @property
    def folder(self) -> Path:
        """The one folder that the backend's container mounts."""
        return self.output / SPOOL / self.service

    @property
    def results(self) -> Path:
        """The folder of the backend's results, which no container sees."""
        return self.output / self.service

    def make(self) -> None:
        """Make its folder; harmless when it is there.

        Raises:
            OSError: it cannot be made.
        """
        with make_private(self.output, PurePath(SPOOL)):
            pass
        if (
            self.lost()
        ):  # it is not there, or cannot be set right; a container may still have it mounted
            with make_private(self.output, PurePath(SPOOL, self.service)) as inside:
                # Under any umask: the user that a container runs as has to get through to the slots.
                os.fchmod(inside, _PASSABLE)
        with make_private(self.output, PurePath(self.service)):
            pass

    def begin(self, name: str, *, wanted: bool = False) -> Slot:
        """Make a slot for a new command. An existing entry of its name is moved aside.

        Args:
            name: the request's id, a plain name.
            wanted: whether its output is needed even where none is kept.

        Raises:
            SpoolUnusable: the container has taken the spool away.
            SetupError: it cannot be made, and the container is not at fault.
        """
        if not (self.kept or wanted):
            return Unkept(self.folder / name)
        try:
            return TakenSlot.make(self.folder / name)
        except OSError as error:
            if error.errno in _OURS:
                raise SetupError(
                    f"the folder {self.folder / name} cannot be made: {error.strerror or error};"
                    " free some space, or make the folder above it writable"
                ) from error
            reason = f"its container has made its spool useless: {error.strerror or error}"
            raise SpoolUnusable(reason) from error

    def find(self, name: str) -> Slot:
        """The slot of a command that an earlier controller began.

        Raises:
            SpoolUnusable: there is none.
        """
        if not self.kept:
            return Unkept(self.folder / name)
        try:
            return TakenSlot.find(self.folder / name)
        except OSError as error:
            reason = f"the folder of its output cannot be opened: {error.strerror or error}"
            raise SpoolUnusable(reason) from error

    def collect(
        self,
        slot: Slot,
        within: PurePath | None,
        *,
        most_bytes: int | None = None,
        exit_code: int | None = None,
        ran: tuple[datetime, datetime] | None = None,
        max_artifacts_bytes: int = MAX_ARTIFACTS_BYTES,
        fetched: Path | None = None,
    ) -> Collected:
        """Take what was written out of a slot, and remove it; see :meth:`Slot.collect`.

        Args:
            within: where the output goes, relative to the folder of all output; None to keep nothing.
        """
        root = None if within is None else self.output
        collected = slot.collect(
            root,
            within or PurePath(),
            most_bytes=most_bytes,
            exit_code=exit_code,
            ran=ran,
            max_artifacts_bytes=max_artifacts_bytes,
            fetched=fetched,
        )
        if not collected.kept:
            self._uncollected.add(slot.folder.name)
        return collected

    @contextmanager
    def fetching(self) -> Iterator[Path]:
        """A private folder, which no container sees, for files until they are collected.

        Raises:
            OSError: it cannot be made.
        """
        name = f"{ASIDE}{uuid.uuid4().hex}"  # what a killed controller leaves goes with the spool
        with make_private(self.output, PurePath(SPOOL)) as above:
            os.mkdir(name, mode=0o700, dir_fd=above)
            try:
                yield self.output / SPOOL / name
            finally:
                remove(above, name, within_s=_CLEANING_S)

    def lost(self) -> str:
        """Describe how a container has damaged the spool; empty if it is usable, or has been repaired."""
        try:
            inside = os.open(self.folder, FOLDER)
            try:
                seen = os.fstat(inside)
                if seen.st_uid != os.geteuid():
                    os.fchown(inside, os.geteuid(), -1)
                if stat.S_IMODE(seen.st_mode) != _PASSABLE:
                    os.fchmod(inside, _PASSABLE)
            finally:
                os.close(inside)
        except OSError as error:
            return f"its container took the spool away: {error.strerror or error}"
        return ""

    def renew(self) -> None:
        """Make another spool in place of one that a container took away. A new container has to mount it.

        Raises:
            SetupError: it cannot be made.
        """
        try:
            with make_private(self.output, PurePath(SPOOL)) as above, suppress(FileNotFoundError):
                put_aside(above, self.service)  # unless it was removed altogether
            self.make()
        except OSError as error:
            raise SetupError(
                f"the folder {self.folder} cannot be made: {error.strerror or error}; free some space,"
                " or make the folder above it writable"
            ) from error

    def clear(self, keep: Collection[str] = ()) -> None:
        """Remove the spool once its container is gone; call it on a thread.

        The logs of a backend of local processes are kept. What cannot be removed stays where no other user
        can reach it.

        Args:
            keep: the slots whose output is still wanted.
        """
        wanted = {*keep, *self._uncollected}
        with suppress(OSError), make_private(self.output, PurePath(SPOOL)) as above:
            for log in _LOGS:
                self._keep(log)
            with suppress(OSError):
                inside = os.open(self.service, FOLDER, dir_fd=above)
                try:
                    _empty(inside, lambda name: name not in wanted)
                finally:
                    os.close(inside)
            _empty(above, lambda name: name.startswith(ASIDE))
            with suppress(OSError):
                os.rmdir(self.service, dir_fd=above)
        with suppress(OSError):
            (self.output / SPOOL).rmdir()

    def _keep(self, log: str) -> None:
        """Copy a log to the results, replacing an existing entry of its name."""
        part = f".{log}.{uuid.uuid4().hex}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with (
            suppress(OSError),
            plain_below(self.folder, PurePath(log)) as source,
            make_private(self.output, PurePath(self.service)) as inside,
        ):
            target = os.open(part, flags, mode=0o600, dir_fd=inside)
            try:
                copy(source, target, _LOG_BYTES)
            finally:
                os.close(target)
            try:
                os.rename(part, log, src_dir_fd=inside, dst_dir_fd=inside)
            except OSError:  # a folder
                put_aside(inside, log)
                os.rename(part, log, src_dir_fd=inside, dst_dir_fd=inside)


def _empty(folder: int, unwanted: Callable[[str], bool]) -> None:
    """Remove what is in a folder, for as long as that may take."""
    until_s = monotonic() + _CLEARING_S
    stuck: set[str] = set()
    while monotonic() < until_s:
        with os.scandir(folder) as entries:
            found = (entry.name for entry in entries)
            removable = (name for name in found if unwanted(name) and name not in stuck)
            names = list(islice(removable, _AT_ONCE))
        if not names:
            return
        for name in names:
            if monotonic() >= until_s or not remove(folder, name, within_s=_CLEANING_S):
                stuck.add(name)
