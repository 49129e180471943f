"""The one filter for what others have written: nothing in it steers a terminal, or runs in a spreadsheet.

The names, labels and output of containers, images and compose files, and the errors of an engine, may hold
anything. All such text is printed through here, on one line, or on several where lines are meant.
"""

from __future__ import annotations

import unicodedata
from typing import Final

__all__ = ["printable", "printable_cell", "printable_lines"]

_STEERING: Final = ("=", "+", "-", "@")
"""How a text begins that a spreadsheet would take for a formula."""


def printable(text: str) -> str:
    """The text on one line, with a space for each character that no font draws.

    Those are control characters (C0, DEL, C1), line and paragraph separators, format characters such as
    bidirectional overrides, unpaired surrogates, and characters that Unicode does not define.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else " " for one in text)


def printable_lines(text: str) -> str:
    """Likewise, but its line feeds and tabs stay."""
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))


def printable_cell(text: str) -> str:
    """The text for a cell of a spreadsheet: on one line, and with an apostrophe before a formula."""
    plain = printable(text)
    # A spreadsheet may skip blanks, and take a full-width sign for the plain one.
    begins = unicodedata.normalize("NFKC", plain.lstrip()[:1])
    return f"'{plain}" if begins.startswith(_STEERING) else plain
