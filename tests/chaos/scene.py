"""The campaign that is killed: short and long experiments, each of which reports to a witness file."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Final

from attrs import frozen

from engine.journal import FILE_NAME, Journal

__all__ = ["Entry", "Scene", "Witness"]

_LINE: Final = (
    'uptime() {{ read -r up _ </proc/uptime; echo "$up"; }};'
    ' echo "$DOCKWARDEN_REQUEST begun $(uptime)" >>"{witness}"; sleep {seconds};'
    ' echo "$DOCKWARDEN_REQUEST completed $(uptime)" >>"{witness}"; exit {code}'
)
"""One write to a file opened with O_APPEND for each line: lines never mix. No clock step moves the uptime."""

_BACKENDS: Final = ("alpha", "beta")
_FAILS_EVERY: Final = 7

_LONG_SHARE: Final = 0.25
_LONG_S: Final = (3.0, 6.0)
"""Long enough to be met by the next controller, and sometimes by the one after it."""

_SHORT_S: Final = (0.1, 0.7)


@frozen
class Entry:
    """A line of the witness file.

    Attributes:
        request: the run and its attempt, ``<run>.<attempt>``.
        uptime_s: of the machine, when the line was written.
    """

    request: str
    uptime_s: float

    @property
    def run(self) -> str:
        """The run that this is an attempt of."""
        return self.request.rpartition(".")[0]


@frozen
class Witness:
    """What experiments have written of themselves, in order, where neither results nor spool are."""

    begun: tuple[Entry, ...]
    completed: tuple[Entry, ...]

    @property
    def unfinished(self) -> frozenset[str]:
        """The requests that have begun, and have not completed."""
        completed = {one.request for one in self.completed}
        return frozenset({one.request for one in self.begun} - completed)


@frozen
class Scene:
    """A folder with a campaign in it.

    Attributes:
        folder: the campaign's.
        name: of the campaign and of the compose project.
        runtime: docker or process.
        keep: whether containers outlive their controller.
        live_restore: whether containers outlive their daemon.
        experiments: how many; most take some tenths of a second, some several seconds.
        image: of the backends.
        seed: decides how long each of them takes.
        slowness: of the machine: as many times longer the long ones take, to be met there, too.
    """

    folder: Path
    name: str
    runtime: str
    keep: bool
    live_restore: bool
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
        self._witness.parent.mkdir(exist_ok=True)
        self._witness.touch()
        volume = f"{self._witness.parent}:{self._witness.parent}"
        services = {name: {"image": self.image, "volumes": [volume]} for name in _BACKENDS}
        compose = {"name": self.name, "services": services}
        campaign = {
            "name": self.name,
            "runtime": self.runtime,
            "results": str(self.folder / "results"),
            "on_controller_exit": "keep" if self.keep else "remove",
            # A dead controller's losses do not count. What a daemon takes down does: without live-restore.
            "retry": {"max_attempts": 1 if self.live_restore else 1000},
            "defaults": {"timeout": "10m"},
            "backends": {name: {"max_restarts": 1000, "backoff": "0s"} for name in _BACKENDS},
            "grace": 1,
            "experiments": [self._experiment(number) for number in range(self.experiments)],
        }
        (self.folder / "docker-compose.yml").write_text(json.dumps(compose))
        self.file.write_text(json.dumps(campaign))

    def witness(self) -> Witness:
        """Read the witness file."""
        lines = [line.split() for line in self._witness.read_text().splitlines()]
        entries = [(what, Entry(request, float(uptime_s))) for request, what, uptime_s in lines]
        begun = tuple(entry for what, entry in entries if what == "begun")
        return Witness(begun, tuple(entry for what, entry in entries if what == "completed"))

    def is_over(self) -> bool:
        """Whether a controller has come to the campaign's end; another would begin a new run."""
        if not (self.results / FILE_NAME).exists():
            return False
        with Journal.read(self.results / FILE_NAME) as journal:
            sessions, outcomes = list(journal.sessions()), list(journal.outcomes())
        closed = bool(sessions) and sessions[-1].ended_at is not None
        return closed and len(outcomes) == self.experiments

    def failing(self) -> set[str]:
        """The runs whose command ends with an exit code other than 0."""
        return {
            f"{self._backend(number)}-{self._name(number)}"
            for number in range(self.experiments)
            if self._code(number)
        }

    @property
    def _witness(self) -> Path:
        return self.folder / "witness" / "lines"

    def _experiment(self, number: int) -> dict[str, object]:
        rng = random.Random(f"{self.seed} {number}")
        long = rng.random() < _LONG_SHARE
        seconds = self.slowness * rng.uniform(*_LONG_S) if long else rng.uniform(*_SHORT_S)
        line = _LINE.format(
            witness=self._witness, seconds=f"{seconds:.2f}", code=self._code(number)
        )
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
