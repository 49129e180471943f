"""A run in which nothing was started leaves no folder: a refused start is not the newest run of a campaign.

Its folder is made before anything starts, since what happens is journaled from the first. Where nothing
happens (no engine answers, an image cannot be built, the port for metrics is taken), it is taken away again.
Nothing but this process has come near it by then: no container has mounted it.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from attrs import frozen

__all__ = ["Before"]

_LATEST: Final = "latest"


@frozen
class Before:
    """How a campaign's folder of results was before a run.

    Attributes:
        results: the folder.
        latest: where its link led; None without one.
        missing: the folders, from the innermost, that were not there.
    """

    results: Path
    latest: str | None
    missing: tuple[Path, ...]

    @classmethod
    def of(cls, results: Path) -> Self:
        """Read a folder of results, which need not exist."""
        latest = None
        with suppress(OSError):  # there is no link
            latest = os.readlink(results / _LATEST)  # noqa: PTH115 - as it is written
        missing = tuple(one for one in (results, *results.parents) if not one.exists())
        return cls(results, latest, missing)

    def restore(self, folder: Path) -> None:
        """Remove the folder of a run, and restore the link.

        What cannot be removed stays; the next run begins in a new folder beside it.
        """
        with suppress(OSError):
            link = self.results / _LATEST
            if link.is_symlink() and os.readlink(link) == folder.name:  # noqa: PTH115
                link.unlink()
                if self.latest is not None:
                    link.symlink_to(self.latest)
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # something else has come there meanwhile
            for one in self.missing:
                one.rmdir()
