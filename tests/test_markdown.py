"""What is true of every Markdown file here."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.cli.blocks import rewritten
from engine.cli.diagram import block

ROOT = Path(__file__).parent.parent
FILES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("tests/**/*.md")]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_its_diagrams_are_up_to_date(file: Path) -> None:
    text = file.read_text()
    assert rewritten(text, block, file=str(file)) == text, (
        "write it anew: dockwarden diagram --write"
    )
