"""The campaign that is killed: experiments, short and long, each of which keeps a diary of its own."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from attrs import frozen

from engine.journal import FILE_NAME, Journal

__all__ = ["Entry", "Page", "Scene"]

_LINE: Final = (
    'echo "begin $DOCKWARDEN_REQUEST $(date +%s.%N)" >>"{diary}"; sleep {seconds};'
    ' echo "end $DOCKWARDEN_REQUEST $(date +%s.%N)" >>"{diary}"; exit {code}'
)
"""One short write each, opened to append: lines never mix."""

_BACKENDS: Final = ("alpha", "beta")
_FAILS_EVERY: Final = 7

_LONG_SHARE: Final = 0.25
_LONG_S: Final = (3.0, 6.0)
"""Long enough to be met by the next controller, and sometimes by the one after it."""

_SHORT_S: Final = (0.1, 0.7)


@frozen
class Entry:
    """A line of the diary: which request, and when by its own clock, which is this machine's."""

    request: str
    at: datetime


@frozen
class Page:
    """What experiments have written of themselves: which began and ended, in order."""

    began: tuple[Entry, ...]
    ended: tuple[Entry, ...]

    @property
    def unfinished(self) -> frozenset[str]:
        """The requests that have begun, and have not ended."""
        return frozenset({one.request for one in self.began} - {one.request for one in self.ended})


@frozen
class Scene:
    """A folder with a campaign in it.

    Attributes:
        folder: the campaign's.
        name: of the campaign and of the compose project.
        runtime: docker or process.
        keep: whether containers outlive their controller.
        experiments: how many; most take some tenths of a second, some several seconds.
        image: of the backends.
        seed: decides how long each of them takes.
        slowness: of the machine: as many times longer the long ones take, to be met there, too.
    """

    folder: Path
    name: str
    runtime: str
    keep: bool
    experiments: int
    image: str
    seed: int
    slowness: float = 1.0

    @property
    def adopted(self) -> bool:
        """Whether the next controller takes over what one leaves; of local processes it ends it."""
        return self.keep and self.runtime != "process"

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
            "retry": {"max_attempts": 1},
            "grace": 1,
            "experiments": [self._experiment(number) for number in range(self.experiments)],
        }
        (self.folder / "docker-compose.yml").write_text(json.dumps(compose))
        self.file.write_text(json.dumps(campaign))

    def page(self) -> Page:
        """Read the diary."""
        lines = [line.split() for line in self._diary.read_text().splitlines()]
        entries = [
            (what, Entry(request, datetime.fromtimestamp(float(at), UTC)))
            for what, request, at in lines
        ]
        began = tuple(entry for what, entry in entries if what == "begin")
        return Page(began, tuple(entry for what, entry in entries if what == "end"))

    def is_over(self) -> bool:
        """Whether a controller has come to the campaign's end; another would begin it anew."""
        if not (self.results / FILE_NAME).exists():
            return False
        with Journal.read(self.results / FILE_NAME) as journal:
            sessions = list(journal.sessions())
        return bool(sessions) and sessions[-1].ended_at is not None

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
        rng = random.Random(f"{self.seed} {number}")
        long = rng.random() < _LONG_SHARE
        seconds = self.slowness * rng.uniform(*_LONG_S) if long else rng.uniform(*_SHORT_S)
        line = _LINE.format(diary=self._diary, seconds=f"{seconds:.2f}", code=self._code(number))
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
