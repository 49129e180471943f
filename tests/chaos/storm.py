"""Killing a campaign's controller at moments that a seed decides, and going on each time."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from attrs import define, field, frozen

from tests.chaos.scene import Scene

__all__ = ["Moment", "Session", "Storm", "moments"]

_RUN: Final = "from engine.cli import main; main()"
_ROOT: Final = Path(__file__).parents[2]
_PATIENCE_S: Final = 300.0


@frozen
class Moment:
    """When a controller is killed.

    Attributes:
        at_work: whether the time counts from the controller's first word, rather than from its start.
        after_s: in seconds.
    """

    at_work: bool
    after_s: float


def moments(seed: int, slowness: float = 1.0) -> Iterator[Moment]:
    """The moments of a seed, without end: one in four while a controller starts, the rest at its work.

    Args:
        slowness: of the machine; as many times longer takes what there is to meet.
    """
    rng = random.Random(seed)
    while True:
        at_work = rng.random() < 0.75
        yield Moment(at_work, slowness * rng.uniform(0, 2.5 if at_work else 1.5))


@frozen
class Session:
    """What came of one controller.

    Attributes:
        killed: whether it was; else it came to its end before.
        exit_code: of a controller that was not.
        said: what it wrote.
        outlived: the requests that had begun, and had not ended, a moment after its death.
    """

    killed: bool
    exit_code: int
    said: str
    outlived: frozenset[str]


@define
class Storm:
    """One campaign that is killed until it is done, or until no kill is left."""

    scene: Scene
    moments: Iterator[Moment]
    environment: dict[str, str]
    sessions: list[Session] = field(factory=list)

    def rage(self, kills: int) -> int:
        """Kill at most so often; the last session runs undisturbed. How often it was killed."""
        self.scene.write()
        done = 0
        while done < kills:
            self.sessions.append(self._session(next(self.moments)))
            done += self.sessions[-1].killed
            if not self.sessions[-1].killed or self.scene.is_over():  # just before it was killed
                return done
        self.sessions.append(self._session(None))
        return done

    def _session(self, moment: Moment | None) -> Session:
        process = subprocess.Popen(
            [sys.executable, "-c", _RUN, "run", str(self.scene.file)],
            cwd=_ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        first = process.stdout.readline() if moment is None or moment.at_work else ""
        with suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE_S if moment is None else moment.after_s)
        killed = process.poll() is None
        if killed:
            os.kill(process.pid, signal.SIGKILL)
        rest, _ = process.communicate(timeout=_PATIENCE_S)
        if moment is None and killed:
            raise AssertionError(f"the campaign did not come to its end: {first}{rest}")
        return Session(killed, process.returncode, first + rest, self.scene.page().unfinished)
