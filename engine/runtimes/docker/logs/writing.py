"""Writing a container's output to its log: each line begins with its moment, so the log tells how far it goes."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

from attrs import define, field

from engine.runtimes.docker.daemon.moments import moment_ns
from engine.runtimes.docker.logs.reading import BEGINNING, Piece, Place
from engine.spool.main_log import CUT, HEAD_BYTES, TAIL_BYTES, write_all

__all__ = ["LogWriter", "place_in"]

_BLOCK_BYTES: Final = 2**16
_MOMENT: Final = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[0-9.:+Z-]{1,20}) ")


@define(eq=False)
class LogWriter:
    """Appends to a log what has not been written to it before.

    Args:
        file: its descriptor, open to read and append.
        place: up to where the container's output was read before.
    """

    _file: int
    place: Place = BEGINNING
    _left: int = field(default=0, init=False)
    """So many lines of the last moment are read again, and left out."""
    _again: bool = field(default=False, init=False)
    _leaves_out: bool = field(default=False, init=False)
    _before: Piece | None = field(default=None, init=False)
    _size: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._size = os.fstat(self._file).st_size

    @property
    def full(self) -> bool:
        """Whether as much of the beginning is there as is kept, so that only the end is still wanted."""
        return self._size >= HEAD_BYTES

    def begin_again(self) -> None:
        """Take note that what comes next begins at, or before, :attr:`place`.

        Raises:
            OSError: the log cannot be read or written.
        """
        whole = _whole_lines(self._file)
        endless = self.full and whole < self._size / 2
        if whole < self._size and not endless:
            # The rest of the last line has not come: it is read once more.
            os.ftruncate(self._file, whole)
            self._size = whole
            self.place = place_in(self._file)
        # What comes of a line that is most of the log is its end, and no line that is there already.
        self._left = self.place.lines - endless
        self._again, self._before = True, None

    def add(self, pieces: Iterable[Piece]) -> None:
        """Append pieces, but for those that are there already.

        Raises:
            OSError: they cannot be written.
        """
        self._write(b"".join(map(self._new, pieces)))

    def add_end(self, pieces: Iterable[Piece]) -> None:
        """Append the last pieces to a log that is :attr:`full`, and mark it where some are left out.

        Raises:
            OSError: they cannot be written.
        """
        kept: deque[bytes] = deque()
        size, joins = 0, False
        for piece in pieces:
            kept.append(self._new(piece))
            joins |= self._leaves_out
            size += len(kept[-1])
            while size > TAIL_BYTES:
                size -= len(kept.popleft())
                joins = False
        if size:
            self._write(b"".join((b"" if joins else b"\n" + CUT, *kept)))

    def _new(self, piece: Piece) -> bytes:
        """Return what to write of a piece: with its moment, where a line begins; nothing, if it is there."""
        before, self._before = self._before, piece
        goes_on = before is not None and not before.text.endswith(b"\n")
        if goes_on and before is not None and _same_line(before, piece):
            return b"" if self._leaves_out else piece.text
        cut_off = b"\n" if goes_on and not self._leaves_out else b""
        ns = piece.ns
        self._leaves_out = self._again and self._is_there(ns)
        if self._leaves_out:
            return cut_off
        self.place = Place(ns, self.place.lines + 1 if ns == self.place.ns else 1)
        return b"".join((cut_off, piece.moment, b" ", piece.text))

    def _is_there(self, ns: int) -> bool:
        if ns == self.place.ns and self._left:
            self._left -= 1
            return True
        # From here on order counts, and not time: the engine's clock may be set back.
        self._again = ns < self.place.ns
        return self._again

    def _write(self, text: bytes) -> None:
        write_all(self._file, text)
        self._size += len(text)


def _same_line(before: Piece, piece: Piece) -> bool:
    return (before.stream, before.moment) == (piece.stream, piece.moment)


def place_in(file: int) -> Place:
    """Up to where a log goes, by its last lines.

    Raises:
        OSError: it cannot be read.
    """
    for text, is_all in _ends(file):
        lines = text.split(b"\n")
        moments = [ns for line in lines[0 if is_all else 1 :] if (ns := _ns(line)) is not None]
        last = moments[-1:]
        same = 0
        while same < len(moments) and moments[-1 - same : len(moments) - same] == last:
            same += 1
        if is_all and not last:
            return BEGINNING
        if last and (is_all or same < len(moments)):
            return Place(last[0], same)
    return BEGINNING


def _ns(line: bytes) -> int | None:
    """The moment that a line of a log begins with; None for a line that dockwarden wrote."""
    found = _MOMENT.match(line)
    if found is None:
        return None
    try:
        return moment_ns(found[1].decode())
    except ValueError:
        return None


def _whole_lines(file: int) -> int:
    """How many bytes of a log are whole lines."""
    size = os.fstat(file).st_size
    for text, is_all in _ends(file):
        found = text.rfind(b"\n")
        if found >= 0:
            return size - len(text) + found + 1
        if is_all:
            break
    return 0


def _ends(file: int) -> Iterator[tuple[bytes, bool]]:
    """More and more of the end of a file, and whether it is all."""
    size, take = os.fstat(file).st_size, _BLOCK_BYTES
    while True:
        begin = max(0, size - take)
        yield os.pread(file, size - begin, begin), begin == 0
        if begin == 0:
            return
        take *= 4
