"""Small forms: read as real Compose reads them, or refused by name; never silently different.

Where our reader takes a row, both models are the same. Where it refuses it, the row says what is named.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

from engine.compose import load_project, needed
from engine.errors import ComposeError
from engine.model.spec import Project, ServiceSpec
from tests.compose.reading import as_compose_reads, compose_config, in_use, shape
from tests.compose.row import Row, service_yaml
from tests.compose.small_forms import ROWS

HOME = {"HOME": "/home/someone", "PATH": "/usr/bin:/bin"}


def batched() -> list[str]:
    """The rows that real Compose can read as services of one project: no more than keys of a service."""
    empty = Row("")
    return [
        name
        for name, row in ROWS.items()
        if evolve(row, keys="", over=None) == empty and "build" not in row.keys
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the project that these rows make up."""
    return tmp_path_factory.mktemp("rows")


@pytest.fixture(scope="module")
def read_at_once(compose_binary: Path, folder: Path) -> dict[str, ServiceSpec]:
    """Those rows as real Compose reads them, by one call."""
    numbered = {f"r{number}": ROWS[name] for number, name in enumerate(batched())}
    files = {
        "compose.yml": {key: f"image: x\n{row.keys}" for key, row in numbered.items()},
        "over.yml": {key: row.over for key, row in numbered.items() if row.over is not None},
    }
    for file, services in files.items():
        text = "".join(service_yaml(key, keys) for key, keys in services.items())
        (folder / file).write_text(f"services:\n{text}")
    words = [word for file in files for word in ("-f", file)]
    theirs = as_compose_reads(compose_binary, words, folder, HOME)
    assert isinstance(theirs, Project), theirs
    return dict(zip(batched(), map(theirs.services.get, numbered), strict=True))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", batched())
def test_a_key_of_a_service_is_read_as_compose_reads_it(
    name: str,
    tmp_path: Path,
    folder: Path,
    read_at_once: dict[str, ServiceSpec],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ROWS[name].write(tmp_path)
    monkeypatch.chdir(folder)
    ours = load_project(tmp_path / "compose.yml", folder, environ=HOME).services["a"]
    assert shape(ours) == {**shape(read_at_once[name]), "name": "a"}
    assert read_at_once[name].refusals == ()


@pytest.mark.parametrize("name", [name for name in ROWS if name not in batched()])
def test_a_form_is_read_as_compose_reads_it_or_refused_by_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compose_binary: Path
) -> None:
    row = ROWS[name]
    row.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    environ = {**HOME, **row.environ}

    if row.refused:
        with pytest.raises(ComposeError) as caught:
            needed(load_project("compose.yml", environ=environ), ["a"])
        assert row.refused in str(caught.value)
        taken = isinstance(compose_config(compose_binary, [], tmp_path, environ), dict)
        assert taken == row.compose_takes
        return
    ours = load_project("compose.yml", environ=environ)
    assert row.warned in " ".join(ours.warnings)
    assert bool(row.warned) == bool([each for each in ours.warnings if "COMPOSE_" in each])
    theirs = as_compose_reads(compose_binary, row.words, tmp_path, environ)
    assert isinstance(theirs, Project), theirs
    assert ours.name == theirs.name
    assert {key: shape(spec) for key, spec in ours.services.items()} == {
        key: shape(spec) for key, spec in theirs.services.items()
    }
    assert in_use(ours) == in_use(theirs)
    assert [spec.refusals for spec in theirs.services.values() if spec.refusals] == []
