"""Making folders for results below a folder of the user's: closed to others, and never through a link."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath

from engine.spool.below import FOLDER
from engine.spool.removal import put_aside

__all__ = ["make_private"]


@contextmanager
def make_private(root: Path, within: PurePath) -> Iterator[int]:
    """A folder below another, and its descriptor; what is missing is made, for our own user alone.

    Something else in the place of a folder (a link, a file, somebody else's folder) is moved aside, within
    its folder. Containers of version 0.1 could write to results folders, so any of it may be there.

    Args:
        root: an existing folder, reached by its path.
        within: relative to it.

    Raises:
        OSError: it cannot be made.
    """
    at = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for step in within.parts:
            if step in ("..", os.sep):
                raise OSError(errno.EINVAL, "it leads out of its folder", str(within))
            inner = _own_folder(at, step)
            os.close(at)
            at = inner
        yield at
    finally:
        os.close(at)


def _own_folder(above: int, name: str) -> int:
    try:
        os.mkdir(name, mode=0o700, dir_fd=above)
    except FileExistsError:
        seen = os.stat(name, dir_fd=above, follow_symlinks=False)
        if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.geteuid():
            put_aside(above, name)
            os.mkdir(name, mode=0o700, dir_fd=above)
    return os.open(name, FOLDER, dir_fd=above)
