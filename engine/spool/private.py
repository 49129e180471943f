"""Making folders for results below a folder of the user's: closed to others, and never through a link."""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import Final

from engine.errors import SetupError
from engine.spool.below import FOLDER, folder_below
from engine.spool.removal import put_aside

__all__ = ["close_to_others", "make_private", "vacate"]

_LOG: Final = logging.getLogger(__name__)


def close_to_others(folder: Path) -> None:
    """Make sure that other users of this machine cannot replace the files of a folder.

    If the folder is the user's and all users may write to it, it is closed to them: version 0.1 made such
    folders. Where any user may make folders, as in ``/tmp``, a folder that another user has made is not used.

    Args:
        folder: an existing one, which is trusted otherwise.

    Raises:
        SetupError: it is another user's, who has made it before us.
    """
    found, above = folder.stat(), folder.parent.stat()
    mode = stat.S_IMODE(found.st_mode)
    if found.st_uid == os.geteuid():
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            folder.chmod(mode & ~stat.S_IWOTH)
            _LOG.warning("%s could be written to by everybody; it is closed to others now", folder)
    elif above.st_mode & stat.S_IWOTH and found.st_uid not in (0, above.st_uid):
        raise SetupError(
            f"{folder} belongs to user {found.st_uid}, who could replace what is in it; choose another folder"
        )


@contextmanager
def make_private(root: Path, within: PurePath) -> Iterator[int]:
    """Open a folder below another, and make what is missing, for this user alone.

    A link, a file or another user's folder in its place is moved aside, within its folder. Containers of
    version 0.1 could write to results folders, so any of it may be there.

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


def vacate(root: Path, within: PurePath) -> None:
    """Free a name for a result; an existing entry is moved aside, and kept.

    Containers of version 0.1 could write to results folders: to that of a later attempt as well.

    Args:
        root: an existing folder, reached by its path.
        within: relative to it.

    Raises:
        OSError: it cannot be moved.
    """
    try:
        with folder_below(root, within.parent) as above:
            os.stat(within.name, dir_fd=above, follow_symlinks=False)
    except FileNotFoundError:
        return  # as nearly always
    except OSError:
        pass  # something else is in the place of a folder above it
    with make_private(root, within.parent) as above, suppress(FileNotFoundError):
        _move(above, within.name)


def _own_folder(above: int, name: str) -> int:
    """Open a private folder; it mostly exists, so that is tried first."""
    try:
        found = os.open(name, FOLDER, dir_fd=above)
    except FileNotFoundError:
        pass
    except OSError:  # something else stands in its place
        _move(above, name)
    else:
        if os.fstat(found).st_uid == os.geteuid():
            return found
        os.close(found)
        _move(above, name)
    with suppress(FileExistsError):  # another thread has just made it
        os.mkdir(name, mode=0o700, dir_fd=above)
    return os.open(name, FOLDER, dir_fd=above)


def _move(above: int, name: str) -> None:
    aside = put_aside(above, name)
    _LOG.warning("%s was in the place of output; it was moved to %s", name, aside)
