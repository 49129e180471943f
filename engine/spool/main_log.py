"""The output of a backend's main process, as a result: one file for each start of its container.

::

    <output>/<service>/_log/<generation>-<container>.log

The file lies where no container reaches it, belongs to its owner alone, and is bounded: of an output that is
longer than :data:`HEAD_BYTES` the beginning and the last :data:`TAIL_BYTES` are kept. Its name follows from what
the journal and the records tell of a start.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import Final

from attrs import frozen

from engine.spool.below import folder_below, plain_below, tail_of
from engine.spool.copying import copy
from engine.spool.private import make_private

__all__ = ["CUT", "HEAD_BYTES", "LOGS", "TAIL_BYTES", "MainLog", "logs_of"]

LOGS: Final = "_log"
"""The folder of a backend's logs among its results."""

HEAD_BYTES: Final = 2**24
TAIL_BYTES: Final = 2**22

CUT: Final = b"[dockwarden: the log is cut here; what follows is its end]\n"

_ENGINE_ID: Final = re.compile(r"[0-9a-f]{64}")
_BLOCK_BYTES: Final = 2**16
_SHORT: Final = 12
"""So many characters of a container's id are shown, as Docker does."""

_LONGEST: Final = 40
_OF_AN_ENGINE: Final = re.compile(r"[0-9a-f]{12}")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT[0-9.:+Z-]{8,30} ")
_FORM: Final = re.compile(r"(\d{1,9})-([A-Za-z0-9-]{1,40})\.log")
_OPEN: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@frozen(order=True)
class MainLog:
    """The log of one start of a backend's container.

    Attributes:
        output: the folder of all output.
        service: the backend; a plain name.
        generation: how often its container had been started by then.
        container: the short form of the container's id.
    """

    output: Path
    service: str
    generation: int
    container: str

    @classmethod
    def of(cls, output: Path, service: str, generation: int, container_id: str) -> MainLog:
        """The log of a start that a journal, a record or a backend tells of."""
        return cls(output, service, generation, short(container_id))

    @property
    def within(self) -> PurePath:
        """Its path, relative to the folder of all output."""
        return PurePath(self.service, LOGS, f"{self.generation}-{self.container}.log")

    @property
    def path(self) -> Path:
        """Its path."""
        return self.output / self.within

    def text_of(self, line: str) -> str:
        """A line without the moment that the engine has put in front of it; processes write lines without one."""
        if not _OF_AN_ENGINE.fullmatch(self.container):
            return line
        return _MOMENT.sub("", line, count=1) if _MOMENT.match(line) else line

    @property
    def kept(self) -> bool:
        """Whether it is there."""
        try:
            with plain_below(self.output, self.within):
                return True
        except OSError:
            return False

    @contextmanager
    def opened(self) -> Iterator[int]:
        """A descriptor to read and append; the file is made where it is not there.

        Raises:
            OSError: it cannot be made, or something else has its name.
        """
        with make_private(self.output, self.within.parent) as inside:
            file = os.open(self.within.name, _OPEN, 0o600, dir_fd=inside)
        try:
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
                raise FileExistsError(f"something else is in the place of {self.path}")
            yield file
        finally:
            os.close(file)

    def take(self, file: Path) -> None:
        """Make a file that lies on the same file system this log; who writes to it goes on writing.

        Raises:
            OSError: it cannot be moved.
        """
        with (
            make_private(self.output, self.within.parent) as inside,
            folder_below(file.parent, PurePath()) as outside,
        ):
            os.rename(file.name, self.within.name, src_dir_fd=outside, dst_dir_fd=inside)

    def trim(self) -> None:
        """Cut a log out whose writer did not keep to the bounds, once it has ended.

        Raises:
            OSError: it cannot be read or written.
        """
        with plain_below(self.output, self.within) as file:
            size = os.fstat(file).st_size
            if size <= HEAD_BYTES + TAIL_BYTES:
                return
            end = os.pread(file, TAIL_BYTES, size - TAIL_BYTES).partition(b"\n")[2]
            part = f".{self.within.name}.part"
            with make_private(self.output, self.within.parent) as inside:
                with suppress(FileNotFoundError):  # of a controller that was killed meanwhile
                    os.unlink(part, dir_fd=inside)
                cut = os.open(part, _OPEN & ~os.O_APPEND | os.O_EXCL, 0o600, dir_fd=inside)
                try:
                    copy(file, cut, HEAD_BYTES)
                    os.lseek(cut, 0, os.SEEK_END)
                    for text in (b"\n", CUT, end):
                        write_all(cut, text)
                finally:
                    os.close(cut)
                os.rename(part, self.within.name, src_dir_fd=inside, dst_dir_fd=inside)

    def read(self, at: int, most_bytes: int) -> bytes:
        """So much of it from a place on; nothing where there is no more, or no log."""
        try:
            with plain_below(self.output, self.within) as file:
                return os.pread(file, most_bytes, at)
        except OSError:
            return b""

    def begin_of_last(self, lines: int) -> int:
        """Return the position of its last lines, in bytes."""
        try:
            with plain_below(self.output, self.within) as file:
                at = os.fstat(file).st_size
                left = lines + 1  # its own end is that of the last one
                while at > 0:
                    block = os.pread(file, min(at, _BLOCK_BYTES), max(0, at - _BLOCK_BYTES))
                    ends = block.count(b"\n")
                    if ends >= left:
                        for _ in range(left):
                            block = block[: block.rindex(b"\n")]
                        return max(0, at - _BLOCK_BYTES) + len(block) + 1
                    left -= ends
                    at = max(0, at - _BLOCK_BYTES)
        except OSError:
            pass
        return 0

    def last_lines(self, most: int, most_bytes: int) -> list[str]:
        """The last lines; none where there is no log.

        Args:
            most: so many lines.
            most_bytes: so much of the log is read.
        """
        try:
            with folder_below(self.output, self.within.parent) as inside:
                text = tail_of(inside, self.within.name, most_bytes)
        except OSError:
            return []
        lines = text.decode(errors="replace").removesuffix("\n").split("\n")
        return lines[-most:] if text and most else []


def short(container_id: str) -> str:
    """A container's id as it is part of a file's name."""
    if _ENGINE_ID.fullmatch(container_id):
        return container_id[:_SHORT]
    return re.sub(r"[^A-Za-z0-9]+", "-", container_id).strip("-")[:_LONGEST] or "unknown"


def logs_of(output: Path, service: str) -> list[MainLog]:
    """The logs of a backend, those of later starts after those of earlier ones."""
    try:
        with folder_below(output, PurePath(service, LOGS)) as inside:
            listed = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=inside)
            try:
                found = {
                    name: os.stat(name, dir_fd=listed, follow_symlinks=False)
                    for name in os.listdir(listed)  # noqa: PTH208 - a descriptor
                }
            finally:
                os.close(listed)
    except OSError:
        return []
    logs = [
        (its.st_mtime_ns, MainLog(output, service, int(form[1]), form[2]))
        for name, its in found.items()
        if stat.S_ISREG(its.st_mode) and (form := _FORM.fullmatch(name))
    ]
    return [log for _, log in sorted(logs, key=lambda one: (one[0], one[1]))]


def write_all(file: int, text: bytes) -> None:
    """Write all of a text.

    Raises:
        OSError: it cannot be written.
    """
    view = memoryview(text)
    while view:
        view = view[os.write(file, view) :]
