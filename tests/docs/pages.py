"""The blocks of a documentation page: its files in a folder, and its commands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

__all__ = ["Page", "dockwarden"]

_DOCS = Path(__file__).parents[2] / "docs"


class Page:
    """A page of the documentation."""

    def __init__(self, name: str) -> None:
        self.text = (_DOCS / name).read_text()
        found = re.findall(r"^```(\w+)\n(.*?)^```$", self.text, re.MULTILINE | re.DOTALL)
        self._blocks: list[tuple[str, str]] = found

    def blocks(self, *languages: str) -> list[tuple[str, str]]:
        """Language and text of each block in these languages, in the page's order."""
        return [block for block in self._blocks if block[0] in languages]

    def texts(self, language: str) -> list[str]:
        """The text of each block in a language."""
        return [text for _, text in self.blocks(language)]

    def files(self) -> dict[str, str]:
        """The files that the page shows: YAML blocks, whose first line is a comment with the file's name."""
        parts = (text.split("\n", 1) for text in self.texts("yaml"))
        return {name.removeprefix("# "): rest for name, rest in parts}

    def write(self, folder: Path) -> Path:
        """Write the files into a folder."""
        for name, text in self.files().items():
            (folder / name).write_text(text)
        return folder

    def commands(self) -> list[tuple[str, str]]:
        """Each command line of a console block that begins with dockwarden, and what it prints."""
        return [
            (command, printed)
            for text in self.texts("console")
            for command, printed in re.findall(
                r"^\$ dockwarden (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE
            )
        ]


def dockwarden(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "dockwarden", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
