"""A campaign on one backend, the command that runs it, and what is seen of it in the end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

from attrs import define, field

from engine.journal import FILE_NAME, Journal
from engine.spool import Spool
from tests.lab import BASE_IMAGE

__all__ = ["PATIENCE_S", "PROJECT", "World", "shell"]

PROJECT: Final = f"dockwarden-world-{os.getpid()}"
"""Files of tests run side by side on one engine, each in a separate process."""
PATIENCE_S: Final = 120.0
"""For so long something may take that must happen. Not an expectation: machines are shared."""


_MAIN: Final = "from engine.cli import main; main()"


def shell(line: str) -> list[str]:
    return ["sh", "-c", line]


@define(eq=False)
class World:
    """A campaign in a separate folder.

    Attributes:
        environment: of the commands, besides that of the tests.
        within: a command that runs them elsewhere, in front of each.
        root: the root directory that they see there.
    """

    folder: Path
    environment: Mapping[str, str] = field(factory=dict)
    within: Sequence[str] = ()
    root: Path = Path("/")
    _begun: list[subprocess.Popen[str]] = field(factory=list, init=False)

    def write(self, *experiments: Sequence[str], **campaign: Any) -> None:
        """Write a campaign of these commands, which are called ``e1``, ``e2`` and so on.

        The backend sees the campaign's folder as ``/world``.
        """
        seen = [f"{self.folder}:/world"]
        service = {"image": BASE_IMAGE, "stop_grace_period": "0s", "volumes": seen}
        compose = {"name": PROJECT, "services": {"alpha": service}}
        (self.folder / "docker-compose.yml").write_text(json.dumps(compose))
        listed = [
            {"name": f"e{number}", "backend": "alpha", "command": list(command)}
            for number, command in enumerate(experiments, start=1)
        ]
        quick = {"alpha": {"backoff": "0s"}}
        document = {"name": "world", "grace": "0s", "backends": quick, "experiments": listed}
        self.file.write_text(json.dumps({**document, **campaign}))

    @property
    def file(self) -> Path:
        return self.folder / "campaign.yml"

    @property
    def latest(self) -> Path:
        return self.root / self.folder.relative_to("/") / "results" / "world" / "latest"

    @property
    def shared(self) -> Path:
        """The folder that the backend sees as ``/run/dockwarden``."""
        return Spool(self.latest, "alpha").folder

    def begin(self, *arguments: str | Path) -> subprocess.Popen[str]:
        begun = subprocess.Popen(
            [*self.within, sys.executable, "-c", _MAIN, *map(str, arguments)],
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._begun.append(begun)
        return begun

    def clear(self) -> None:
        """End what a test that failed has left running; it cleans up behind itself."""
        for running in self._begun:
            if running.poll() is None:
                running.terminate()
                running.communicate(timeout=PATIENCE_S)

    def run(self, *options: str) -> subprocess.Popen[str]:
        """Begin to run the campaign."""
        return self.begin("run", self.file, *options)

    def end(self, running: subprocess.Popen[str]) -> tuple[int, str, str]:
        """Wait for a command's end; its exit code and what it printed, which is readable."""
        out, err = running.communicate(timeout=PATIENCE_S)
        assert "Traceback" not in out + err, err
        return running.returncode, out, err

    def await_line(self, running: subprocess.Popen[str], words: str) -> None:
        """Read on until a line of its progress has these words."""
        _await(running.stdout, words)

    def await_warning(self, running: subprocess.Popen[str], words: str) -> None:
        """Read on until a line on standard error has these words."""
        _await(running.stderr, words)

    def outcomes(self) -> dict[str, str]:
        """The outcome of each run that has one, by its experiment, as the journal has it."""
        with tempfile.TemporaryDirectory() as folder:  # SQLite itself reads no other root
            for file in self.latest.glob(f"{FILE_NAME}*"):
                shutil.copy(file, folder)
            with Journal.read(Path(folder, FILE_NAME)) as journal:
                found = [(one.run.removeprefix("alpha-"), one.state) for one in journal.outcomes()]
        assert max(Counter(run for run, _ in found).values(), default=1) == 1
        return dict(found)

    def lines(self) -> list[dict[str, Any]]:
        """The records, of which there is one for each attempt."""
        written = (self.latest / "results.jsonl").read_text().splitlines()
        records = [json.loads(line) for line in written]
        attempts = Counter((record["run"], record["attempt"]) for record in records)
        assert max(attempts.values(), default=1) == 1
        return records


def _await(stream: IO[str] | None, words: str) -> None:
    assert stream is not None
    while words not in (line := stream.readline()):
        assert line, f"it ended without saying {words!r}"
