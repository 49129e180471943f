"""Our reader against the real one: the same project from every file of the corpus."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.model.spec import Project
from tests.compose.cases import CASES, ENVIRON
from tests.compose.reading import as_compose_reads, in_use, shape


@pytest.mark.parametrize("name", list(CASES))
def test_a_project_is_read_as_compose_reads_it(name: str, compose_binary: Path) -> None:
    case = CASES[name]
    theirs = as_compose_reads(compose_binary, case.words(), case.folder(), ENVIRON)
    assert isinstance(theirs, Project), theirs
    ours = case.project()

    assert ours.name == theirs.name
    assert sorted(ours.services) == sorted(theirs.services)
    for key, service in ours.services.items():
        assert shape(service) == shape(theirs.services[key]), key
    assert in_use(ours) == in_use(theirs)
