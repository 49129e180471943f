"""The lock of a journal's one writer: the operating system's, so that it dies with its holder.

It lies beside the journal, as ``<journal>-lock``: SQLite locks the journal file itself too, and
some file systems make no difference between the two kinds. The file names its holder, and stays.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Self

from attrs import frozen

from engine.errors import JournalLocked, JournalUnwritable
from engine.ownership.owner import Owner

__all__ = ["WriterLock"]

_MOST_BYTES = 4096


@frozen
class WriterLock:
    """A lock that is held."""

    _descriptor: int

    @classmethod
    def take(cls, journal: Path, owner: Owner) -> Self:
        """Take the lock of a journal, which need not be there yet.

        Raises:
            JournalLocked: another process holds it.
            JournalUnwritable: there can be no lock here.
        """
        try:
            descriptor = os.open(f"{journal}-lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise _unwritable(journal, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(owner.labels()).encode(), 0)
        except BlockingIOError as error:
            holder = _holder(descriptor)
            os.close(descriptor)
            raise JournalLocked(
                f"{holder or 'another process'} writes to it; wait for it, or end it first",
                file=journal,
                holder=holder,
            ) from error
        except OSError as error:
            os.close(descriptor)
            raise _unwritable(journal, error) from error
        return cls(descriptor)

    def release(self) -> None:
        """Let others write. Call it once."""
        os.close(self._descriptor)


def _holder(descriptor: int) -> Owner | None:
    """Read the owner from the lock's file; None while it names none."""
    try:
        labels = json.loads(os.pread(descriptor, _MOST_BYTES, 0))
    except (OSError, ValueError):
        return None
    if not isinstance(labels, dict):
        return None
    return Owner.from_labels({str(name): str(value) for name, value in labels.items()})


def _unwritable(journal: Path, error: OSError) -> JournalUnwritable:
    return JournalUnwritable(
        f"its lock cannot be taken: {error.strerror or error}; make the folder writable, or choose"
        " another one",
        file=journal,
    )
