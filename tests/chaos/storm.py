"""Killing what runs a campaign at moments that a seed decides, and resuming it each time."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from attrs import define, evolve, field, frozen

from tests.chaos.kinds import KINDS, Kind, Target
from tests.chaos.scene import Scene
from tests.lab import restart_engine
from tests.lab.processes import Process
from tests.world.clock import SettableClock

__all__ = ["Moment", "Session", "Storm", "Strike", "moments"]

_RUN: Final = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL); from engine.cli import main; main()"
"""Where this runs under ``nohup``, a controller would inherit that it has to ignore SIGHUP."""
_ROOT: Final = Path(__file__).parents[2]
_PATIENCE_S: Final = 300.0
_LOOK_EVERY_S: Final = 0.02
_CLOCK_STEPS_S: Final = (3600, 172_800)
"""The shortest is longer than any experiment may take."""


@frozen
class Moment:
    """When a kill happens.

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
class Strike:
    """One kill.

    Attributes:
        running: the requests that had begun, and had not completed, a moment after it.
        loses: whether these may be lost.
        left: how much of the campaign was on the engine when controller and watchdog were dead.
    """

    kind: str
    running: frozenset[str]
    loses: bool
    left: int = 0


@frozen
class Session:
    """What came of one controller: its exit code, and what it wrote."""

    exit_code: int
    said: str


@define
class Storm:
    """One campaign that is killed until it is done, or until no kill is left.

    Attributes:
        counts: the kills so far, by kind, in all campaigns: the kind with the fewest comes next.
        left: lists what of the campaign is there.
    """

    scene: Scene
    moments: Iterator[Moment]
    rng: random.Random
    environment: Mapping[str, str]
    clock: SettableClock
    counts: Counter[str]
    left: Callable[[Scene], Iterable[str]]
    sessions: list[Session] = field(factory=list)
    strikes: list[Strike] = field(factory=list)
    _gone: frozenset[str] = frozenset()
    _first: str = ""

    def rage(self, kills: int) -> None:
        """Kill at most so often; the last session runs undisturbed."""
        self.scene.write()
        while len(self.strikes) < kills and not self.scene.is_over():
            self._session(kills)
        if not self.scene.is_over():
            self._session(0)

    def _session(self, kills: int) -> None:
        self._write_off_lost()
        process, self._first = self._begin("run"), ""
        try:
            struck = self._strike_while_it_runs(process, kills)
            rest, _ = process.communicate(timeout=_PATIENCE_S)
        finally:
            process.kill()  # where something is wrong
        self.sessions.append(Session(process.returncode, self._first + rest))
        if struck is not None:
            self._clean_up_after(struck)

    def _strike_while_it_runs(self, process: subprocess.Popen[str], kills: int) -> Kind | None:
        """Strike until the controller is struck or is done; what has ended it, if anything."""
        fitting = [kind for kind in KINDS if kind.fits(self.scene)]
        at_work = False
        while len(self.strikes) < kills and process.poll() is None:
            moment, kind = next(self.moments), self._next(fitting)
            if not at_work and (moment.at_work or kind.needs_work):
                self._await_first_word(process)
                at_work = True
            with suppress(subprocess.TimeoutExpired):
                process.wait(moment.after_s)
            if not self._strike(kind, process):
                return None
            if kind.ends_controller:
                return kind
            if Target.WATCHDOG in kind.targets:  # which a controller has one of
                fitting = [one for one in fitting if Target.WATCHDOG not in one.targets]
        return None

    def _next(self, fitting: Iterable[Kind]) -> Kind:
        return min(fitting, key=lambda kind: (self.counts[kind.name], self.rng.random()))

    def _strike(self, kind: Kind, process: subprocess.Popen[str]) -> bool:
        """Strike each target; whether the controller was still there for it."""
        if not all(self._kill(target, kind, process) for target in kind.targets):
            return False
        running = self.scene.witness().unfinished - self._gone
        loses = kind.loses(self.scene)
        if loses:
            self._gone |= running
        self.counts[kind.name] += 1
        self.strikes.append(Strike(kind.name, running, loses))
        return True

    def _kill(self, target: Target, kind: Kind, process: subprocess.Popen[str]) -> bool:
        """Kill one target, and wait until it is gone; False where the controller is at its end."""
        if target is Target.WATCHDOG:
            return self._kill_watchdog(process)
        if process.poll() is not None:
            return False
        if target is Target.DAEMON:
            restart_engine(kill=True)
        else:
            process.send_signal(kind.signal)
            process.wait(_PATIENCE_S)
        return True

    def _kill_watchdog(self, process: subprocess.Popen[str]) -> bool:
        while process.poll() is None:
            watchdog = _watchdog_of(process.pid)
            if watchdog is not None:
                return watchdog.signal(signal.SIGKILL) and watchdog.wait_gone(_PATIENCE_S)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_LOOK_EVERY_S)
        return False

    def _clean_up_after(self, kind: Kind) -> None:
        """Set the clock, or do what comes before the next run, as the kind has it."""
        if kind.steps_clock:
            self.clock.set(self.rng.choice((-1, 1)) * self.rng.randint(*_CLOCK_STEPS_S))
        if Target.WATCHDOG not in kind.targets:
            return
        left = list(self.left(self.scene))
        self.strikes[-1] = evolve(self.strikes[-1], left=len(left))
        command = kind.cleanups[self.counts[kind.name] % len(kind.cleanups)]
        if command == "run":
            return
        process = self._begin(command)
        said, _ = process.communicate(timeout=_PATIENCE_S)
        assert process.returncode == 0, said
        assert "Traceback" not in said, said
        remains = list(self.left(self.scene))
        assert remains == [], f"after {command}: {remains}; it said: {said}"

    def _await_first_word(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._first += process.stdout.readline()
        self._write_off_lost()

    def _write_off_lost(self) -> None:
        """Where nothing outlives its controller, what had begun before this one is lost."""
        if not self.scene.adopted:
            self._gone |= self.scene.witness().unfinished

    def _begin(self, command: str) -> subprocess.Popen[str]:
        arguments = [command] if command == "reap" else [command, str(self.scene.file)]
        return subprocess.Popen(
            [sys.executable, "-c", _RUN, *arguments],
            cwd=_ROOT,
            env={**self.environment, **self.clock.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def _watchdog_of(pid: int) -> Process | None:
    """The companion process of a controller, any of whose threads may have started it."""
    for threads_children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in threads_children.read_text().split():
                if b"engine.watchdog" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return Process.of(int(child))
    return None
