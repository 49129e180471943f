"""The reference of the campaign file names every key that there is, and no other."""

import re
from pathlib import Path

from engine.campaign.config import format as tables

DOCS = (Path(__file__).parent.parent.parent / "docs" / "campaign.md").read_text()


def test_every_key_is_there() -> None:
    keys = {key for name in tables.__all__ for key in getattr(tables, name)}
    documented = set(re.findall(r"`(\w+)`", DOCS))
    assert keys - documented == set()


def test_no_other_is_there() -> None:
    keys = {key for name in tables.__all__ for key in getattr(tables, name)}
    rows = [line.split("|")[1] for line in DOCS.splitlines() if line.startswith("| `")]
    assert {key for row in rows for key in re.findall(r"`(\w+)`", row)} - keys == set()
