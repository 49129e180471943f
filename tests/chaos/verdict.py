"""What must hold of a campaign that was killed again and again, and what is counted on the way."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from signal import SIGHUP, SIGKILL
from typing import Any, Final

from attrs import asdict, field, frozen

from engine.journal import FILE_NAME, Journal
from tests.chaos.scene import Scene
from tests.chaos.storm import Storm, Strike

__all__ = ["Figures", "Toll", "judge"]

_MAIN: Final = "from engine.cli import main; main()"
_SIGNALLED: Final = 128
"""Exit codes above it are those of commands that a signal ended."""
_ENDINGS: Final = frozenset({"exited", "interrupted"})
_ALONE: Final = "ended without its controller"


@frozen
class Toll:
    """What one kind of kill did.

    Attributes:
        running: experiments that ran when it struck.
        finished: of these, those whose end was recorded.
        lost: of these, those that were run again.
        left: kills after which something of the campaign was on the engine, with no process to remove it.
    """

    kills: int = 0
    running: int = 0
    finished: int = 0
    lost: int = 0
    left: int = 0

    def __add__(self, other: Toll) -> Toll:
        theirs = asdict(other)
        return Toll(**{name: value + theirs[name] for name, value in asdict(self).items()})


@frozen
class Figures:
    """What happened.

    Attributes:
        outlived: experiments that went on when a kill had struck, and that had to be seen to their end.
        reattached: of these, those that a later controller waited for.
        reattached_live: how often a controller re-attached to an experiment that ran on after that, as
            the experiment's own clock shows; the same one may have outlived several.
        ended_alone: experiments that ended before a later controller came.
        lost: attempts that were made again.
        adopted: containers that a later controller took over.
        witnessed: runs that completed, by the witness file.
        cut: attempts that were killed between their last line and the note of their exit code.
        tolls: by kind of kill.
    """

    campaigns: int = 0
    kills: int = 0
    kills_under_keep: int = 0
    experiments: int = 0
    completed: int = 0
    failed: int = 0
    attempts: int = 0
    outlived: int = 0
    reattached: int = 0
    reattached_live: int = 0
    ended_alone: int = 0
    lost: int = 0
    adopted: int = 0
    witnessed: int = 0
    cut: int = 0
    tolls: Mapping[str, Toll] = field(factory=dict)

    def __add__(self, other: Figures) -> Figures:
        names = [name for name in asdict(self) if name != "tolls"]
        sums = {name: getattr(self, name) + getattr(other, name) for name in names}
        kinds = {**self.tolls, **other.tolls}
        tolls = {
            kind: self.tolls.get(kind, Toll()) + other.tolls.get(kind, Toll()) for kind in kinds
        }
        return Figures(**sums, tolls=tolls)

    def __str__(self) -> str:
        figures = asdict(self)
        del figures["tolls"]
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in figures.items())

    def table(self) -> str:
        """A line for each kind of kill."""
        heads = list(asdict(Toll()))
        lines = ["".join([f"{'kind of kill':30}", *(f"{head:>10}" for head in heads)])]
        for kind, toll in sorted(self.tolls.items()):
            lines.append("".join([f"{kind:30}", *(f"{n:>10}" for n in asdict(toll).values())]))
        return "\n".join(lines)


def judge(scene: Scene, storm: Storm, left: Iterable[str]) -> Figures:
    """Check everything, and count.

    Args:
        left: what of the campaign is on the engine or the machine now.

    Raises:
        AssertionError: something does not hold.
    """
    said = "\n".join(session.said for session in storm.sessions)
    assert "Traceback" not in said, said
    last = storm.sessions[-1]
    struck = {-SIGKILL, -SIGHUP, 128 + SIGHUP}  # when the campaign had just come to its end
    expected = int(bool(scene.failing()))
    assert last.exit_code == expected or last.exit_code in struck, last.said
    left = list(left)
    assert left == [], f"left: {left}"
    lines = _lines(scene.results / "results.jsonl")
    journal = _journal(scene)
    told = _history(scene, storm.environment)
    _one_outcome_each(scene, journal, told)
    _one_end_each(scene, journal, lines)
    exited = {_request(line) for line in lines if line["ending"] == "exited"}
    lost = {_request(line) for line in lines} - exited
    _by_the_witness(scene, exited, lost, lossless=not any(one.loses for one in storm.strikes))
    risked = frozenset[str]().union(*(one.running for one in storm.strikes if one.loses))
    outlived = frozenset[str]().union(*(one.running for one in storm.strikes)) - risked
    assert outlived <= exited, f"lost without need: {outlived - exited}"
    witness = scene.witness()
    completed = {entry.request: entry.uptime_s - _asleep_s() for entry in witness.completed}
    met = journal["reattached"]
    live = [request for request, at_s in met if request in completed and at_s < completed[request]]
    alone = [line for line in lines if _ALONE in line["reason"]]
    states = Counter(journal["outcomes"].values())
    return Figures(
        campaigns=1,
        kills=len(storm.strikes),
        kills_under_keep=len(storm.strikes) if scene.adopted else 0,
        experiments=scene.experiments,
        completed=states["completed"],
        failed=states["failed"],
        attempts=len(lines),
        outlived=len(outlived),
        reattached=len({request for request, _ in met} & outlived),
        reattached_live=len(live),
        ended_alone=len(alone),
        lost=len(lost),
        adopted=said.count(": adopted container "),
        witnessed=len({entry.run for entry in witness.completed}),
        cut=len({*completed} - exited),
        tolls=_tolls(storm.strikes, exited, lost),
    )


def _tolls(strikes: Iterable[Strike], exited: set[str], lost: set[str]) -> Mapping[str, Toll]:
    tolls: dict[str, Toll] = {}
    for one in strikes:
        finished, again = one.running & exited, one.running & lost
        toll = Toll(1, len(one.running), len(finished), len(again), int(one.left > 0))
        tolls[one.kind] = tolls.get(one.kind, Toll()) + toll
    return tolls


def _asleep_s() -> float:
    """How long this machine was suspended since its start: what two of its clocks differ by."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


