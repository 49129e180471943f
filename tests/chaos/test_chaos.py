"""Controllers, watchdogs and daemons are killed, and nothing is lost, run twice or left behind."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from tests.chaos.kinds import KINDS, SETTINGS
from tests.chaos.run import chaos
from tests.chaos.storm import moments
from tests.lab import BASE_IMAGE, Engine, own_engine


@pytest.fixture(scope="module")
def lab(lab: Engine) -> Iterator[Engine]:
    """An engine of this file's own, whose daemon can be killed."""
    with own_engine("chaos-short", {}) as engine:
        yield engine


def test_a_seed_decides_about_the_moments() -> None:
    first = list(islice(moments(7), 100))
    assert first == list(islice(moments(7), 100))
    assert first != list(islice(moments(8), 100))
    assert {moment.at_work for moment in first} == {True, False}


@pytest.mark.long
@pytest.mark.docker
@pytest.mark.own_engine
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("engine")
def test_kills_of_every_kind(tmp_path: Path) -> None:
    figures = chaos(
        tmp_path,
        kills=14,
        seed=1,
        image=BASE_IMAGE,
        kills_a_campaign=4,
        experiments=8,
    )
    assert figures.kills == 14
    assert {*figures.tolls} == {kind.name for kind in KINDS}
    assert figures.campaigns >= len(SETTINGS)
    assert figures.adopted
    assert figures.outlived
    assert figures.witnessed == figures.experiments == figures.completed + figures.failed
