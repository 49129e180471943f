"""Fetching the files of commands that write to this machine's own folders."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePath

from engine.model.measurements import Declared
from engine.spool.below import FOLDER
from engine.spool.handed import Bounds, Warnings, copy_tree
from engine.util.path_pattern import fixed_part, matches

__all__ = ["fetch_local"]


def fetch_local(measure: Declared, place: Callable[[str], Path], into: Path) -> tuple[str, ...]:
    """Copy the files that are asked for; see :meth:`engine.runtimes.base.Fetching.fetch`.

    Call it on a thread.

    Args:
        place: where a path of the command's lies on this machine; raises FileNotFoundError where it does not.
    """
    bounds, warnings = Bounds(measure.max_artifacts_bytes), Warnings()
    target = os.open(into, FOLDER)
    try:
        for pattern in measure.fetched:
            fixed = PurePath(fixed_part(pattern))
            try:
                outside = place(str(fixed))
                if not stat.S_ISDIR(
                    outside.stat().st_mode
                ):  # it is fetched as an entry of its folder
                    outside, fixed = outside.parent, fixed.parent
                source = os.open(outside, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                warnings.add(f"{pattern} is not fetched: {error.strerror or error}")
                continue
            below = PurePath(str(fixed).lstrip("/"))
            try:
                copy_tree(
                    source,
                    target,
                    bounds,
                    warnings,
                    wanted=partial(_missing, into, pattern.lstrip("/")),
                    below=below,
                )
            finally:
                os.close(source)
    finally:
        os.close(target)
    return warnings.told()


def _missing(into: Path, pattern: str, path: PurePath) -> bool:
    """Whether a file is one of a pattern's, and not there already by another one."""
    return matches(pattern, str(path)) and not os.path.lexists(into / path)
