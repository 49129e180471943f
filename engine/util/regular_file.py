"""Open files that lie where other users may write: regular files only."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, Final

__all__ = ["oddity", "open_plain", "plain_descriptor"]

_KINDS: Final = (
    (stat.S_ISLNK, "is a symbolic link"),
    (stat.S_ISDIR, "is a folder"),
    (stat.S_ISFIFO, "is a pipe"),
    (stat.S_ISSOCK, "is a socket"),
    (stat.S_ISCHR, "is a device"),
    (stat.S_ISBLK, "is a device"),
)


def oddity(found: os.stat_result) -> str:
    """Why something is no regular file, in words; empty if it is one."""
    return next((words for holds, words in _KINDS if holds(found.st_mode)), "")


def plain_descriptor(name: str | Path, *, directory: int | None = None, links: bool = True) -> int:
    """Open a regular file for reading, and return its descriptor.

    It is checked before it is opened: opening a device can have effects, opening a pipe can wait for
    ever, and a symbolic link leads anywhere. The checked file is the one that is opened, through ``/proc``.

    Args:
        name: of the file; one component where ``directory`` is given.
        directory: the descriptor of the folder that it lies in; None to reach it by its path.
        links: whether further hard links to it are allowed.

    Raises:
        OSError: it is no regular file, or cannot be read.
    """
    found = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    try:
        seen = os.fstat(found)
        odd = oddity(seen)
        if not odd and not links and seen.st_nlink != 1:
            odd = "has a second link" if seen.st_nlink else "was removed"
        if odd:
            raise OSError(errno.EINVAL, f"it {odd}", str(name))
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        return os.open(f"/proc/self/fd/{found}", flags)
    finally:
        os.close(found)


def open_plain(file: Path) -> BinaryIO:
    """Open a regular file for reading; see :func:`plain_descriptor`.

    Raises:
        OSError: it is none, or cannot be read.
    """
    return open(plain_descriptor(file), "rb")
