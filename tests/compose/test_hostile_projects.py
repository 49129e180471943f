"""Small projects in the shapes of real ones, written to break a reader: both read them alike, or ours refuses by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from engine.compose import load_project
from engine.errors import ComposeError
from engine.model.spec import Project
from tests.compose.effort import ALL
from tests.compose.reading import as_compose_reads, in_use, shape

HOME = {"HOME": "/home/someone", "PATH": "/usr/bin:/bin", "SOME": "some"}
FILE = Path(__file__).with_name("hostile_projects.txt")

REFUSED_BY_US_ALONE = {
    "include-list": "include: other files are not included here",
    "interp-in-keys-list": "the variable's name '' is empty",
    "named-x": "Compose takes what begins with x-",
    "vol-bindopt": "a path on a Windows drive",
    "vol-bindopt2": "a path on a Windows drive",
    "vol-opts": "a path on a Windows drive",
    "windows-path": "a path on a Windows drive",
}


def projects() -> dict[str, Mapping[str, str]]:
    """The files of each project, by name."""
    found: dict[str, Mapping[str, str]] = {}
    for block in re.split(r"^=== ", FILE.read_text(), flags=re.MULTILINE)[1:]:
        name, _, text = block.partition("\n")
        first, *others = re.split(r"^--- ", text, flags=re.MULTILINE)
        further = dict(other.split("\n", 1) for other in others)
        found[name] = {"compose.yml": first, **further}
    return found


PROJECTS = projects()


def ours_of(folder: Path) -> Project | str:
    try:
        return load_project(folder / "compose.yml", environ=HOME)
    except ComposeError as error:
        return str(error)


def write(name: str, folder: Path) -> None:
    for file, text in PROJECTS[name].items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)


def test_there_are_enough() -> None:
    assert len(PROJECTS) >= 200


@pytest.mark.parametrize("name", list(PROJECTS)[:: 1 if ALL else 15])
def test_both_read_a_project_alike_or_ours_refuses_by_name(
    name: str, tmp_path: Path, compose_binary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(name, tmp_path)
    monkeypatch.chdir(tmp_path)
    ours, theirs = ours_of(tmp_path), as_compose_reads(compose_binary, [], tmp_path, HOME)

    if isinstance(ours, str):
        assert REFUSED_BY_US_ALONE.get(name, "") in ours
        assert isinstance(theirs, Project) == (name in REFUSED_BY_US_ALONE)
        return
    refusals = [each for spec in ours.services.values() for each in spec.refusals]
    if isinstance(theirs, str):
        assert refusals, theirs
        return
    assert ours.name == theirs.name
    taken = {key: spec for key, spec in ours.services.items() if not spec.refusals}
    assert {key: shape(spec) for key, spec in taken.items()} == {
        key: shape(theirs.services[key]) for key in taken
    }
    assert refusals or in_use(ours) == in_use(theirs)
