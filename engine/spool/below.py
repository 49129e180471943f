"""Reading below a folder that is trusted, where what lies in it is not."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath

from engine.util.regular_file import plain_descriptor

__all__ = ["FOLDER", "folder_below", "plain_below", "read_below", "tail_of"]

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""How a folder is opened that may have been replaced by something else."""


@contextmanager
def folder_below(root: Path, within: PurePath) -> Iterator[int]:
    """The descriptor of a folder, reached component by component without following any link.

    Args:
        root: a folder that no other user can replace; it is reached by its path.
        within: relative to it.

    Raises:
        OSError: there is no such folder, or a link stands in its place.
    """
    at = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for step in within.parts:
            if step in ("..", os.sep):
                raise OSError(errno.EINVAL, "it leads out of its folder", str(within))
            inner = os.open(step, os.O_PATH | FOLDER, dir_fd=at)
            os.close(at)
            at = inner
        yield at
    finally:
        os.close(at)


@contextmanager
def plain_below(root: Path, file: PurePath) -> Iterator[int]:
    """The descriptor of a regular file with one link, reached as :func:`folder_below` does.

    Raises:
        OSError: it is none, or cannot be read.
    """
    with folder_below(root, file.parent) as folder:
        descriptor = plain_descriptor(file.name, directory=folder, links=False)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def read_below(root: Path, file: PurePath, most_bytes: int) -> bytes:
    """The first ``most_bytes`` of a regular file below a trusted folder.

    Raises:
        OSError: it is none, or cannot be read.
    """
    with plain_below(root, file) as descriptor:
        return os.pread(descriptor, most_bytes, 0)


def tail_of(folder: int, name: str, most_bytes: int) -> bytes:
    """The last ``most_bytes`` of a regular file in a folder that is open.

    Raises:
        OSError: it is none, or cannot be read.
    """
    descriptor = plain_descriptor(name, directory=folder, links=False)
    try:
        begin = max(0, os.fstat(descriptor).st_size - most_bytes)
        return os.pread(descriptor, most_bytes, begin)
    finally:
        os.close(descriptor)
