"""A few hundred generated forms; ``python -m tests.compose.generated`` reads as many as one likes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.compose.drawn_forms import ANCHORS, SECTIONS, Form, Layer, drawn
from tests.compose.effort import ALL
from tests.compose.generated import differences

DRAWN = 1000 if ALL else 200


@pytest.fixture(scope="module")
def forms() -> list[Form]:
    rng = random.Random(1)
    return [drawn(rng) for _ in range(1000)]


def test_what_our_reader_takes_compose_reads_alike(compose_binary: Path) -> None:
    found = list(differences(DRAWN, seed=1, compose=compose_binary))
    assert len(found) > DRAWN / 4
    assert [one for one in found if one is not None] == []


def values(layers: list[Layer]) -> set[str]:
    return {value for layer in layers for value in layer.service.values()}


def test_empty_values_and_tags_are_drawn_in_every_place(forms: list[Form]) -> None:
    first = [form.layers[0] for form in forms]
    later = [layer for form in forms for layer in form.layers[1:]]
    extended = [Layer(layer.extended or {}) for layer in first]
    for place in (first, later, extended):
        drawn_there = values(place)
        assert {"", "''", "0", "[]"} <= drawn_there
        assert all(any(tag in value for value in drawn_there) for tag in ("!reset", "!override"))


def test_every_part_of_a_project_is_drawn(forms: list[Form]) -> None:
    layers = [layer for form in forms for layer in form.layers]
    assert {*SECTIONS, *ANCHORS} <= {name for layer in layers for name in layer.sections}
    assert {"profiles", "x-own", "<<"} <= {key for layer in layers for key in layer.service}
    assert {len(form.layers) for form in forms} == {1, 2, 3}
    assert any(form.dot_env for form in forms)
    assert any(form.content for form in forms)
    assert any(form.head for form in forms)
