"""The owner of a container: the controller that made it, in labels that outlive the controller.

A process id alone is not an identity, since a dead owner's is given to a stranger sooner or later; with
the host's boot and the process's start time it is.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

__all__ = ["LABEL", "Owner"]

LABEL: Final = "dockwarden."
"""The prefix of all our labels."""

_ENDED: Final = frozenset("ZX")
_PID: Final = re.compile(r"[0-9]{1,19}")
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


@frozen
class Owner:
    """One controller process.

    Attributes:
        host: the name of the machine it runs on.
        boot_id: of that machine's current boot; empty where the system has none.
        pid: its process id.
        started: when that process started, in clock ticks since boot; empty where unknown.
    """

    host: str
    boot_id: str
    pid: int
    started: str

    @classmethod
    def current(cls) -> Owner:
        """The process that asks."""
        boot_id = _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else ""
        return cls(socket.gethostname(), boot_id, os.getpid(), _start_time(os.getpid()))

    @classmethod
    def from_labels(cls, labels: Mapping[str, str]) -> Owner | None:
        """The owner that labels name; None when they name none. See :mod:`engine.ownership.leases`."""
        pid = labels.get(f"{LABEL}owner.pid", "")
        if not _PID.fullmatch(pid):  # another program may have written it
            return None
        return cls(
            host=labels.get(f"{LABEL}owner.host", ""),
            boot_id=labels.get(f"{LABEL}owner.boot-id", ""),
            pid=int(pid),
            started=labels.get(f"{LABEL}owner.started", ""),
        )

    @classmethod
    def from_json(cls, written: bytes) -> Owner | None:
        """Read the owner that a file names; None if it names none.

        Args:
            written: the content of the file, or the beginning of it. It is not trusted.
        """
        try:
            found = json.loads(written)
        except (ValueError, RecursionError):
            return None
        known = found.items() if isinstance(found, dict) else ()
        return cls.from_labels({name: value for name, value in known if isinstance(value, str)})

    def labels(self) -> dict[str, str]:
        """The labels that name it."""
        return {
            f"{LABEL}owner.host": self.host,
            f"{LABEL}owner.boot-id": self.boot_id,
            f"{LABEL}owner.pid": str(self.pid),
            f"{LABEL}owner.started": self.started,
        }

    @property
    def alive(self) -> bool:
        """Whether it still runs; an owner on another host counts as alive, since this host cannot know."""
        here = Owner.current()
        if self.host != here.host:
            return True
        return self.boot_id == here.boot_id and _start_time(self.pid) == self.started != ""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def _start_time(pid: int) -> str:
    """When a process started; empty if it does not run. A zombie counts as ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    # The command's name, in brackets, may itself hold brackets and blanks: count from its end.
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in _ENDED else fields[19]
