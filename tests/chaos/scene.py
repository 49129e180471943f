"""The campaign that is killed: many short experiments, each of which keeps a diary of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from attrs import frozen

__all__ = ["Page", "Scene"]

_LINE: Final = (
    'echo "begin $DOCKWARDEN_REQUEST" >>"{diary}"; sleep {seconds};'
    ' echo "end $DOCKWARDEN_REQUEST" >>"{diary}"; exit {code}'
)
"""One short write each, opened to append: lines never mix."""

_BACKENDS: Final = ("alpha", "beta")
_FAILS_EVERY: Final = 7


@frozen
class Page:
    """What experiments have written of themselves: the requests that began and ended, in order."""

    began: tuple[str, ...]
    ended: tuple[str, ...]


@frozen
class Scene:
    """A folder with a campaign in it.

    Attributes:
        folder: the campaign's.
        name: of the campaign and of the compose project.
        runtime: docker or process.
        keep: whether containers outlive their controller.
        experiments: how many; each takes some tenths of a second, some up to three seconds.
        image: of the backends.
    """

    folder: Path
    name: str
    runtime: str
    keep: bool
    experiments: int
    image: str

    @property
    def file(self) -> Path:
        """The campaign file."""
        return self.folder / "campaign.yml"

    @property
    def results(self) -> Path:
        """The folder of the campaign's newest run."""
        return self.folder / "results" / "latest"

    def write(self) -> None:
        """Write the campaign and its compose file (JSON, which is YAML)."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._diary.touch()
        volume = f"{self.folder}:{self.folder}"
        services = {name: {"image": self.image, "volumes": [volume]} for name in _BACKENDS}
        compose = {"name": self.name, "services": services}
        campaign = {
            "name": self.name,
            "runtime": self.runtime,
            "results": str(self.folder / "results"),
            "on_controller_exit": "keep" if self.keep else "remove",
            "retry": {"max_attempts": 100, "on": ["lost"]},
            "grace": 1,
            "experiments": [self._experiment(number) for number in range(self.experiments)],
        }
        (self.folder / "docker-compose.yml").write_text(json.dumps(compose))
        self.file.write_text(json.dumps(campaign))

    def page(self) -> Page:
        """Read the diary."""
        entries = [line.split() for line in self._diary.read_text().splitlines()]
        began = tuple(request for what, request in entries if what == "begin")
        return Page(began, tuple(request for what, request in entries if what == "end"))

    def failing(self) -> set[str]:
        """The runs whose command ends with an exit code other than 0."""
        return {
            f"{self._backend(number)}-{self._name(number)}"
            for number in range(self.experiments)
            if self._code(number)
        }

    @property
    def _diary(self) -> Path:
        return self.folder / "diary"

    def _experiment(self, number: int) -> dict[str, object]:
        seconds = (0.2, 0.5, 0.3, 1.5, 0.4, 3.0)[number % 6]
        line = _LINE.format(diary=self._diary, seconds=seconds, code=self._code(number))
        return {
            "name": self._name(number),
            "backend": self._backend(number),
            "command": ["sh", "-c", line],
        }

    def _name(self, number: int) -> str:
        return f"e{number:02}"

    def _backend(self, number: int) -> str:
        return _BACKENDS[number % len(_BACKENDS)]

    def _code(self, number: int) -> int:
        return 3 if number % _FAILS_EVERY == _FAILS_EVERY - 1 else 0