def _request(line: Mapping[str, Any]) -> str:
    return f"{line['run']}.{line['attempt']}"


def _one_outcome_each(
    scene: Scene, journal: Mapping[str, Any], told: Iterable[Mapping[str, Any]]
) -> None:
    """Each experiment ends in exactly one outcome, the one that its own exit code means."""
    assert len(journal["runs"]) == scene.experiments
    expected = {run: "failed" if run in scene.failing() else "completed" for run in journal["runs"]}
    assert journal["outcomes"] == expected
    listed = [entry for entry in told if entry["kind"] == "outcome"]
    assert {entry["run"]: entry["state"] for entry in listed} == expected
    assert len(listed) == scene.experiments


def _one_end_each(
    scene: Scene, journal: Mapping[str, Any], lines: Iterable[Mapping[str, Any]]
) -> None:
    """Each attempt has one end and one line, which agree; of each experiment, one attempt exited."""
    written = [(line["run"], line["attempt"]) for line in lines]
    assert len(written) == len({*written})
    assert {
        (line["run"], line["attempt"]): (line["ending"], line["exit_code"]) for line in lines
    } == journal["attempts"]
    exited = Counter(line["run"] for line in lines if line["ending"] == "exited")
    assert exited == dict.fromkeys(journal["runs"], 1)
    endings = _ENDINGS if scene.live_restore else _ENDINGS | {"lost"}
    for line in lines:
        assert line["ending"] in endings, line
    codes = {line["run"]: line["exit_code"] for line in lines if line["ending"] == "exited"}
    assert {run for run, code in codes.items() if code} == scene.failing()


def _by_the_witness(scene: Scene, exited: set[str], lost: set[str], *, lossless: bool) -> None:
    """What experiments say of themselves: what is recorded as exited completed, and did so once."""
    witness = scene.witness()
    begun, completed = (
        [entry.request for entry in entries] for entries in (witness.begun, witness.completed)
    )
    assert len(begun) == len({*begun})
    assert len(completed) == len({*completed})
    assert exited <= {*completed}
    assert {*begun} <= exited | lost
    assert {entry.run for entry in witness.completed} == {_run(request) for request in exited}
    # Between its last line and the note of its exit code a command can still be killed.
    for request in sorted({*completed} - exited):
        codes = _noted_codes(scene, request)
        assert all((code.isdigit() and int(code) > _SIGNALLED) or rest for code, *rest in codes), (
            f"{request} completed with a note {codes}, and is recorded as lost"
        )
    if scene.adopted and lossless:
        # Every attempt that began was seen to its end, by some controller: nothing was run again.
        assert {*begun} == {*completed} == exited


def _noted_codes(scene: Scene, request: str) -> list[list[str]]:
    """What lies anywhere in the results as the exit code of an attempt, in words."""
    run, _, number = request.rpartition(".")
    return [
        file.read_text().split()
        for file in scene.results.rglob("exit_code")
        if file.parent.name == request or file.parts[-3:-1] == (run, f"attempt-{number}")
    ]


def _run(request: str) -> str:
    return request.rpartition(".")[0]


def _journal(scene: Scene) -> dict[str, Any]:
    with Journal.read(scene.results / FILE_NAME) as journal:
        journal.replay()
        assert not list(journal.open_attempts())
        outcomes = [(one.run, one.state) for one in journal.outcomes()]
        assert len(outcomes) == len(dict(outcomes))
        return {
            "runs": [run.id for run in journal.runs()],
            "outcomes": dict(outcomes),
            "attempts": {
                (one.run, one.number): (one.ending, one.exit_code) for one in journal.attempts()
            },
            "reattached": [
                (row.transition.reason, row.transition.uptime_s)
                for row in journal.transitions()
                if row.transition.event == "reattach"
            ],
        }


def _history(scene: Scene, environment: Mapping[str, str]) -> list[dict[str, Any]]:
    shown = subprocess.run(
        [sys.executable, "-c", _MAIN, "history", str(scene.results), "--json"],
        env=dict(environment),
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in shown.stdout.splitlines()]


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]
