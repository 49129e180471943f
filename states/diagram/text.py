"""Text on its way into a picture."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

__all__ = ["printable", "wrapped"]


def printable(text: str) -> str:
    """Text on one line, without what steers a terminal or what no file can hold."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def wrapped(lines: Iterable[str], width: int) -> list[str]:
    """Lines that are at most ``width`` characters wide; a word that is longer is broken."""
    return [part for line in lines for part in textwrap.wrap(printable(line), width)]
