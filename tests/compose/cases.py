"""The corpus: compose files of the kinds that this field uses, each read by us and by real Compose.

A case is a file of ``corpus/``, or a folder there that holds a compose file under one of Compose's own
names. Its first line is a comment that says what it is about. ``NAME.over.yml`` is laid over ``NAME.yml``.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from attrs import frozen

from engine.compose import load_project
from engine.compose.files import DEFAULT_NAMES
from engine.model.spec import Project

__all__ = ["CASES", "CORPUS", "ENVIRON", "Case"]

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

_OVER: Final = ".over"


@frozen
class Case:
    """A project of the corpus.

    Attributes:
        files: relative to the corpus; one of them with a default name stands for its whole folder.
        home: the corpus.
    """

    name: str
    files: tuple[Path, ...]
    home: Path = CORPUS

    @property
    def about(self) -> str:
        """What it is about, in the words of its first line."""
        first = (self.home / self.files[0]).read_text().splitlines()[0]
        return first.removeprefix("# ")

    def project(
        self,
        corpus: Path | None = None,
        project_name: str | None = None,
    ) -> Project:
        """As we read it, in the corpus or in a copy of it."""
        return _read(tuple((corpus or self.home) / file for file in self.files), project_name)

    def words(self, corpus: Path | None = None) -> list[str]:
        """What comes after ``docker compose`` to name it; a folder is found without a name."""
        corpus = corpus or self.home
        if self.files[0].parent.name:
            return ["--project-directory", str(corpus / self.files[0].parent)]
        return [word for file in self.files for word in ("-f", str(corpus / file))]

    def folder(self, corpus: Path | None = None) -> Path:
        """Where ``docker compose`` is called."""
        return ((corpus or self.home) / self.files[0]).parent


@cache
def _read(files: tuple[Path, ...], project_name: str | None) -> Project:
    return load_project(
        files if files[1:] else files[0], environ=ENVIRON, project_name=project_name
    )


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
