"""The slot of one command in a spool: where its output goes while it runs."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path, PurePath
from typing import Final, Protocol

from attrs import define, field, frozen

from engine.model.measurements import MAX_ARTIFACTS_BYTES
from engine.spool.below import FOLDER
from engine.spool.copying import copy
from engine.spool.handed import (
    ARTIFACTS,
    HANDED,
    METRICS,
    Bounds,
    Warnings,
    copy_metrics,
    copy_tree,
    make_handed,
)
from engine.spool.private import make_private
from engine.spool.removal import put_aside, remove
from engine.util.regular_file import oddity, plain_descriptor

__all__ = ["ENDED", "STARTED", "STREAMS", "Collected", "Slot", "TakenSlot", "Unkept"]

STREAMS: Final = ("stdout", "stderr")
STARTED: Final = "started"
"""The file whose time is that of a command's start."""
ENDED: Final = "exit_code"
"""The file whose time is that of a command's end, and which holds its exit code."""
_FILES: Final = (*STREAMS, ENDED, STARTED)

_NOTE_BYTES: Final = 64

_CLEANING_S: Final = 5.0
"""For how long a slot is emptied at its end; what is left then goes with the spool."""


@frozen
class Collected:
    """The collected output of a command.

    Attributes:
        problem: why it is not what the command wrote, in words; empty where all is well.
        written_bytes: how much there was; more than was kept, where it was too much.
        kept: whether it is where it was to go; else it is still in the slot.
        warnings: what of its metrics and artifacts was not collected.
    """

    problem: str = ""
    written_bytes: int = 0
    kept: bool = True
    warnings: tuple[str, ...] = ()


class Slot(Protocol):
    """The place of one command's output while it runs."""

    @property
    def folder(self) -> Path:
        """Its name on this machine; see :attr:`engine.runtimes.base.ExecRequest.folder`."""

    def written(self) -> tuple[int, float]:
        """How much the command has written so far, in bytes, and when last, in seconds since the epoch."""

    def read(self, stream: str, most_bytes: int) -> bytes:
        """The beginning of what the command has written; call it on a thread."""

    def collect(
        self,
        results: Path | None,
        within: PurePath,
        *,
        most_bytes: int | None,
        exit_code: int | None = None,
        ran: tuple[datetime, datetime] | None = None,
        max_artifacts_bytes: int = MAX_ARTIFACTS_BYTES,
        fetched: Path | None = None,
    ) -> Collected:
        """Move what was written out of the container's reach, and remove the slot; call it on a thread.

        Args:
            results: the trusted folder that ``within`` starts from; None to keep nothing.
            within: where the output goes.
            most_bytes: how much of it is kept; None for all.
            exit_code: of the command; None where what its shell has noted is to be kept instead.
            ran: when the command itself ran; None likewise.
            max_artifacts_bytes: how much is collected of the files that the command hands back.
            fetched: a private folder with further such files; None for none.
        """

    def close(self) -> None:
        """Let go of the slot, and leave it as it is; harmless when repeated."""


@frozen
class Unkept:
    """Stands for a slot where nothing is written.

    Attributes:
        problem: why there is no slot; empty where nothing was to be written.
    """

    folder: Path
    problem: str = ""

    def written(self) -> tuple[int, float]:
        """Nothing has been written."""
        return 0, 0.0

    def read(self, stream: str, most_bytes: int) -> bytes:
        """There is nothing."""
        return b""

    def collect(
        self,
        results: Path | None,
        within: PurePath,
        *,
        most_bytes: int | None,
        exit_code: int | None = None,
        ran: tuple[datetime, datetime] | None = None,
        max_artifacts_bytes: int = MAX_ARTIFACTS_BYTES,
        fetched: Path | None = None,
    ) -> Collected:
        """There is nothing to collect."""
        return Collected(self.problem)

    def close(self) -> None:
        """Nothing is open."""


