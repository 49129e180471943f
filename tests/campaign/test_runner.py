"""Running a campaign, on a runtime whose every answer the test decides."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import evolve

from engine.campaign.events import AttemptStarted, Event, Pausing, RunSettled
from engine.campaign.execution.runner import CampaignRunner
from engine.campaign.model import Experiment, Order, Pauses
from engine.campaign.persistence.results import Results
from engine.campaign.runs.plan import plan
from engine.controller import Controller
from engine.errors import (
    ComposeError,
    ContainerLost,
    DispatchError,
    ExecFailed,
    LaunchFailed,
    NotReady,
    RemovalFailed,
    RuntimeUnavailable,
    SetupError,
    StartError,
    TeardownError,
)
from engine.model.results import Ending, Transition
from engine.model.spec import Dependency, ServiceSpec
from engine.policy import RetryPolicy
from tests.campaign.stage import Stage

ALL_COMPLETED = dict.fromkeys(("alpha-x", "alpha-y", "beta-x", "beta-y"), "completed")


class TestWhenAllGoesWell:
    def test_every_run_completes_and_everything_is_taken_down(self, stage: Stage) -> None:
        assert stage.run() == ALL_COMPLETED
        assert stage.is_down()

    def test_only_the_needed_services_are_started(self, stage: Stage) -> None:
        stage.run()
        assert stage.fake.called("launch", "unused") == 0

    def test_each_attempt_is_recorded(self, stage: Stage) -> None:
        stage.run()
        assert sorted(record["run"] for record in stage.records) == sorted(ALL_COMPLETED)
        record = next(one for one in stage.records if one["run"] == "alpha-y")
        assert record["experiment"] == "y"
        assert record["command"] == ["run", "y"]
        assert (record["ending"], record["exit_code"], record["attempt"]) == ("exited", 0, 1)
        assert (record["generation"], record["since_restart"]) == (1, 1)
        assert record["container_id"].startswith("alpha-container")
        assert record["stdout"] == "alpha/alpha-y/attempt-1/stdout"
        assert (stage.runner.results.folder / record["stdout"]).exists()

    def test_values_of_variables_reach_the_backend_and_no_record(self, stage: Stage) -> None:
        stage.run()
        assert stage.fake.requests[0].environment == {"TOKEN": "hush"}
        written = [file.read_text() for file in stage.folder.rglob("*.json*")]
        assert written
        assert not any("hush" in text for text in written)

    def test_the_summary_is_written_too(self, stage: Stage) -> None:
        stage.run()
        summary = json.loads((stage.campaign.results / "latest" / "summary.json").read_text())
        assert (summary["total"], summary["counts"]["completed"]) == (4, 4)

    def test_one_at_a_time_keeps_the_order_of_the_plan(self, stage: Stage) -> None:
        stage.change(parallel=False, order=Order.INTERLEAVED)
        stage.run()
        assert stage.started == ["alpha-x", "beta-x", "alpha-y", "beta-y"]

    def test_a_lazy_start_waits_for_the_first_run(self, stage: Stage) -> None:
        stage.change(parallel=False, eager=False)
        stage.run()
        seen = [
            event.run.id if isinstance(event, RunSettled) else event.backend
            for event in stage.events
            if isinstance(event, RunSettled)
            or (isinstance(event, Transition) and event.event == "start")
        ]
        assert seen == ["alpha", "alpha-x", "alpha-y", "beta", "beta-x", "beta-y"]

    def test_pauses_lie_between_runs_and_not_after_the_last(self, stage: Stage) -> None:
        stage.change(parallel=False, pauses=Pauses(1e-3))
        stage.run()
        paused = [event.run.id for event in stage.events if isinstance(event, Pausing)]
        assert paused == ["alpha-y", "beta-x", "beta-y"]

    def test_a_listener_that_fails_stops_nothing(self, stage: Stage) -> None:
        def fail(event: Event) -> None:
            raise OSError(event)

        assert stage.run(fail) == ALL_COMPLETED


class TestRetries:
    def test_what_went_down_with_its_container_is_tried_again(self, stage: Stage) -> None:
        stage.fake.will("execute", "alpha", ContainerLost("alpha", "it went away"))
        assert stage.run() == ALL_COMPLETED
        lost, again = (record for record in stage.records if record["run"] == "alpha-x")
        assert (lost["ending"], lost["attempt"], lost["reason"]) == ("lost", 1, "it went away")
        assert (again["attempt"], again["generation"]) == (2, 2)
        assert again["restart_cause"] == "it went away"
        assert again["stdout"] == "alpha/alpha-x/attempt-2/stdout"

    def test_a_command_that_cannot_be_started_has_failed(self, stage: Stage) -> None:
        stage.fake.will("execute", "alpha", ExecFailed("alpha", "no such user", curable=False))
        assert stage.run() == {**ALL_COMPLETED, "alpha-x": "failed"}
        assert stage.reasons["alpha-x"] == "no such user"

    def test_what_could_not_be_handed_over_counts_as_lost(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        execute = Controller.execute
        refusals = iter([DispatchError("it takes no experiment now")])

        async def refuse_once(controller: Controller, *given: Any, **more: Any) -> Any:
            for refusal in refusals:
                raise refusal
            return await execute(controller, *given, **more)

        monkeypatch.setattr(Controller, "execute", refuse_once)
        assert stage.run() == ALL_COMPLETED
        first = next(record for record in stage.records if record["ending"] == "lost")
        assert (first["reason"], first["container_id"]) == ("it takes no experiment now", None)

    def test_an_exit_is_final_unless_the_policy_says_otherwise(self, stage: Stage) -> None:
        stage.fake.will("execute", "alpha", 3)
        assert stage.run() == {**ALL_COMPLETED, "alpha-x": "failed"}
        assert stage.reasons["alpha-x"] == "exit code 3"

    def test_an_exit_is_tried_again_where_the_policy_says_so(self, stage: Stage) -> None:
        stage.change(retry=RetryPolicy(3, frozenset({Ending.EXITED})))
        stage.fake.will("execute", "alpha", 3, 137, 0)
        assert stage.run() == ALL_COMPLETED

    @pytest.mark.parametrize(("code", "attempts"), [(75, 2), (1, 1)])
    def test_only_the_exit_codes_that_say_so_are_tried_again(
        self, stage: Stage, code: int, attempts: int
    ) -> None:
        stage.change(retry=RetryPolicy(2, exit_codes=frozenset({75})))
        stage.fake.will("execute", "alpha", code)
        stage.run()
        mine = [record for record in stage.records if record["run"] == "alpha-x"]
        assert len(mine) == attempts

    def test_attempts_run_out(self, stage: Stage) -> None:
        stage.change(retry=RetryPolicy(2, frozenset({Ending.EXITED})))
        stage.fake.will("execute", "alpha", 3, 137)
        assert stage.run()["alpha-x"] == "failed"
        assert stage.reasons["alpha-x"] == "exit code 137 (SIGKILL)"

    def test_lost_for_good(self, stage: Stage) -> None:
        stage.change(retry=RetryPolicy(1))
        stage.fake.will("execute", "alpha", ContainerLost("alpha", "it went away"))
        assert stage.run() == {**ALL_COMPLETED, "alpha-x": "lost"}


class TestBackendsThatFail:
    def test_one_that_does_not_start_has_its_runs_skipped(self, stage: Stage) -> None:
        stage.fake.will("launch", "alpha", LaunchFailed("alpha", "port taken", curable=False))
        states = stage.run()
        assert states == {**ALL_COMPLETED, "alpha-x": "skipped", "alpha-y": "skipped"}
        assert "port taken" in stage.reasons["alpha-y"]
        assert stage.is_down()

    def test_one_whose_image_cannot_be_had_does_not_hold_up_the_others(self, stage: Stage) -> None:
        failed = LaunchFailed("alpha", "no such image", curable=False)
        stage.fake.will("prepare", "beta,alpha", failed)
        assert stage.run() == {**ALL_COMPLETED, "alpha-x": "skipped", "alpha-y": "skipped"}
        assert stage.reasons["alpha-x"] == "no such image"

    def test_what_it_depends_on_is_named(self, stage: Stage) -> None:
        services = {
            **stage.project.services,
            "alpha": ServiceSpec("alpha", depends_on={"unused": Dependency()}),
        }
        stage.project = evolve(stage.project, services=services)
        stage.fake.will("launch", "unused", LaunchFailed("unused", "no disk", curable=False))
        assert stage.run()["alpha-x"] == "skipped"
        assert "alpha depends on unused, which is exhausted: no disk" in stage.reasons["alpha-x"]

    @pytest.mark.parametrize("eager", [True, False])
    def test_when_none_starts_that_is_an_error(self, stage: Stage, *, eager: bool) -> None:
        stage.change(eager=eager)
        for name in ("alpha", "beta"):
            stage.fake.will("launch", name, LaunchFailed(name, f"no {name}", curable=False))
        with pytest.raises(StartError) as raised:
            stage.run()
        assert raised.value.reasons.keys() == {"alpha", "beta"}
        assert stage.is_down()

    def test_one_that_is_exhausted_skips_what_remains(self, stage: Stage) -> None:
        lost = ContainerLost("alpha", "it went away")
        stage.fake.will("execute", "alpha", lost)
        stage.fake.will("gate", "alpha", None, *[NotReady("alpha", "sick")] * 2)
        assert stage.run() == {**ALL_COMPLETED, "alpha-x": "failed", "alpha-y": "skipped"}
        assert "restart budget is spent" in stage.reasons["alpha-y"]
        assert "it went away" in stage.reasons["alpha-x"]

    def test_too_large_a_share_of_failures_stops_the_campaign(self, stage: Stage) -> None:
        stage.change(parallel=False, stop_at_failure_share=0.25)
        stage.fake.will("execute", "alpha", 1)
        states = stage.run()
        assert [*states.values()] == ["failed", "skipped", "skipped", "skipped"]
        assert stage.reasons["beta-y"] == "1 of 4 failed, and stop_at_failure_share is 0.25"

    def test_a_share_that_is_reached_cuts_pauses_short(self, stage: Stage) -> None:
        stage.change(stop_at_failure_share=0.25, pauses=Pauses(3600))

        async def run() -> None:
            held = asyncio.get_running_loop().create_future()
            stage.fake.will("execute", "beta", held)

            def fail_beta(event: Event) -> None:
                if isinstance(event, Pausing):
                    held.set_result(1)

            with Results.create(stage.campaign.results, datetime.now(UTC)) as results:
                stage.runner = CampaignRunner(
                    stage.campaign, stage.project, stage.fake, plan(stage.campaign), results
                )
                stage.runner.on_event(fail_beta)
                await stage.runner.run()

        asyncio.run(run())
        assert stage.states == {
            "alpha-x": "completed",
            "alpha-y": "skipped",
            "beta-x": "failed",
            "beta-y": "skipped",
        }


class TestSetUpThatFails:
    def test_no_engine(self, stage: Stage) -> None:
        stage.fake.will("open", "", RuntimeUnavailable("no engine answers"))
        with pytest.raises(RuntimeUnavailable):
            stage.run()

    def test_an_unknown_service(self, stage: Stage) -> None:
        stage.change(experiments=(Experiment("x", ("gamma",), ("run",)),))
        with pytest.raises(ComposeError):
            stage.run()
        assert not stage.fake.calls

    def test_results_that_cannot_be_written(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise SetupError("the disk is full")

        monkeypatch.setattr(Results, "write", full)
        with pytest.raises(SetupError):
            stage.run()
        assert stage.is_down()

    def test_what_cannot_be_removed_is_told_once_all_is_recorded(self, stage: Stage) -> None:
        stage.fake.will("remove", "alpha", RemovalFailed("alpha", "stuck"))
        with pytest.raises(TeardownError):
            stage.run()
        assert stage.states == ALL_COMPLETED
        assert len(stage.records) == 4


class TestInterrupts:
    def held(self, stage: Stage, on_event: Callable[[Event], None]) -> None:
        """Run the campaign with experiments that do not end by themselves."""

        async def run() -> None:
            loop = asyncio.get_running_loop()
            for name in ("alpha", "beta"):
                stage.fake.will("execute", name, loop.create_future())
            with Results.create(stage.campaign.results, datetime.now(UTC)) as results:
                stage.runner = CampaignRunner(
                    stage.campaign, stage.project, stage.fake, plan(stage.campaign), results
                )
                stage.runner.on_event(on_event)
                await stage.runner.run()

        asyncio.run(run())

    @pytest.mark.parametrize(("force", "code"), [(False, 143), (True, 137)])
    def test_what_runs_is_ended_recorded_and_taken_down(
        self, stage: Stage, *, force: bool, code: int
    ) -> None:
        started = []

        def interrupt(event: Event) -> None:
            started.extend([event] if isinstance(event, AttemptStarted) else [])
            if len(started) == 2:
                asyncio.get_running_loop().call_soon(lambda: stage.runner.interrupt(force=force))

        self.held(stage, interrupt)
        assert set(stage.states.values()) == {"pending"}
        assert stage.runner.summary().interrupted
        assert {record["ending"] for record in stage.records} == {"interrupted"}
        assert len(stage.records) == 2
        assert stage.is_down()
        assert {record["exit_code"] for record in stage.records} == {code}

    def test_during_a_pause(self, stage: Stage) -> None:
        stage.change(pauses=Pauses(3600))

        def interrupt(event: Event) -> None:
            if isinstance(event, Pausing):
                stage.runner.interrupt()

        stage.run(interrupt)
        assert stage.states["alpha-y"] == "pending"
        assert stage.is_down()

    def test_during_the_start(self, stage: Stage) -> None:
        def interrupt(event: Event) -> None:
            if isinstance(event, Transition) and event.event == "start":
                stage.runner.interrupt()

        stage.run(interrupt)
        assert set(stage.states.values()) == {"pending"}
        assert not stage.started
        assert stage.is_down()

    def test_a_cancelled_caller_leaves_nothing_behind(self, stage: Stage) -> None:
        def cancel(event: Event) -> None:
            if isinstance(event, AttemptStarted):
                for task in asyncio.all_tasks():
                    if task.get_coro().__qualname__.endswith("held.<locals>.run"):  # type: ignore[union-attr]
                        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            self.held(stage, cancel)
        assert stage.is_down()
        assert "interrupted" in {record["ending"] for record in stage.records}


@pytest.mark.parametrize(("keep", "hold"), [(False, "watchdog"), (True, None)])
def test_a_watchdog_is_the_default_unless_containers_are_to_stay(
    stage: Stage, *, keep: bool, hold: str | None
) -> None:
    stage.change(keep=keep)
    stage.run()
    assert stage.runner.controller.hold == hold
