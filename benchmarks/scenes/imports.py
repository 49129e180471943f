"""The cost of importing the engine, and of the command's help."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.measure import Turn
from benchmarks.stage import seconds

__all__ = ["DOCKER", "HELP", "IMPORT", "imports"]

IMPORT: Final = "import engine"
HELP: Final = "dockwarden --help"
DOCKER: Final = "import docker"


@contextmanager
def imports() -> Iterator[Sequence[Turn]]:
    """A new interpreter each time, so that nothing is imported already."""
    python = Path(sys.executable)

    def run(name: str, *argv: str | Path) -> Turn:
        return lambda: {name: seconds(subprocess.run, argv, check=True, stdout=subprocess.DEVNULL)}

    yield (
        run(IMPORT, python, "-c", IMPORT),
        run(HELP, python.with_name("dockwarden"), "--help"),
        run(DOCKER, python, "-c", DOCKER),
    )