@define(eq=False)
class TakenSlot:
    """A slot in a spool's folder.

    The files that take output are held open from the beginning: their size is seen, and their content
    copied, even if their names are gone.

    Attributes:
        folder: its name on this machine.
    """

    folder: Path
    _root: int
    _inside: int | None = None
    _held: dict[str, int] = field(factory=dict)
    _lacking: dict[str, str] = field(factory=dict)

    @classmethod
    def make(cls, root: Path) -> TakenSlot:
        """Make a slot for a new command, under a name that is free.

        Other users, such as the one that the container runs as, can enter the folder but not write to it;
        they can write to its files.

        Args:
            root: its name; the folder above it is the spool's.

        Raises:
            OSError: it cannot be made.
        """
        slot = cls(root, os.open(root.parent, FOLDER))
        try:
            slot._make()
        except BaseException:
            slot.close()
            raise
        return slot

    def _make(self) -> None:
        try:
            os.mkdir(self.folder.name, mode=0o700, dir_fd=self._root)
        except FileExistsError:  # from a container, or from a controller before us that was killed
            put_aside(self._root, self.folder.name)
            os.mkdir(self.folder.name, mode=0o700, dir_fd=self._root)
        self._inside = os.open(self.folder.name, FOLDER, dir_fd=self._root)
        for name in _FILES:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(name, flags, mode=0o600, dir_fd=self._inside)
            self._held[name] = descriptor
            os.fchmod(descriptor, 0o666)  # under any umask
        make_handed(self._inside)
        os.fchmod(self._inside, 0o711)
        for name in (ENDED, STARTED):
            os.close(self._held.pop(name))

    @classmethod
    def find(cls, root: Path) -> TakenSlot:
        """The slot of a command that an earlier controller began; a file that it lacks is a problem.

        Raises:
            OSError: there is no such slot.
        """
        slot = cls(root, os.open(root.parent, FOLDER))
        try:
            slot._inside = os.open(root.name, FOLDER, dir_fd=slot._root)
        except OSError:
            slot.close()
            raise
        for name in STREAMS:
            try:
                slot._held[name] = plain_descriptor(name, directory=slot._inside, links=False)
            except OSError as error:
                slot._lacking[name] = f"its {name} cannot be read: {error.strerror}"
        return slot

    def written(self) -> tuple[int, float]:
        """See :meth:`Slot.written`; the files are open, so this does not wait."""
        seen = [os.fstat(self._held[name]) for name in STREAMS if name in self._held]
        latest_s = max((one.st_mtime for one in seen), default=0.0)
        return sum(one.st_size for one in seen), latest_s

    def read(self, stream: str, most_bytes: int) -> bytes:
        """See :meth:`Slot.read`."""
        return os.pread(self._held[stream], most_bytes, 0) if stream in self._held else b""

    def collect(
        self,
        results: Path | None,
        within: PurePath,
        *,
        most_bytes: int | None,
        exit_code: int | None = None,
        ran: tuple[datetime, datetime] | None = None,
        max_artifacts_bytes: int = MAX_ARTIFACTS_BYTES,
        fetched: Path | None = None,
    ) -> Collected:
        """See :meth:`Slot.collect`."""
        try:
            if self._inside is not None:
                with suppress(OSError):  # not ours any more: what is open can be read all the same
                    os.fchmod(self._inside, 0o700)
            problem = self._problem()
            written, _ = self.written()
            warnings = Warnings()
            if results is not None:
                try:
                    with self._kept(results, within) as inside:
                        self._keep(inside, _shares(self._sizes(), most_bytes), exit_code, ran)
                        self._take_handed(inside, Bounds(max_artifacts_bytes), warnings, fetched)
                except OSError as error:
                    problem = (
                        f"its output cannot be kept in {results / within}: {error.strerror or error};"
                        f" free some space, or make that folder writable; it is in {self.folder}"
                    )
                    return Collected(problem, written, kept=False)
            self._remove()
        finally:
            self.close()
        return Collected(problem, written, warnings=warnings.told())

    def close(self) -> None:
        """Let go of all that is open; harmless when repeated."""
        descriptors = [*self._held.values(), self._inside, self._root]
        self._held, self._inside, self._root = {}, None, -1
        for descriptor in descriptors:
            if descriptor is not None and descriptor >= 0:
                os.close(descriptor)

    def _sizes(self) -> dict[str, int]:
        return {name: os.fstat(held).st_size for name, held in self._held.items()}

    def _problem(self) -> str:
        """Describe how the container has damaged the slot; empty if it is intact."""
        for lacking in self._lacking.values():
            return lacking
        assert self._inside is not None
        changed = _changed(self.folder.name, self._root, self._inside)
        if changed:
            return f"its folder {changed}"
        for name, held in self._held.items():
            changed = _changed(name, self._inside, held)
            if changed:
                return f"its {name} {changed}"
        return ""

    @contextmanager
    def _kept(self, results: Path, within: PurePath) -> Iterator[int]:
        """A folder under another name to copy into, so that the right one stands for all of the output."""
        part = f".{within.name}.part"
        with make_private(results, within.parent) as above:
            remove(above, part, within_s=_CLEANING_S)
            os.mkdir(part, mode=0o700, dir_fd=above)
            inside = os.open(part, FOLDER, dir_fd=above)
            try:
                yield inside
            finally:
                os.close(inside)
            try:
                os.rename(part, within.name, src_dir_fd=above, dst_dir_fd=above)
            except OSError:  # something is there that is not ours: results are never written over
                put_aside(above, within.name)
                os.rename(part, within.name, src_dir_fd=above, dst_dir_fd=above)

    def _keep(
        self,
        inside: int,
        most: dict[str, int],
        exit_code: int | None,
        ran: tuple[datetime, datetime] | None,
    ) -> None:
        """Copy the output, and note how the command ended."""
        for name in STREAMS:
            target = _new_file(inside, name)
            try:
                if name in self._held:
                    copy(self._held[name], target, most[name])
            finally:
                os.close(target)
        if ran is not None:
            _note(inside, STARTED, b"", ran[0].timestamp())
        else:
            self._pass_on(STARTED, inside)
        if exit_code is not None:
            _note(inside, ENDED, b"%d\n" % exit_code, ran[1].timestamp() if ran else None)
        else:
            self._pass_on(ENDED, inside)

    def _take_handed(
        self, inside: int, bounds: Bounds, warnings: Warnings, fetched: Path | None
    ) -> None:
        """Copy the metrics and the artifacts."""
        assert self._inside is not None
        with ExitStack() as stack:
            os.mkdir(ARTIFACTS, mode=0o700, dir_fd=inside)
            target = os.open(ARTIFACTS, FOLDER, dir_fd=inside)
            stack.callback(os.close, target)
            with suppress(FileNotFoundError):  # of an earlier version, or removed by the command
                handed = _opened(stack, HANDED, self._inside, warnings)
                if handed is not None:
                    copy_metrics(handed, inside, warnings)
                    artifacts = _opened(stack, ARTIFACTS, handed, warnings)
                    if artifacts is not None:
                        copy_tree(artifacts, target, bounds, warnings)
            if fetched is not None:
                ours = os.open(fetched, FOLDER)
                stack.callback(os.close, ours)
                copy_tree(ours, target, bounds, warnings)
        with suppress(OSError):  # it stays unless it is empty
            os.rmdir(ARTIFACTS, dir_fd=inside)

    def _pass_on(self, note: str, target: int) -> None:
        """Copy what the shell around the command has noted, where it is there to be read."""
        assert self._inside is not None
        with suppress(OSError, OverflowError):
            source = plain_descriptor(note, directory=self._inside, links=False)
            try:
                content, written_s = os.pread(source, _NOTE_BYTES, 0), os.fstat(source).st_mtime
            finally:
                os.close(source)
            _note(target, note, content, written_s)

    def _remove(self) -> None:
        """Remove it, whole or not at all: half a slot would be taken for one that its command changed."""
        try:
            aside = put_aside(self._root, self.folder.name)
        except OSError:
            return  # its container has removed it, or has taken the spool away
        if self._inside is not None:
            for name in _FILES:
                with suppress(OSError):
                    os.unlink(name, dir_fd=self._inside)
            with suppress(OSError):
                _remove_empty(self._inside)
        try:
            os.rmdir(aside, dir_fd=self._root)
        except OSError:
            remove(self._root, aside, within_s=_CLEANING_S)


