"""Our reader against the real one: the same project from every file of the corpus."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.spec import Project
from tests.compose.cases import CASES, ENVIRON
from tests.compose.reading import as_compose_reads, in_use, shape

Both = tuple[Project, Project]


@pytest.fixture(scope="module", params=list(CASES))
def both(request: pytest.FixtureRequest, compose_binary: Path) -> Both:
    """The project of a case as we read it, and as Compose does."""
    case = CASES[request.param]
    theirs = as_compose_reads(compose_binary, case.words(), case.folder(), ENVIRON)
    assert isinstance(theirs, Project), theirs
    return case.project(), theirs


def test_the_project_has_the_same_name_and_services(both: Both) -> None:
    ours, theirs = both

    assert ours.name == theirs.name
    assert sorted(ours.services) == sorted(theirs.services)


def test_every_service_is_the_same(both: Both) -> None:
    ours, theirs = both

    for name, service in ours.services.items():
        assert shape(service) == shape(theirs.services[name]), name


def test_every_network_and_volume_in_use_is_the_same(both: Both) -> None:
    ours, theirs = both

    assert in_use(ours) == in_use(theirs)
