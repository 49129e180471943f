"""A wall clock for commands that a test can set, while the machine's own stays as it is."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from attrs import frozen

__all__ = ["SettableClock"]


@frozen
class SettableClock:
    """Commands that run with its environment read a clock that differs from the true one.

    Attributes:
        folder: holds the preloaded library and the file with the offset.
    """

    folder: Path

    @classmethod
    def build(cls, folder: Path) -> Self:
        """Compile the library into the folder; the clock then shows the true time."""
        clock = cls(folder)
        source = Path(__file__).with_name("clock.c")
        subprocess.run(
            ["gcc", "-shared", "-fPIC", "-o", clock._library, source, "-ldl"], check=True
        )
        clock.set(0)
        return clock

    def set(self, offset_s: int) -> None:
        """Show the true time plus so many seconds, also to commands that run already."""
        unfinished = self._offset.with_suffix(".new")
        unfinished.write_text(str(offset_s))
        unfinished.replace(self._offset)

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that give a command this clock."""
        return {"LD_PRELOAD": str(self._library), "DOCKWARDEN_TEST_CLOCK": str(self._offset)}

    @property
    def _library(self) -> Path:
        return self.folder / "clock.so"

    @property
    def _offset(self) -> Path:
        return self.folder / "offset"
