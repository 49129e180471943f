"""Copy a file that a container may still write to: bounded, and with its holes."""

from __future__ import annotations

import errno
import os
from typing import Final

__all__ = ["copy"]

_CHUNK_BYTES: Final = 2**24
_SMALL_BYTES: Final = 2**16
_NOT_HERE: Final = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF)
"""Errors of ``copy_file_range`` if this pair of file systems does not support it."""


def copy(source: int, target: int, most_bytes: int) -> int:
    """Copy the first ``most_bytes`` of a file into an empty one; holes stay holes.

    Args:
        source: a descriptor of a regular file, open for reading.
        target: a descriptor of a regular file, open for writing.

    Returns:
        how long the copy is, in bytes, holes included.

    Raises:
        OSError: it cannot be read, or written: the disk is full, say.
    """
    size = min(os.fstat(source).st_size, most_bytes)
    at = 0
    while at < size:
        try:
            begin = os.lseek(source, at, os.SEEK_DATA)
            end = min(os.lseek(source, begin, os.SEEK_HOLE), size)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            break  # only a hole is left, or the file has been cut off meanwhile
        if begin >= size or not _copy_range(source, target, begin, end):
            break
        at = end
    if size:
        os.ftruncate(target, size)
    return size


def _copy_range(source: int, target: int, begin: int, end: int) -> bool:
    """Copy a range to the same place; whether all of it was there."""
    while begin < end:
        done = _copy_some(source, target, begin, min(_CHUNK_BYTES, end - begin))
        if not done:
            return False
        begin += done
    return True


def _copy_some(source: int, target: int, at: int, count: int) -> int:
    if count > _SMALL_BYTES:
        try:
            return os.copy_file_range(source, target, count, at, at)
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
    return os.pwrite(target, os.pread(source, min(count, 2**20), at), at)