def _opened(stack: ExitStack, name: str, folder: int, warnings: Warnings) -> int | None:
    """Open a folder that the command may have replaced; None where that is no folder any more.

    Raises:
        FileNotFoundError: there is none.
    """
    try:
        found = os.open(name, FOLDER, dir_fd=folder)
    except FileNotFoundError:
        raise
    except OSError as error:
        warnings.add(f"its folder {name} is not collected: {error.strerror or error}")
        return None
    stack.callback(os.close, found)
    return found


def _changed(name: str, folder: int, held: int) -> str:
    """Describe how an entry that is held open has changed; empty if it has not."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return "was removed"
    ours = os.fstat(held)
    if not os.path.samestat(found, ours):
        odd = oddity(found) if stat.S_IFMT(found.st_mode) != stat.S_IFMT(ours.st_mode) else ""
        return f"was replaced: it {odd}" if odd else "was replaced by another one"
    if ours.st_nlink > 1 and stat.S_ISREG(ours.st_mode):
        return "has a second link"
    return ""


def _remove_empty(slot: int) -> None:
    """Remove the folder of what a command handed back, where it handed back nothing, as most do."""
    inside = os.open(HANDED, FOLDER, dir_fd=slot)
    try:
        os.unlink(METRICS, dir_fd=inside)
        os.rmdir(ARTIFACTS, dir_fd=inside)
    finally:
        os.close(inside)
    os.rmdir(HANDED, dir_fd=slot)


def _shares(sizes: dict[str, int], most_bytes: int | None) -> dict[str, int]:
    """How much of each stream is kept: of the smaller one all that leaves the other one half."""
    if most_bytes is None or sum(sizes.values()) <= most_bytes:
        return sizes
    small = min(sizes, key=lambda name: sizes[name])
    least = min(sizes[small], most_bytes // 2)
    return {name: least if name == small else most_bytes - least for name in sizes}


def _new_file(folder: int, name: str) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(name, flags, mode=0o600, dir_fd=folder)


def _note(folder: int, name: str, content: bytes, at_s: float | None) -> None:
    descriptor = _new_file(folder, name)
    try:
        os.write(descriptor, content)
        if at_s is not None:
            os.utime(descriptor, (at_s, at_s))
    finally:
        os.close(descriptor)
