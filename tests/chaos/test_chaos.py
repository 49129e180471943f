"""Controllers are killed at random moments, and nothing is lost, run twice or left behind."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from tests.chaos.run import chaos
from tests.chaos.storm import moments
from tests.lab import BASE_IMAGE


def test_a_seed_decides_about_the_moments() -> None:
    first = list(islice(moments(7), 100))
    assert first == list(islice(moments(7), 100))
    assert first != list(islice(moments(8), 100))
    assert {moment.at_work for moment in first} == {True, False}


@pytest.mark.docker
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("engine")
def test_containers_that_are_kept(tmp_path: Path) -> None:
    figures = chaos(tmp_path, kills=16, seed=1, image=BASE_IMAGE, keep=True, experiments=16)
    assert figures.kills == 16
    assert figures.adopted
    assert figures.reattached_live
    assert figures.reattached + figures.ended_alone >= figures.outlived


@pytest.mark.docker
@pytest.mark.usefixtures("engine")
def test_containers_on_a_leash(tmp_path: Path) -> None:
    assert chaos(tmp_path, kills=4, seed=2, image=BASE_IMAGE, keep=False, experiments=8).kills == 4
