"""Files and pipes without a name on a disk: a child process opens them by a path, and they end with this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

__all__ = ["lifeline", "unlinked"]


@contextmanager
def unlinked(text: str, name: str) -> Iterator[str]:
    """A file with a text, for as long as the block lasts; it is in memory, and readable by this user alone.

    A temporary file would stay behind, secrets and all, where the controller is killed.

    Args:
        name: what it is called in lists of open files.

    Yields:
        its path, which child processes may open.
    """
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
    try:
        with open(descriptor, "w", encoding="utf-8", closefd=False) as opened:
            opened.write(text)
        yield _path(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def lifeline() -> Iterator[tuple[str, Callable[[], None]]]:
    """A pipe that a child may watch; it is closed when the block or this process ends, or when it is cut.

    Yields:
        the path of its end to be watched, and what cuts it.
    """
    watched, held = os.pipe2(os.O_CLOEXEC)
    left = [held]

    def cut() -> None:
        with suppress(IndexError):
            os.close(left.pop())

    try:
        yield _path(watched), cut
    finally:
        cut()
        os.close(watched)


def _path(descriptor: int) -> str:
    return f"/proc/{os.getpid()}/fd/{descriptor}"
