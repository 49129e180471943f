"""Resuming a campaign, wherever its controller died."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from engine.campaign.execution.handover import heritages
from engine.campaign.execution.runner import CampaignRunner
from engine.campaign.model import Experiment
from engine.campaign.persistence.results import Results
from engine.campaign.resumption.resume import journaled, resume
from engine.campaign.resumption.resume_point import Standing, standing
from engine.campaign.runs.attempt_record import AttemptRecord
from engine.campaign.runs.plan import plan
from engine.campaign.runs.progress import Progress
from engine.errors import ContainerLost, JournalCorrupt, RemovalFailed
from engine.journal import FILE_NAME, Journal
from engine.model.results import Ending, Transition
from engine.model.spec import GpuRequest
from engine.policy import RetryPolicy
from engine.runtimes.base import Container
from engine.util import virtual_clock
from engine.util.clock import uptime_s
from tests.campaign.stage import Stage
from tests.engine.spools import spool_in
from tests.fake_runtime import FakeRuntime

AT = datetime(2026, 1, 31, 10, 15, tzinfo=UTC)
STUCK = RemovalFailed("alpha", "stuck")


def look(stage: Stage, **digests: str) -> Standing | None:
    planned = plan(stage.campaign)
    return standing(stage.campaign, planned, planned, digests)


def carry_out(
    stage: Stage,
    *,
    fresh: bool = False,
    aside: Callable[[CampaignRunner], object] = lambda _runner: None,
) -> CampaignRunner:
    """Run the stage's campaign, or what is left of it, with a journal; ``aside`` begins on its loop."""

    async def session() -> None:
        aside(stage.runner)
        await stage.runner.run()

    stage.fake = FakeRuntime() if not fresh else stage.fake
    left = None if fresh else look(stage)
    with ExitStack() as stack:
        earlier: dict[str, Progress] | None = None
        if left is None:
            results = stack.enter_context(Results.create(stage.campaign.results, AT))
            file = results.folder / FILE_NAME
            journal = stack.enter_context(Journal.create(file, campaign="stage", durable=False))
            journal.plan(journaled(plan(stage.campaign)))
        else:
            file = left.folder / FILE_NAME
            journal = stack.enter_context(Journal.open(file, durable=False))
            results = stack.enter_context(Results.reopen(left.folder))
            journal.begin_session({})
            earlier = resume(stage.campaign, plan(stage.campaign), journal, results)
        stage.runner = CampaignRunner(
            *(stage.campaign, stage.project, stage.fake, plan(stage.campaign)),
            *(results, journal, None, earlier),
        )
        stage.runner.on_event(stage.events.append)
        virtual_clock.run(session())
    return stage.runner


def attempts_and_outcomes(stage: Stage) -> tuple[dict[tuple[str, int], str | None], dict[str, str]]:
    """What the journal tells: how each attempt ended, and what became of each run."""
    with Journal.read(stage.campaign.results / "latest" / FILE_NAME) as journal:
        attempts = {(one.run, one.number): one.ending for one in journal.attempts()}
        return attempts, {one.run: one.state for one in journal.outcomes()}


