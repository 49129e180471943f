"""A few hundred generated forms; ``python -m tests.compose.generated`` reads as many as one likes."""

from __future__ import annotations

from pathlib import Path

from tests.compose.generated import differences


def test_what_our_reader_takes_compose_reads_alike(compose_binary: Path) -> None:
    found = list(differences(400, seed=1, compose=compose_binary))
    assert len(found) > 100
    assert [one for one in found if one is not None] == []
