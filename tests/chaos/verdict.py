"""What must hold of a campaign that was killed again and again, and what is counted on the way."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from signal import SIGKILL
from typing import Any, Final

from attrs import asdict, frozen

from engine.journal import FILE_NAME, Journal
from tests.chaos.scene import Scene
from tests.chaos.storm import Session

__all__ = ["Figures", "judge"]

_MAIN: Final = "from engine.cli import main; main()"
_ALONE: Final = "ended without its controller"


@frozen
class Figures:
    """What happened.

    Attributes:
        kills_under_keep: of the kills, those of controllers whose containers are adopted by the next.
        outlived: experiments that went on when their controller was killed.
        reattached: of these, those that a later controller waited for.
        reattached_live: how often a controller re-attached to an experiment that ran on after that, as
            the experiment's own clock shows; the same one may have outlived several.
        ended_alone: of these, those that ended before a later controller came.
        lost: attempts that went down with their controller, and were made again.
        adopted: containers that a later controller took over.
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

    def __add__(self, other: Figures) -> Figures:
        theirs = asdict(other)
        return Figures(**{name: value + theirs[name] for name, value in asdict(self).items()})

    def __str__(self) -> str:
        return ", ".join(
            f"{name.replace('_', ' ')} {value}" for name, value in asdict(self).items()
        )


def judge(
    scene: Scene, sessions: Iterable[Session], left: Iterable[str], environment: Mapping[str, str]
) -> Figures:
    """Check everything, and count.

    Args:
        left: what of the campaign is on the engine or the machine now.

    Raises:
        AssertionError: something does not hold.
    """
    sessions = list(sessions)
    said = "\n".join(session.said for session in sessions)
    assert "Traceback" not in said, said
    expected = -SIGKILL if sessions[-1].killed else 1 if scene.failing() else 0
    assert sessions[-1].exit_code == expected, sessions[-1].said
    left = list(left)
    assert left == [], f"left: {left}"
    lines = _lines(scene.results / "results.jsonl")
    journal = _journal(scene)
    told = _history(scene, environment)
    _one_outcome_each(scene, journal, told)
    _one_end_each(scene, journal, lines)
    outlived = frozenset[str]().union(*(one.outlived for one in sessions if one.killed))
    _nothing_run_twice(scene, lines, outlived)
    kills = sum(one.killed for one in sessions)
    ended = {entry.request: entry.at for entry in scene.page().ended}
    met = journal["reattached"]
    live = [request for request, at in met if request in ended and at < ended[request]]
    endings = Counter(line["ending"] for line in lines)
    alone = [line for line in lines if _ALONE in line["reason"]]
    states = Counter(journal["outcomes"].values())
    return Figures(
        campaigns=1,
        kills=kills,
        kills_under_keep=kills if scene.adopted else 0,
        experiments=scene.experiments,
        completed=states["completed"],
        failed=states["failed"],
        attempts=len(lines),
        outlived=len(outlived),
        reattached=len({request for request, _ in met} & outlived),
        reattached_live=len(live),
        ended_alone=len(alone),
        lost=endings["interrupted"],
        adopted=said.count(": adopted container "),
    )


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
    assert {line["ending"] for line in lines} <= {"exited", "interrupted"}
    codes = {line["run"]: line["exit_code"] for line in lines if line["ending"] == "exited"}
    assert {run for run, code in codes.items() if code} == scene.failing()


def _nothing_run_twice(
    scene: Scene, lines: Iterable[Mapping[str, Any]], outlived: frozenset[str]
) -> None:
    """What experiments say of themselves: what is recorded as exited ran to its end, and ran once."""
    page = scene.page()
    began, ended = ([entry.request for entry in entries] for entries in (page.began, page.ended))
    exited = {f"{line['run']}.{line['attempt']}" for line in lines if line["ending"] == "exited"}
    lost = {f"{line['run']}.{line['attempt']}" for line in lines if line["ending"] != "exited"}
    assert len(began) == len({*began})
    assert len(ended) == len({*ended})
    assert exited <= {*ended}
    assert {*began} <= exited | lost
    if scene.adopted:
        # Whatever began was seen to its end, by whichever controller: nothing was run again.
        assert {*began} == {*ended} == exited
        assert outlived <= exited


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
                (row.transition.reason, row.transition.at)
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
