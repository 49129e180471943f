"""Who may use a lab's engine now: many tests at once, or one test that acts on the whole engine.

A test that removes everything dead controllers have left, of all projects, would remove what another test
has just made to be adopted. Each test therefore takes a turn: a shared one, or the engine alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from .layout import Layout

__all__ = ["alone_on", "beside_others_on", "provide_locks"]


def provide_locks(layout: Layout) -> None:
    """Make the lock files, so that a user who may not write to the lab can take turns, too."""
    for path in (layout.turnstile_lock, layout.turns_lock):
        with _open(path):
            pass


@contextlib.contextmanager
def beside_others_on(layout: Layout) -> Iterator[None]:
    """Hold a shared turn: wait only while a test has the engine alone, or waits for that."""
    with _turn(layout, fcntl.LOCK_SH):
        yield


@contextlib.contextmanager
def alone_on(layout: Layout) -> Iterator[None]:
    """Hold the engine alone: wait until every turn that has begun is over; later ones wait."""
    with _turn(layout, fcntl.LOCK_EX):
        yield


@contextlib.contextmanager
def _turn(layout: Layout, kind: int) -> Iterator[None]:
    """Pass the turnstile, then take the lock.

    Who waits for the engine alone stands in the turnstile meanwhile, so shared turns that overlap without
    end cannot keep it waiting.
    """
    with contextlib.ExitStack() as stack:
        try:
            turnstile = stack.enter_context(_open(layout.turnstile_lock))
            turn = stack.enter_context(_open(layout.turns_lock))
        except PermissionError:  # no lab is here that this user could share, nor can it make one
            yield
            return
        fcntl.flock(turnstile, fcntl.LOCK_EX)
        fcntl.flock(turn, kind)
        fcntl.flock(turnstile, fcntl.LOCK_UN)
        try:
            yield
        finally:
            # A process that the test forked may have inherited the file, and closing ours would not do.
            fcntl.flock(turn, fcntl.LOCK_UN)


@contextlib.contextmanager
def _open(path: Path) -> Iterator[int]:
    """Open a lock; it is not written to, so the lock of a lab that root brought up serves every user."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
    try:
        yield file
    finally:
        os.close(file)
