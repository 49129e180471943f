"""Removing what others may have made, however deep and however much of it, without ever leaving its folder."""

from __future__ import annotations

import os
import uuid
from collections import deque
from contextlib import suppress
from time import monotonic

from engine.spool.below import FOLDER

__all__ = ["ASIDE", "put_aside", "remove"]

ASIDE = ".aside-"
"""How the names of things begin that were moved out of the way, until they are removed."""


def put_aside(folder: int, name: str) -> str:
    """Move an entry of any kind out of the way, within its folder; links are not followed.

    Returns:
        its new name.

    Raises:
        OSError: it cannot be moved.
    """
    aside = f"{ASIDE}{uuid.uuid4().hex}"
    os.rename(name, aside, src_dir_fd=folder, dst_dir_fd=folder)
    return aside


def remove(folder: int, name: str, *, within_s: float) -> bool:
    """Remove an entry of any kind from a folder, with all that it holds.

    Folders within it are moved up before they are emptied, so that depth costs neither descriptors nor
    recursion.

    Args:
        within_s: after so many seconds the rest is left.

    Returns:
        whether it is gone.
    """
    until_s = monotonic() + within_s
    if _unlinked(folder, name):
        return True
    left = deque([name])
    gone = True
    while left:
        one = left.popleft()
        emptied, found = _emptied(folder, one, until_s)
        left.extend(found)
        if not emptied and found and monotonic() < until_s:
            left.append(one)  # once more, when what was in it is gone
        else:
            gone &= emptied
    return gone


def _unlinked(folder: int, name: str) -> bool:
    """Remove what is no folder."""
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _emptied(top: int, name: str, until_s: float) -> tuple[bool, list[str]]:
    """Remove a folder; whether it is gone, and what was moved out of it into ``top``."""
    moved: list[str] = []
    try:
        inside = os.open(name, FOLDER, dir_fd=top)
    except FileNotFoundError:
        return True, moved
    except OSError:
        return _unlinked(top, name), moved
    try:
        with suppress(OSError):  # not ours: perhaps it can be emptied all the same
            os.fchmod(inside, 0o700)
        progress = True
        while progress and monotonic() < until_s:
            progress = False
            with suppress(OSError):
                os.rmdir(name, dir_fd=top)
                return True, moved
            for entry in _entries(inside):
                if monotonic() >= until_s:
                    break
                if _unlinked(inside, entry):
                    progress = True
                    continue
                with suppress(OSError):
                    aside = f"{ASIDE}{uuid.uuid4().hex}"
                    os.rename(entry, aside, src_dir_fd=inside, dst_dir_fd=top)
                    moved.append(aside)
                    progress = True
    finally:
        os.close(inside)
    return False, moved


def _entries(folder: int) -> list[str]:
    """Some of what is in a folder: a list of all could be a large one."""
    found: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                found.append(entry.name)
                if len(found) >= 2**14:
                    break
    except OSError:
        return []
    return found