class TestKilledBetweenAnyTwoWrites:
    """Each state of the folder that a kill could leave is copied while a campaign runs undisturbed."""

    @pytest.fixture
    def copies(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
        made: list[Path] = []

        def copy() -> None:
            made.append(stage.folder / f"copy-{len(made)}")
            shutil.copytree(stage.campaign.results, made[-1], symlinks=True)

        def before(kind: type, name: str, also: Callable[..., None] = lambda *_: None) -> None:
            method = getattr(kind, name)

            def wrapped(self: Any, *arguments: Any) -> Any:
                copy()
                also(*arguments)
                return method(self, *arguments)

            monkeypatch.setattr(kind, name, wrapped)

        def half_a_line(record: AttemptRecord) -> None:
            copy()
            with (made[-1] / "latest" / "results.jsonl").open("a") as lines:
                lines.write(record.to_json()[:70])

        before(Journal, "_write")
        before(Results, "write", half_a_line)
        stage.change(retry=RetryPolicy(3, frozenset({Ending.LOST, Ending.EXITED})))
        stage.fake.will("execute", "beta", 3)
        carry_out(stage, fresh=True)
        copy()
        monkeypatch.undo()
        return made

    def test_it_is_gone_on_with_to_the_same_end(self, stage: Stage, copies: list[Path]) -> None:
        kinds = Counter(self.check(stage, copy) for copy in copies)
        assert kinds["resumed"] > 50
        assert kinds["new"] > 1
        assert kinds["settled"] == 1

    def check(self, stage: Stage, copy: Path) -> str:
        """Resume a copy, and check that all is as it should be; say what there was to do."""
        stage.change(results=copy)
        left = look(stage)
        if left is None:
            there = (copy / "latest" / FILE_NAME).exists()
            return "settled" if there and len(attempts_and_outcomes(stage)[1]) == 4 else "new"
        runner = carry_out(stage)
        assert {one.state for one in runner.progress.values()} == {"completed"}
        attempts, outcomes = attempts_and_outcomes(stage)
        assert outcomes == dict.fromkeys(runner.progress, "completed")
        lines = {(line["run"], line["attempt"]): line["ending"] for line in stage.records}
        assert lines == attempts
        assert len(stage.records) == len(lines)
        done = [line["run"] for line in stage.records if line["exit_code"] == 0]
        assert sorted(done) == sorted(outcomes)
        assert runner.summary().resumed
        assert runner.summary().all_completed
        return "resumed"

    def test_and_again_while_it_is_gone_on_with(
        self, stage: Stage, copies: list[Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Cut short before the first line that it writes, it can still be resumed."""

        class KilledError(Exception):
            pass

        def killed(*_: object) -> None:
            raise KilledError

        for copy in copies[::3]:
            stage.change(results=copy)
            if look(stage) is not None:
                monkeypatch.setattr(Results, "write", killed)
                with contextlib.suppress(KilledError):  # there may have been nothing to write
                    carry_out(stage)
                monkeypatch.undo()
                self.check(stage, copy)


class Left:
    """A folder as a dead controller has left it, written by hand: alpha-x, alpha-y, beta-x, beta-y."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        with Results.create(stage.campaign.results, AT) as results:
            self.folder = results.folder
        self.journal = Journal.create(
            self.folder / FILE_NAME,
            campaign="stage",
            digests={"campaign": "1", "service alpha": "1", "experiment alpha-x": "1"},
            durable=False,
        )
        self.journal.plan(journaled(plan(stage.campaign)))

    def up(self, backend: str) -> None:
        """A container was started for a backend."""
        self.went(backend, "stopped start starting", "launch")

    def went(
        self, backend: str, edge: str, action: str | None, container_id: str | None = None
    ) -> None:
        """A backend took an edge."""
        source, event, target = edge.split()
        self.journal.transition(
            Transition(AT, backend, event, source, target, action, "why", 1, container_id)
        )

    def begun(self, run: str, number: int, container_id: str | None = None) -> Path:
        backend = run.partition("-")[0]
        folder = f"{backend}/{run}/attempt-{number}"
        self.journal.attempt_begun(
            *(run, number),
            backend=backend,
            request=f"{run}.{number}",
            folder=folder,
            at=AT,
            container_id=container_id,
        )
        (self.folder / folder).mkdir(parents=True)
        (self.folder / folder / "stdout").write_text("half\nway\n")
        (self.folder / folder / "exit_code").touch()
        return self.folder / folder

    def ended(self, run: str, *endings: str, code: int | None = None) -> None:
        for number, ending in enumerate(endings, start=1):
            self.begun(run, number)
            self.journal.attempt_ended(run, number, ending=ending, exit_code=code)

    def resume(self) -> dict[str, Progress]:
        self.journal.close()
        with (
            Journal.open(self.folder / FILE_NAME, durable=False) as journal,
            Results.reopen(self.folder) as results,
        ):
            journal.begin_session({})
            return resume(self.stage.campaign, plan(self.stage.campaign), journal, results)


@pytest.fixture
def left(stage: Stage) -> Iterator[Left]:
    left = Left(stage)
    with closing(left.journal):
        yield left


class TestAnAttemptThatWasUnderWay:
    @pytest.mark.parametrize(("code", "state"), [(0, "completed"), (3, "failed")])
    def test_that_ended_meanwhile_is_taken(self, left: Left, code: int, state: str) -> None:
        (left.begun("alpha-x", 1) / "exit_code").write_text(f"{code}\n")
        assert left.resume()["alpha-x"].state == state
        (record,) = left.stage.records
        assert (record["ending"], record["exit_code"]) == ("exited", code)
        assert record["started_at"] == AT.isoformat()
        assert record["stdout_lines"] == ["half", "way"]
        assert "without its controller" in record["reason"]
        attempts, outcomes = attempts_and_outcomes(left.stage)
        assert attempts == {("alpha-x", 1): "exited"}
        assert outcomes == {"alpha-x": state}

    @pytest.mark.parametrize("noted", ["", "\n", "-1", "256", "zero", "\0"])
    def test_that_has_no_exit_code_is_tried_again(self, left: Left, noted: str) -> None:
        (left.begun("alpha-x", 1) / "exit_code").write_text(noted)
        assert left.resume()["alpha-x"].state == "pending"
        (record,) = left.stage.records
        assert (record["ending"], record["duration_s"]) == ("interrupted", None)
        assert record["reason"] == "its controller died under it"
        carry_out(left.stage)
        assert [line["attempt"] for line in left.stage.records if line["run"] == "alpha-x"] == [
            1,
            2,
        ]

    @pytest.mark.parametrize("code", ["0", ""])
    def test_whose_teardown_did_not_run_says_so(self, left: Left, code: str) -> None:
        x, y = left.stage.campaign.experiments
        left.stage.change(experiments=(evolve(x, teardown=("clear",)), y))
        (left.begun("alpha-x", 1) / "exit_code").write_text(code)
        left.resume()
        (record,) = left.stage.records
        assert record["warnings"] == ["its teardown did not run: its controller died under it"]

    def test_whose_teardown_ran_says_nothing(self, left: Left) -> None:
        x, y = left.stage.campaign.experiments
        left.stage.change(experiments=(evolve(x, teardown=("clear",)), y))
        folder = left.begun("alpha-x", 1)
        (folder / "exit_code").write_text("0")
        folder.with_name("attempt-1-teardown").mkdir()
        left.resume()
        (record,) = left.stage.records
        assert record["warnings"] == []

    def test_an_exit_code_that_leads_elsewhere_is_none(self, left: Left, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("0\n")
        noted = left.begun("alpha-x", 1) / "exit_code"
        noted.unlink()
        noted.symlink_to(tmp_path / "secret")
        assert left.resume()["alpha-x"].state == "pending"

    @pytest.mark.parametrize("noted", ["137", "143", "0 signalled"])
    def test_that_may_have_been_killed_with_its_controller_is_tried_again(
        self, left: Left, noted: str
    ) -> None:
        (left.begun("alpha-x", 1) / "exit_code").write_text(f"{noted}\n")
        assert left.resume()["alpha-x"].state == "pending"

    def test_what_a_dead_controller_lost_costs_no_attempt(self, left: Left) -> None:
        left.stage.change(retry=RetryPolicy(1))
        left.begun("alpha-x", 1)
        assert left.resume()["alpha-x"].state == "pending"
        carry_out(left.stage)
        assert left.stage.states["alpha-x"] == "completed"
        assert left.stage.runner.progress["alpha-x"].attempts == 2

    def test_what_was_lost_with_its_container_costs_one_however_often_a_controller_died(
        self, left: Left
    ) -> None:
        left.stage.change(retry=RetryPolicy(2))
        left.ended("alpha-x", "interrupted", "lost", "interrupted")
        left.begun("alpha-x", 4)
        progress = left.resume()["alpha-x"]
        assert (progress.state, progress.interrupted) == ("retrying", 3)
        lost = ContainerLost("alpha", "it went away")
        carry_out(left.stage, aside=lambda _: left.stage.fake.will("execute", "alpha", lost))
        assert left.stage.states["alpha-x"] == "lost"

    def test_interrupted_ones_do_not_count(self, left: Left) -> None:
        left.ended("alpha-x", "interrupted", "interrupted", "interrupted")
        left.begun("alpha-x", 4)
        progress = left.resume()["alpha-x"]
        assert (progress.state, progress.attempts, progress.interrupted) == ("pending", 4, 4)
        carry_out(left.stage)
        assert left.stage.states["alpha-x"] == "completed"
        assert left.stage.runner.progress["alpha-x"].attempts == 5


class TestWhatAnotherExperimentPlanted:
    """In results of version 0.1, whose folders containers could write to."""

    @pytest.mark.parametrize("place", ["alpha", "alpha/alpha-x", "alpha/alpha-x/attempt-1"])
    @pytest.mark.parametrize("kind", ["folder", "file", "link", "pipe"])
    def test_in_the_place_of_a_result_it_is_put_aside(
        self, left: Left, tmp_path: Path, place: str, kind: str
    ) -> None:
        host = tmp_path / "host"
        host.mkdir()
        planted = left.folder / place
        planted.parent.mkdir(parents=True, exist_ok=True)
        match kind:
            case "folder":
                planted.mkdir()
                (planted / "exit_code").write_text("0\n")
            case "file":
                planted.write_text("planted")
            case "link":
                planted.symlink_to(host)
            case _:
                os.mkfifo(planted)
        left.journal.close()
        carry_out(left.stage)
        assert set(left.stage.states.values()) == {"completed"}
        for record in left.stage.records:
            assert (left.folder / record["stdout"]).is_file()
        assert list(host.iterdir()) == []
        if kind != "folder" or place.endswith("attempt-1"):
            assert len(list(planted.parent.glob(".aside-*"))) == 1

    def test_a_note_of_an_end_does_not_count_beside_the_attempts_own_slot(self, left: Left) -> None:
        (left.begun("alpha-x", 1) / "exit_code").write_text("0\n")
        spool = spool_in(left.folder)
        spool.begin("alpha-x.1").close()
        assert left.resume()["alpha-x"].state == "pending"
        (record,) = left.stage.records
        assert (record["ending"], record["exit_code"]) == ("interrupted", None)

    def test_a_time_that_it_cannot_have_run_is_none(self, left: Left) -> None:
        left.begun("alpha-x", 1)
        slot = spool_in(left.folder).begin("alpha-x.1")
        (slot.folder / "exit_code").write_text("0\n")
        os.utime(slot.folder / "started", (0, 0))
        slot.close()
        left.resume()
        (record,) = left.stage.records
        assert (record["exit_code"], record["ran_from"], record["ran_until"]) == (0, None, None)

    @pytest.mark.parametrize("at", [0, 2**32])
    def test_times_are_kept_within_what_is_known(self, left: Left, at: int) -> None:
        left.begun("alpha-x", 1)
        slot = spool_in(left.folder).begin("alpha-x.1")
        (slot.folder / "exit_code").write_text("0\n")
        for name in ("started", "exit_code"):
            os.utime(slot.folder / name, (at, at))
        slot.close()
        left.resume()
        (record,) = left.stage.records
        times = [record[name] for name in ("started_at", "ran_from", "ran_until", "ended_at")]
        assert times == sorted(times)
        assert times[0] == AT.isoformat()
        assert datetime.fromisoformat(times[-1]) <= datetime.now(UTC)


class TestWhatAnEarlierSessionHasLeftUp:
    @pytest.fixture
    def up(self, left: Left) -> Left:
        """Alpha has done all it had to; beta is in the middle of its first run."""
        for backend in ("alpha", "beta"):
            left.up(backend)
        for run in ("alpha-x", "alpha-y"):
            left.ended(run, "exited", code=0)
            left.journal.outcome(run, "completed")
        left.begun("beta-x", 1, container_id="beta-left")
        left.journal.close()
        return left

    def test_what_cannot_be_removed_holds_up_nobody(self, up: Left) -> None:
        carry_out(up.stage, aside=lambda _: up.stage.fake.will("remove", "alpha", STUCK))
        assert set(up.stage.states.values()) == {"completed"}
        assert up.stage.fake.called("remove", "alpha") == 2

    def test_an_exclusive_backend_waits_until_it_is_gone(self, up: Left) -> None:
        up.stage.change(exclusive=True, eager=False, parallel=False)
        carry_out(up.stage, aside=lambda _: up.stage.fake.will("remove", "alpha", STUCK, STUCK))
        assert up.stage.states["beta-x"] == "skipped"
        assert "not alone on the machine: alpha: stuck" in up.stage.reasons["beta-x"]
        assert up.stage.states["beta-y"] == "completed"

    def test_an_interrupt_before_it_is_found_ends_an_attempt_that_was_under_way(
        self, up: Left
    ) -> None:
        def aside(runner: CampaignRunner) -> None:
            loop = asyncio.get_running_loop()
            up.stage.fake.will("remove", "alpha", loop.create_future())
            loop.call_later(1, runner.interrupt)

        carry_out(up.stage, aside=aside)
        assert up.stage.states["beta-x"] == "pending"
        assert attempts_and_outcomes(up.stage)[0][("beta-x", 1)] == "interrupted"
        assert up.stage.fake.called("remove", "beta") == 1


def test_what_outlives_its_controller_has_its_teardown(left: Left) -> None:
    x, y = left.stage.campaign.experiments
    left.stage.change(experiments=(evolve(x, teardown=("clear",)), y))
    found = Container("alpha", "c1", started_at="start 1")
    left.up("alpha")
    left.went("alpha", "starting proved_ready ready", None, "c1")
    left.went("alpha", "ready dispatch busy", "execute", "c1")
    left.begun("alpha-x", 1, "c1")
    left.journal.close()
    carry_out(left.stage, aside=lambda _: left.stage.fake.will("adopt", "alpha", found))
    ran = [one.id for one in left.stage.fake.requests if one.id.startswith("alpha-x.1")]
    assert ran == ["alpha-x.1", "alpha-x.1.teardown"]
    record = left.stage.records[0]
    assert (record["run"], record["attempt"]) == ("alpha-x", 1)
    assert "its teardown" not in str(record["warnings"])


def test_restarts_before_a_container_was_found_are_among_those_that_are_handed_on(
    left: Left,
) -> None:
    def recovers(container_id: str | None) -> None:
        left.went("alpha", "starting fault unhealthy", None, container_id)
        left.went("alpha", "unhealthy recover restarting", "relaunch", container_id)

    left.up("alpha")
    recovers("one")
    for found in ("one", "another"):
        left.journal.begin_session({})
        left.up("alpha")
        recovers(None)
        left.went("alpha", "restarting proved_ready ready", None, found)
        known = heritages(left.stage.campaign, left.journal, (), left.folder, now=AT)
        assert len(known["alpha"].restarts_ago_s) == (2 if found == "one" else 1)


@pytest.mark.parametrize("set_by_s", [-7200, 7200], ids=["back", "forward"])
def test_how_long_ago_things_were_does_not_change_when_the_clock_is_set(
    left: Left, set_by_s: float
) -> None:
    container = "one"
    left.up("alpha")
    edge = ("recover", "unhealthy", "restarting", "relaunch", "why")
    left.journal.transition(Transition(AT, "alpha", *edge, 1, container, uptime_s=uptime_s() - 60))
    left.journal.attempt_begun(
        *("alpha-x", 1),
        backend="alpha",
        request="alpha-x.1",
        folder="alpha/alpha-x/attempt-1",
        at=AT,
        uptime_s=uptime_s() - 30,
        container_id=container,
    )
    progress = left.resume()
    with Journal.read(left.folder / FILE_NAME) as journal:
        now = AT + timedelta(seconds=set_by_s)
        busy = [one for one in progress.values() if one.under_way]
        known = heritages(left.stage.campaign, journal, busy, left.folder, now=now)["alpha"]
    (restarted_ago_s,) = known.restarts_ago_s
    assert restarted_ago_s == pytest.approx(60, abs=30)
    assert known.under_way is not None
    assert known.under_way.ago_s() == pytest.approx(30, abs=30)
    assert known.under_way.ago_s() < restarted_ago_s


class TestWhatIsSettledStaysSo:
    @pytest.mark.parametrize(
        ("endings", "code", "state"),
        [
            (("exited",), 0, "completed"),
            (("exited",), 3, "failed"),
            (("lost", "timeout"), None, "failed"),
            (("lost", "lost"), None, "lost"),
            (("lost",), None, "failed"),
            (("interrupted",), None, "skipped"),
            ((), None, "skipped"),
        ],
    )
    @pytest.mark.parametrize("most", [1, 9])
    def test_whatever_the_policy_has_become(
        self, left: Left, endings: tuple[str, ...], code: int | None, state: str, most: int
    ) -> None:
        left.ended("alpha-x", *endings, code=code)
        left.journal.outcome("alpha-x", state, reason="why")
        left.stage.change(retry=RetryPolicy(most, frozenset({Ending.LOST, Ending.EXITED})))
        progress = left.resume()["alpha-x"]
        assert (progress.state, progress.reason) == (state, "why")
        carry_out(left.stage)
        assert "alpha-x" not in left.stage.started
        assert len(left.stage.records) == len(endings) + 3

    @pytest.mark.parametrize(
        ("endings", "code", "state"),
        [
            (("exited",), 0, "failed"),
            ((), None, "completed"),
            (("exited", "exited"), 0, "completed"),
            (("sideways",), None, "failed"),
        ],
    )
    def test_what_the_table_does_not_lead_to_is_refused(
        self, left: Left, endings: tuple[str, ...], code: int | None, state: str
    ) -> None:
        left.ended("alpha-x", *endings, code=code)
        left.journal.outcome("alpha-x", state)
        with pytest.raises(JournalCorrupt, match=r"alpha-x.*--fresh"):
            left.resume()

    def test_earlier_failures_count_for_the_share(self, left: Left) -> None:
        left.ended("alpha-x", "exited", code=3)
        left.journal.outcome("alpha-x", "failed")
        left.journal.close()
        left.stage.change(stop_at_failure_share=0.25)
        carry_out(left.stage)
        assert Counter(left.stage.states.values()) == {"failed": 1, "skipped": 3}

    def test_restarts_of_earlier_sessions_are_among_those_that_are_told(self, left: Left) -> None:
        left.up("alpha")
        left.went("alpha", "unhealthy recover restarting", "relaunch")
        left.went("alpha", "ready restart restarting", "relaunch")
        left.journal.close()
        alpha, beta = carry_out(left.stage).summary().backends
        assert (alpha.restarts, alpha.renewals) == (1, 1)
        assert (beta.restarts, beta.renewals) == (0, 0)

    def test_only_the_backends_that_have_something_to_do_are_started(self, left: Left) -> None:
        for run in ("alpha-x", "alpha-y"):
            left.ended(run, "exited", code=0)
            left.journal.outcome(run, "completed")
        left.journal.close()
        carry_out(left.stage)
        assert left.stage.fake.called("launch", "alpha") == 0
        assert [one.completed for one in left.stage.runner.summary().backends] == [2, 2]


class TestTheJournalAndTheLines:
    def line(self, left: Left, **changes: Any) -> None:
        left.begun("beta-y", 1)
        left.journal.attempt_ended("beta-y", 1, ending="exited", exit_code=0)
        left.journal.outcome("beta-y", "completed")
        left.resume()
        (line,) = left.stage.records
        (left.folder / "results.jsonl").write_text(f"{json.dumps({**line, **changes})}\n")
        left.journal = Journal.open(left.folder / FILE_NAME, durable=False)
        left.journal.begin_session({})

    def test_a_line_that_the_journal_could_not_take_is_taken(self, left: Left) -> None:
        self.line(left, run="alpha-x", backend="alpha", attempt=1)
        assert left.resume()["alpha-x"].state == "completed"
        assert attempts_and_outcomes(left.stage)[0][("alpha-x", 1)] == "exited"
        assert len(left.stage.records) == 2

    def test_a_line_ends_an_attempt_that_the_journal_has_no_end_of(self, left: Left) -> None:
        self.line(left, run="alpha-x", backend="alpha", image="sha256:1")
        left.begun("alpha-x", 1)
        assert left.resume()["alpha-x"].state == "completed"
        assert len(left.stage.records) == 2

    def test_lines_that_are_none_are_passed_over(self, left: Left) -> None:
        (left.folder / "results.jsonl").write_text('\n{}\n[]\n{"run": 1}\nno\n\N{BULLET}')
        left.ended("alpha-x", "interrupted")
        assert left.resume()["alpha-x"].state == "pending"
        assert (left.folder / "results.jsonl").read_text().count("\n") == 6


class TestWhatIsSaid:
    def test_where_it_stands(self, left: Left) -> None:
        left.ended("alpha-x", "exited", code=0)
        left.journal.outcome("alpha-x", "completed")
        left.begun("beta-x", 1)
        found = look(left.stage)
        assert found is not None
        assert found.under_way == ("beta-x.1",)
        assert found.lines == (
            f"resuming {left.folder}: 1 of 4 runs are settled, 1 attempt was under way",
        )

    def test_what_has_changed(self, left: Left) -> None:
        left.ended("alpha-x", "exited", code=0)
        left.journal.outcome("alpha-x", "completed")
        x, y = left.stage.campaign.experiments
        new = Experiment("z", ("beta",), ("run", "z"))
        left.stage.change(experiments=(x, evolve(y, backends=("beta",)), new))
        now = {"campaign": "2", "service alpha": "1", "service new": "1", "experiment alpha-x": "2"}
        found = look(left.stage, **now)
        assert found is not None
        assert found.changed == ("campaign", "experiment alpha-x")
        assert (found.kept, found.added, found.gone) == (("alpha-x",), ("beta-z",), ("alpha-y",))
        said = "\n".join(found.lines)
        assert "to be done: campaign, experiment alpha-x" in said
        assert "not run again: alpha-x" in said
        assert "new in the plan: beta-z" in said
        assert "left alone: alpha-y" in said
        left.journal.close()
        carry_out(left.stage)
        assert left.stage.started == ["beta-x", "beta-y", "beta-z"]
        assert {*attempts_and_outcomes(left.stage)[1]} == {"alpha-x", "beta-x", "beta-y", "beta-z"}

    def test_nothing_is_touched_by_looking(self, left: Left) -> None:
        left.begun("beta-x", 1)
        left.journal.close()
        before = {path: path.stat().st_mtime_ns for path in left.folder.rglob("*")}
        assert look(left.stage) is not None
        assert {path: path.stat().st_mtime_ns for path in left.folder.rglob("*")} == before


class TestNothingToGoOnWith:
    def test_nothing_there(self, stage: Stage) -> None:
        assert look(stage) is None

    def test_a_folder_without_a_journal(self, stage: Stage) -> None:
        with Results.create(stage.campaign.results, AT):
            assert look(stage) is None

    def test_all_is_settled(self, stage: Stage) -> None:
        carry_out(stage, fresh=True)
        assert look(stage) is None

    def test_all_is_settled_and_the_controller_died_in_the_teardown(self, left: Left) -> None:
        for run in ("alpha-x", "alpha-y", "beta-x", "beta-y"):
            left.journal.outcome(run, "skipped")
        assert look(left.stage) is not None
        left.journal.close()
        assert look(left.stage) is None

    def test_all_that_is_planned_now_is_settled(self, left: Left) -> None:
        left.ended("alpha-x", "exited", code=0)
        left.journal.outcome("alpha-x", "completed")
        left.journal.close()
        only = evolve(left.stage.campaign.experiments[0], backends=("alpha",))
        left.stage.change(experiments=(only,))
        assert look(left.stage) is None

    def test_another_campaigns(self, left: Left) -> None:
        left.stage.change(name="other")
        assert look(left.stage) is None


def test_nothing_runs_on_the_gpus_of_an_attempt_that_outlived_its_controller(left: Left) -> None:
    services = {
        name: evolve(spec, gpus=(GpuRequest(count=-1),))
        for name, spec in left.stage.project.services.items()
    }
    left.stage.project = evolve(left.stage.project, services=services)
    left.stage.change(eager=False)
    found = Container("beta", "c1", started_at="start 1")
    left.up("beta")
    left.went("beta", "starting proved_ready ready", None, "c1")
    left.went("beta", "ready dispatch busy", "execute", "c1")
    left.begun("beta-x", 1, "c1")
    left.journal.close()
    ran: list[int] = []

    def aside(_: CampaignRunner) -> None:
        loop = asyncio.get_running_loop()
        ends = loop.create_future()
        left.stage.fake.will("adopt", "beta", found)
        left.stage.fake.will("attach", "beta", ends)

        def end() -> None:
            ran.append(left.stage.fake.called("execute", "alpha"))
            ends.set_result(0)

        loop.call_later(50, end)

    carry_out(left.stage, aside=aside)
    assert ran == [0]
    assert left.stage.states["alpha-x"] == "completed"
