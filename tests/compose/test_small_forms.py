"""Small forms: read as real Compose reads them, or refused by name; never silently different.

Where our reader takes a row, both models are the same. Where it refuses it, the row says what is named, and
``COMPOSE_CASES=all`` (``make compose``) asks Compose what it does with each of these, and reads each row alone.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

from engine.compose import load_project, needed
from engine.errors import ComposeError
from engine.model.spec import Project
from tests.compose.effort import ALL
from tests.compose.reading import as_compose_reads, compose_config, in_use, shape
from tests.compose.small_forms import ROWS

HOME = {"HOME": "/home/someone", "PATH": "/usr/bin:/bin"}

REFUSED = {name: row for name, row in ROWS.items() if row.refused}
BESIDE = {name: row for name, row in ROWS.items() if row.fits_beside_others}
ALONE = [name for name in ROWS if name not in REFUSED and (ALL or name not in BESIDE)]
TAGS = {name: str(number) for number, name in enumerate(BESIDE)}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder for each project that is read with others."""
    top = tmp_path_factory.mktemp("rows")
    folders = {name: top / f"row{tag}" for name, tag in TAGS.items()}
    included = ["include:"]
    for name, folder in folders.items():
        folder.mkdir()
        files = ", ".join(f"{folder}/{file}" for file in BESIDE[name].write(folder, TAGS[name]))
        included.append(f"  - {{path: [{files}], project_directory: {folder}}}")
    (top / "compose.yml").write_text("\n".join([*included, "name: rows", ""]))
    return folders


@pytest.fixture(scope="module")
def read_at_once(compose_binary: Path, folders: dict[str, Path]) -> Project:
    """Those projects as real Compose reads them, by one call."""
    top = next(iter(folders.values())).parent
    theirs = as_compose_reads(compose_binary, [], top, HOME)
    assert isinstance(theirs, Project), theirs
    return theirs


def assert_alike(ours: Project, theirs: Project) -> None:
    shared = {name: theirs.services[name] for name in ours.services}
    assert {key: shape(spec) for key, spec in ours.services.items()} == {
        key: shape(spec) for key, spec in shared.items()
    }
    assert in_use(ours) == in_use(evolve(theirs, services=shared))
    assert [spec.refusals for spec in shared.values() if spec.refusals] == []


@pytest.mark.parametrize("name", BESIDE)
def test_a_form_is_read_as_compose_reads_it(
    name: str,
    folders: dict[str, Path],
    read_at_once: Project,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folders[name].parent)
    ours = load_project(folders[name] / "compose.yml", environ=HOME, project_name="rows")
    assert_alike(ours, read_at_once)


@pytest.mark.parametrize("name", ALONE)
def test_what_is_of_the_whole_project_is_read_as_compose_reads_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compose_binary: Path
) -> None:
    row = ROWS[name]
    row.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    environ = {**HOME, **row.environ}

    ours = load_project("compose.yml", environ=environ)
    assert row.warned in " ".join(ours.warnings)
    assert bool(row.warned) == bool([each for each in ours.warnings if "COMPOSE_" in each])
    theirs = as_compose_reads(compose_binary, row.words, tmp_path, environ)
    assert isinstance(theirs, Project), theirs
    assert ours.name == theirs.name
    assert_alike(ours, theirs)
    assert sorted(ours.services) == sorted(theirs.services)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_read_as_compose_reads_it_is_refused_by_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = ROWS[name]
    row.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ComposeError) as caught:
        needed(load_project("compose.yml", environ={**HOME, **row.environ}), ["a"])
    assert row.refused in str(caught.value)


@pytest.mark.parametrize("name", list(REFUSED)[:: 1 if ALL else 12])
def test_what_compose_does_with_what_is_refused(
    name: str, tmp_path: Path, compose_binary: Path
) -> None:
    row = ROWS[name]
    row.write(tmp_path)
    read = compose_config(compose_binary, [], tmp_path, {**HOME, **row.environ})
    assert isinstance(read, dict) == row.compose_takes


def test_most_rows_are_read_with_others() -> None:
    taken = [row for row in ROWS.values() if not row.refused]
    assert len([row for row in taken if row.fits_beside_others]) > len(taken) * 3 / 4
