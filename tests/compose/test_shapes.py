"""Small files in the shapes of real ones: the same model from both readers. One row a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.model.spec import Project
from tests.compose.cases import ENVIRON
from tests.compose.reading import as_compose_reads, in_use, shape
from tests.compose.shapes import FILES, FOLDER, SHAPES, read_alone

NAME = "shapes"


@pytest.fixture(scope="module")
def theirs(compose_binary: Path) -> Project:
    """All files, as real Compose reads them in one call."""
    words = ["--project-name", NAME, *SHAPES.words()]
    read = as_compose_reads(compose_binary, words, FOLDER, ENVIRON)
    assert isinstance(read, Project), read
    return read


@pytest.mark.parametrize("file", FILES)
def test_a_file_is_read_as_compose_reads_it(file: str, theirs: Project) -> None:
    ours = read_alone(file, NAME)

    for name, spec in ours.services.items():
        assert spec.refusals == ()
        assert shape(spec) == shape(theirs.services[name])
    for section, used in in_use(ours).items():
        known = getattr(theirs, section)
        assert used == {key: known[key] for key in used}


def test_no_service_is_in_two_files(theirs: Project) -> None:
    names = [name for file in FILES for name in read_alone(file, NAME).services]
    assert sorted(names) == sorted(theirs.services)
