"""A few hundred generated forms; ``python -m tests.compose.generated`` reads as many as one likes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.compose.drawn_forms import drawn
from tests.compose.generated import differences


def test_what_our_reader_takes_compose_reads_alike(compose_binary: Path) -> None:
    found = list(differences(400, seed=1, compose=compose_binary))
    assert len(found) > 100
    assert [one for one in found if one is not None] == []


@pytest.mark.parametrize("place", ["keys", "extended", "over"])
def test_empty_values_and_tags_are_drawn_in_every_place(place: str) -> None:
    rng = random.Random(1)
    keys = [getattr(drawn(rng), place) or {} for _ in range(400)]
    values = [value for each in keys for value in each.values()]
    assert {"", "''", "0", "[]"} <= {*values}
    assert all(any(tag in value for value in values) for tag in ("!reset", "!override", "A: }"))
