"""Reading files that lie where others may write: only plain ones, whatever else has their name."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

__all__ = ["open_plain"]


def open_plain(file: Path) -> BinaryIO:
    """Open a file for reading, if it is a plain one: a pipe would block, and a link leads anywhere.

    Raises:
        OSError: it is none, or cannot be read.
    """
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no plain file", str(file))
    return open(descriptor, "rb")  # noqa: PTH123 - a descriptor, not a path
