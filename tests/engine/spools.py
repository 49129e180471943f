"""A backend's spool for the tests of the engine."""

from __future__ import annotations

from pathlib import Path

from engine.spool import Spool


def spool_in(folder: Path, service: str = "alpha") -> Spool:
    """The spool of a backend whose output goes to a folder."""
    spool = Spool(folder, service)
    spool.make()
    return spool
