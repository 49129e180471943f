"""Running again what has its outcome: the newest outcome counts, and the earlier one stays on record."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from engine.campaign.events import AttemptStarted, Event
from engine.campaign.execution.runner import CampaignRunner
from engine.campaign.persistence.results import Results
from engine.campaign.resumption.replay import run_course
from engine.campaign.resumption.resume import journaled, resume
from engine.campaign.resumption.resume_point import Standing, standing
from engine.campaign.runs.plan import plan
from engine.errors import LaunchFailed
from engine.journal import FILE_NAME, Journal, JournalReader
from engine.model.results import Ending
from engine.policy import RetryPolicy
from engine.util import virtual_clock
from tests.campaign.stage import Stage
from tests.fake_runtime import FakeRuntime

AT = datetime(2026, 1, 31, 10, 15, tzinfo=UTC)


def left(stage: Stage, *rerun: str) -> Standing | None:
    planned = plan(stage.campaign)
    return standing(stage.campaign, planned, planned, {}, rerun)


def session(stage: Stage, *rerun: str, interrupt_at: str = "") -> CampaignRunner:
    """Run the stage's campaign, or resume it."""
    found, planned = left(stage, *rerun), plan(stage.campaign)
    with ExitStack() as stack:
        earlier = None
        if found is None:
            results = stack.enter_context(Results.create(stage.campaign.results, AT))
            file = results.folder / FILE_NAME
            journal = stack.enter_context(Journal.create(file, campaign="stage", durable=False))
            journal.plan(journaled(planned))
        else:
            journal = stack.enter_context(Journal.open(found.folder / FILE_NAME, durable=False))
            results = stack.enter_context(Results.reopen(found.folder))
            journal.begin_session({})
            earlier = resume(stage.campaign, planned, journal, results)
            for run in found.rerun:
                earlier[run].run_again()
        runner = CampaignRunner(
            *(stage.campaign, stage.project, stage.fake, planned, results, journal, None, earlier)
        )
        stage.runner = runner
        runner.on_event(stage.events.append)

        def interrupt(event: Event) -> None:
            if isinstance(event, AttemptStarted) and event.run.id == interrupt_at:
                runner.interrupt()

        async def carry_out() -> None:
            if interrupt_at:  # it would run for ever
                stage.fake.will("execute", "beta", asyncio.get_running_loop().create_future())
            await runner.run()

        runner.on_event(interrupt)
        virtual_clock.run(carry_out())
    return runner


def outcomes(stage: Stage) -> list[tuple[str, int, str]]:
    with JournalReader.read(stage.campaign.results / "latest" / FILE_NAME) as journal:
        return [(one.run, one.turn, one.state) for one in journal.all_outcomes()]


@pytest.fixture
def failed(stage: Stage) -> Stage:
    """A campaign of four runs, of which the first on beta has failed."""
    stage.change(retry=RetryPolicy(2, frozenset({Ending.EXITED})))
    stage.fake.will("execute", "beta", 3, 3)
    session(stage)
    assert stage.states["beta-x"] == "failed"
    stage.fake = FakeRuntime()
    stage.events.clear()
    return stage


def test_only_what_has_come_to_that_outcome_is_run_again(failed: Stage) -> None:
    session(failed, "failed")
    assert failed.started == ["beta-x"]
    assert {*failed.states.values()} == {"completed"}


def test_attempts_are_numbered_on_and_the_earlier_outcome_stays(failed: Stage) -> None:
    session(failed, "failed")
    assert [one["attempt"] for one in failed.records if one["run"] == "beta-x"] == [1, 2, 3]
    assert [one for one in outcomes(failed) if one[0] == "beta-x"] == [
        ("beta-x", 1, "failed"),
        ("beta-x", 2, "completed"),
    ]
    (summed,) = [one for one in failed.runner.summary().outcomes if one.run == "beta-x"]
    assert (summed.state, summed.attempts, summed.reason) == ("completed", 3, "")


def test_the_retry_policy_counts_the_tries_of_the_new_turn(failed: Stage) -> None:
    failed.fake.will("execute", "beta", 3, 3)
    session(failed, "failed")
    assert [one["attempt"] for one in failed.records if one["run"] == "beta-x"] == [1, 2, 3, 4]
    assert failed.states["beta-x"] == "failed"
    session(failed, "failed")
    assert failed.states["beta-x"] == "completed"
    assert [turn for run, turn, _ in outcomes(failed) if run == "beta-x"] == [1, 2, 3]


def test_a_journal_with_turns_leads_through_the_table(failed: Stage) -> None:
    session(failed, "failed")
    with JournalReader.read(failed.campaign.results / "latest" / FILE_NAME) as journal:
        course = run_course(journal)
    assert {*course.here.values()} == {"completed"}
    assert sum(course.taken.values()) == 2 * len(failed.records)


def test_what_is_not_begun_again_keeps_its_outcome(failed: Stage) -> None:
    before = outcomes(failed)
    failed.fake.will("launch", "beta", LaunchFailed("beta", "no image", curable=False))
    session(failed, "failed")
    assert outcomes(failed) == before
    assert failed.states["beta-x"] == "failed"
    assert "not run again" in failed.reasons["beta-x"]


def test_a_reason_that_stands_is_told_once(failed: Stage) -> None:
    progress = failed.runner.progress["beta-x"]
    progress.run_again()
    progress.abandon(progress.reason)
    assert progress.reason == "exit code 3; not run again"


def test_interrupted_it_is_open_and_gone_on_with(failed: Stage) -> None:
    session(failed, "failed", interrupt_at="beta-x")
    with JournalReader.read(failed.campaign.results / "latest" / FILE_NAME) as journal:
        assert [one.id for one in journal.unsettled()] == ["beta-x"]
    failed.fake = FakeRuntime()
    session(failed)
    assert {*failed.states.values()} == {"completed"}
    assert ("beta-x", 2, "completed") in outcomes(failed)


def test_where_nothing_has_that_outcome_nothing_is_due(failed: Stage) -> None:
    found = left(failed, "lost")
    assert found is not None
    assert (found.rerun, len(found.settled), found.closed) == ((), 4, True)
