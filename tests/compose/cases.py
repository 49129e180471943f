"""The corpus: compose files of the kinds that this field uses, each read by us and by real Compose.

A case is a file of ``corpus/``, or a folder there that holds a compose file under one of Compose's own
names. Its first line is a comment that says what it is about. ``NAME.over.yml`` is laid over ``NAME.yml``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from attrs import frozen

from engine.compose import load_project
from engine.compose.files import DEFAULT_NAMES
from engine.model.spec import NetworkSpec, Project, VolumeSpec
from tests.compose.effort import ALL

__all__ = ["CASES", "CORPUS", "ENVIRON", "NAME", "TRIED", "Case", "grouped", "together"]

CORPUS: Final = Path(__file__).parent / "corpus"

ENVIRON: Final = {
    "CONFIG": "configs/a.yaml",
    "FROM_CALLER": "from the caller",
    "HOME": "/home/someone",
    "JUPYTER_TOKEN": "a token",
    "OWNER": "lab",
    "PATH": "/usr/bin:/bin",
}
"""The environment that both readers see."""

NAME: Final = "corpus"
"""Of the project that cases are read as together."""

_OVER: Final = ".over"
_PLAIN: Final = NetworkSpec("default", f"{NAME}_default")


@frozen
class Case:
    """A project of the corpus.

    Attributes:
        files: relative to the corpus; one of them with a default name stands for its whole folder.
    """

    name: str
    files: tuple[Path, ...]

    @property
    def about(self) -> str:
        """What it is about, in the words of its first line."""
        return (CORPUS / self.files[0]).read_text().splitlines()[0].removeprefix("# ")

    @property
    def services(self) -> list[str]:
        """The names of its services."""
        return [*self.project(project_name=NAME).services]

    @property
    def stands_alone(self) -> bool:
        """Whether no other can be read beside it: it has a folder, several files, or its own default network."""
        has_others = bool(self.files[0].parent.name) or len(self.files) > 1
        return has_others or self.project(project_name=NAME).networks["default"] != _PLAIN

    def project(self, corpus: Path = CORPUS, project_name: str | None = None) -> Project:
        """As we read it, in the corpus or in a copy of it."""
        return _read(tuple(corpus / file for file in self.files), project_name)

    def words(self, corpus: Path = CORPUS) -> list[str]:
        """What comes after ``docker compose`` to name it; a folder is found without a name."""
        if self.files[0].parent.name:
            return ["--project-directory", str(corpus / self.files[0].parent)]
        return [word for file in self.files for word in ("-f", str(corpus / file))]

    def folder(self, corpus: Path = CORPUS) -> Path:
        """Where ``docker compose`` is called."""
        return (corpus / self.files[0]).parent


@cache
def _read(files: tuple[Path, ...], project_name: str | None) -> Project:
    return load_project(
        files if files[1:] else files[0], environ=ENVIRON, project_name=project_name
    )


def grouped(cases: Iterable[Case]) -> list[tuple[Case, ...]]:
    """Cases by what real Compose can read, or create, all at once: in a group, no two share a name."""
    groups: list[list[Case]] = []
    for case in cases:
        others = (group for group in groups if not case.stands_alone and _fits(case, group))
        group = next(others, None)
        if group is None:
            groups.append([case])
        else:
            group.append(case)
    return [tuple(group) for group in groups]


def together(cases: Sequence[Case]) -> Case:
    """The cases of a group as one project."""
    files = tuple(file for case in cases for file in case.files)
    return Case("+".join(case.name for case in cases), files)


def _fits(case: Case, group: Sequence[Case]) -> bool:
    return all(not other.stands_alone and _names(case).isdisjoint(_names(other)) for other in group)


@cache
def _names(case: Case) -> frozenset[tuple[str, str]]:
    """What a case declares, and how its containers, networks and volumes are named."""
    project = case.project(project_name=NAME)
    found = {("service", name) for name in project.services}
    found |= {("container", str(spec.container_name)) for spec in project.services.values()}
    resources: list[NetworkSpec | VolumeSpec] = [*project.networks.values()]
    resources += project.volumes.values()
    found |= {("resource", name) for each in resources for name in (each.key, each.name)}
    shared = {("container", "None"), ("resource", "default"), ("resource", _PLAIN.name)}
    return frozenset(found - shared)


def _cases() -> dict[str, Case]:
    names = [file.stem for file in CORPUS.glob("*.yml") if not file.stem.endswith(_OVER)]
    single = [Case(name, _existing(f"{name}.yml", f"{name}{_OVER}.yml")) for name in names]
    folders = [
        Case(folder.name, found[:1])
        for folder in CORPUS.iterdir()
        if (found := _existing(*(f"{folder.name}/{name}" for name in DEFAULT_NAMES)))
    ]
    return {case.name: case for case in sorted((*single, *folders), key=lambda case: case.name)}


def _existing(*names: str) -> tuple[Path, ...]:
    return tuple(Path(name) for name in names if (CORPUS / name).is_file())


CASES: Final = _cases()
TRIED: Final = [*CASES.values()][:: 1 if ALL else 2]
"""Those that are read by both: every second one, but for ``make compose``."""
