"""The files that processes write to and we read from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

__all__ = ["create", "tail"]

_BLOCK_BYTES = 65536


def create(path: Path, *, append: bool = False) -> BinaryIO:
    """Open a file to hand to a child; the child writes to it without us in between."""
    return path.open("ab" if append else "wb")


def tail(path: Path, lines: int) -> list[str]:
    """The last lines of a file, without reading what comes before them; none where there is no file."""
    if lines <= 0 or not path.is_file():
        return []
    held = b""
    with path.open("rb") as file:
        start = file.seek(0, os.SEEK_END)
        while start and held.count(b"\n") <= lines:
            step = min(_BLOCK_BYTES, start)
            start -= step
            file.seek(start)
            held = file.read(step) + held
    return [line.decode(errors="replace") for line in held.splitlines()[-lines:]]
