"""What is said of a campaign in the end, and how long it is thought to take."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from attrs import evolve

from engine.backend.machine import Machine
from engine.campaign.model import Campaign, Experiment, Pauses
from engine.campaign.planning.eta import eta_s
from engine.campaign.runs.plan import plan
from engine.campaign.runs.progress import Progress
from engine.campaign.runs.summary import BackendSummary, Outcome, Summary, human_s
from states import EXPERIMENT
from tests.campaign.test_records import RECORD

AT = datetime(2026, 1, 31, tzinfo=UTC)

SUMMARY = Summary(
    campaign="c",
    runtime="docker engine 1 at unix:///run/docker.sock",
    results="/results/1",
    started_at=AT,
    ended_at=AT + timedelta(seconds=90),
    interrupted=False,
    outcomes=(
        Outcome("a-x", "x", "a", "completed", 1, "", 2.0, "a/a-x/1/stdout", "a/a-x/1/stderr"),
        Outcome("a-y", "y", "a", "failed", 2, "exit code 3", 3.0, "out", "a/a-y/2/stderr"),
        Outcome("b-x", "x", "b", "skipped", reason="its backend is exhausted"),
        Outcome("b-y", "y", "b", "skipped", reason="its backend is exhausted"),
        Outcome("b-z", "z", "b", "retrying", 1, "it went away"),
    ),
    backends=(BackendSummary("a", 2, 1, 5.0, 1), BackendSummary("b", 3, 0, 0.0, 0)),
)


def test_as_text() -> None:
    assert SUMMARY.to_text().splitlines() == [
        "c: 1 completed, 1 failed, 2 skipped, 1 unfinished, of 5, in 1 min 30 s",
        "  a: 1 of 2 completed, 5.0 s in experiments, 1 restart",
        "  b: 0 of 3 completed, 0.0 s in experiments",
        "  a-y failed after 2 attempts: exit code 3",
        "    a/a-y/2/stderr",
        "  b: 2 skipped: its backend is exhausted",
        "  runtime: docker engine 1 at unix:///run/docker.sock",
        "  results: /results/1",
    ]


def test_restarts_that_were_asked_for_are_told_apart() -> None:
    backends = (BackendSummary("a", 1, 1, 5.0, 2, 1), BackendSummary("b", 1, 1, 5.0, 0, 24))
    lines = evolve(SUMMARY, backends=backends).to_text().splitlines()
    assert lines[1].endswith("in experiments, 2 restarts, renewed 1 time on request")
    assert lines[2].endswith("in experiments, renewed 24 times on request")


@pytest.mark.parametrize(
    ("count", "wording"), [(1, "1 repeat not needed"), (2, "2 repeats not needed")]
)
def test_repeats_that_were_not_needed(count: int, wording: str) -> None:
    needless = Outcome("a-x", "x", "a", "skipped", reason="not needed: v is 5")
    summary = evolve(SUMMARY, outcomes=(needless,) * count)
    assert f"  a: {wording}: v is 5" in summary.to_text()
    assert summary.counted == ()


def test_of_many_failures_only_some_are_listed() -> None:
    many = tuple(evolve(SUMMARY.outcomes[1], run=f"a-{n}", stderr=None) for n in range(50))
    text = evolve(SUMMARY, outcomes=many).to_text()
    assert text.count("exit code 3") == 20
    assert "and 30 more; see summary.json" in text


def test_for_programs() -> None:
    plain = SUMMARY.to_dict()
    assert plain["counts"] == {
        "completed": 1,
        "failed": 1,
        "skipped": 2,
        "lost": 0,
        "unfinished": 1,
    }
    assert (plain["total"], plain["duration_s"]) == (5, 90.0)
    assert plain["started_at"] == "2026-01-31T00:00:00+00:00"
    assert plain["runs"][1]["reason"] == "exit code 3"
    assert plain["backends"][0]["restarts"] == 1


def test_whether_all_completed() -> None:
    assert not SUMMARY.all_completed
    assert evolve(SUMMARY, outcomes=SUMMARY.outcomes[:1]).all_completed


@pytest.mark.parametrize(
    ("seconds", "wording"),
    [
        (0, "0.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (185, "3 min 05 s"),
        (3599.7, "1 h 00 min"),
        (3720, "1 h 02 min"),
    ],
)
def test_durations_for_people(seconds: float, wording: str) -> None:
    assert human_s(seconds) == wording


class TestEta:
    CAMPAIGN = Campaign(
        file="c.yml",
        name="c",
        compose_file=Path("/c/compose.yml"),
        results=Path("/c/results"),
        experiments=tuple(Experiment(name, ("a", "b"), ("run",)) for name in "xyz"),
    )

    def begun(self, campaign: Campaign) -> dict[str, Progress]:
        machine = Machine(EXPERIMENT)
        return {run.id: Progress(run, machine.instance()) for run in plan(campaign)}

    def complete(self, progress: Progress, seconds: float) -> None:
        progress.dispatch(0)
        progress.conclude(evolve(RECORD, duration_s=seconds), again=False)

    def test_nothing_is_known_at_first(self) -> None:
        assert eta_s(self.CAMPAIGN, self.begun(self.CAMPAIGN).values(), 0) is None

    def test_the_longest_queue_decides(self) -> None:
        begun = self.begun(self.CAMPAIGN)
        self.complete(begun["a-x"], 10)
        self.complete(begun["b-x"], 4)
        assert eta_s(self.CAMPAIGN, begun.values(), 0) == 20

    def test_one_at_a_time_takes_as_long_as_all(self) -> None:
        campaign = evolve(self.CAMPAIGN, parallel=False, pauses=Pauses(1))
        begun = self.begun(campaign)
        self.complete(begun["a-x"], 10)
        assert eta_s(campaign, begun.values(), 0) == 5 * 10 + 4

    def test_what_runs_already_takes_less(self) -> None:
        begun = self.begun(self.CAMPAIGN)
        self.complete(begun["a-x"], 10)
        self.complete(begun["b-x"], 10)
        begun["a-y"].dispatch(100)
        begun["b-y"].dispatch(100)
        assert eta_s(self.CAMPAIGN, begun.values(), 104) == 16
