"""What is written comes back, is written once, and is there for readers at once."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import tracemalloc
from datetime import timedelta
from pathlib import Path

import pytest
from attrs import evolve

from engine.errors import JournalConflict, JournalError
from engine.journal import Journal, Run, find_journal
from engine.model.results import GpuLook, Span, Transition
from engine.ownership.owner import Owner
from tests.journal.conftest import AT, Step

ROOT = Path(__file__).parents[2]


def test_what_is_written_comes_back(written: Path, life: tuple[Transition, ...]) -> None:
    with Journal.read(written) as reader:
        assert reader.campaign == "small"
        assert [one.transition for one in reader.transitions()] == list(life)
        assert [one.seq for one in reader.transitions()] == [1, 2, 3, 4, 5, 6]
        assert [one.id for one in reader.runs()] == ["alpha-x", "alpha-y"]
        assert [one.id for one in reader.unsettled()] == ["alpha-y"]
        assert [(one.run, one.state) for one in reader.outcomes()] == [("alpha-x", "completed")]
        (attempt,) = reader.attempts()
        assert (attempt.ending, attempt.exit_code, attempt.duration_s) == ("exited", 0, 1.5)
        assert attempt.ran == Span(AT, AT + timedelta(seconds=1))
        assert not list(reader.open_attempts())
        alpha, beta = reader.looks()
        assert alpha == GpuLook(AT, "alpha", 1, "ok", "OK", 2**30, 2**34, 2**29)
        assert (beta.memory_used_bytes, beta.baseline_bytes) == (None, None)
        assert list(reader.looks("beta")) == [beta]


def test_a_session_says_who_wrote_and_what_the_campaign_was_made_of(written: Path) -> None:
    with Journal.open(written) as journal:
        assert journal.changed({"campaign": "1"}) == ()
        assert journal.changed({"campaign": "2", "alpha": "3"}) == ("alpha", "campaign")
        assert journal.changed({}) == ("campaign",)
        journal.begin_session({"campaign": "2"})
    with Journal.read(written) as reader:
        first, second = reader.sessions()
        assert (first.number, first.owner, first.digests) == (1, Owner.current(), {"campaign": "1"})
        assert (second.number, second.digests) == (2, {"campaign": "2"})
        assert (first.software, second.software) == ({"python": "3.11"}, {})
        assert first.ended_at is not None
        assert first.ended_at <= second.began_at


def test_a_dispatch_places_the_attempt_it_is_for(journal: Journal, step: Step) -> None:
    journal.plan([Run("alpha-x", "x", "alpha")])
    journal.attempt_begun("alpha-x", 1, backend="alpha", request="alpha-x.1", folder="alpha/1")
    (attempt,) = journal.open_attempts()
    assert (attempt.container_id, attempt.generation) == (None, None)
    journal.transition(step("ready --dispatch--> busy / execute", reason="alpha-x.1"))
    (attempt,) = journal.open_attempts()
    assert (attempt.container_id, attempt.generation) == ("c1", 1)


def test_readers_see_what_is_written_while_it_is_written(
    journal: Journal, path: Path, life: tuple[Transition, ...]
) -> None:
    with Journal.read(path) as reader:
        for number, transition in enumerate(life, start=1):
            journal.transition(transition)
            assert len(list(reader.transitions())) == number


def test_a_reader_does_not_keep_the_writer_from_closing(journal: Journal, path: Path) -> None:
    with Journal.read(path) as reader:
        list(reader.sessions())
        journal.close()
    Journal.open(path).close()
    assert {one.name for one in path.parent.iterdir()} == {path.name, f"{path.name}-lock"}


def test_it_is_the_owners_alone(journal: Journal, path: Path) -> None:
    modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()}
    assert modes.keys() >= {path.name, f"{path.name}-lock", f"{path.name}-wal"}
    assert {*modes.values()} == {0o600}


class TestOnce:
    @pytest.fixture
    def journal(self, journal: Journal) -> Journal:
        journal.plan([Run("alpha-x", "x", "alpha")])
        journal.attempt_begun("alpha-x", 1, backend="alpha", request="alpha-x.1", folder="f")
        journal.attempt_ended("alpha-x", 1, ending="exited", exit_code=3)
        journal.outcome("alpha-x", "failed", reason="exit code 3")
        return journal

    def test_a_second_outcome(self, journal: Journal) -> None:
        with pytest.raises(JournalConflict, match="this run has its outcome already"):
            journal.outcome("alpha-x", "completed")
        assert [one.state for one in journal.outcomes()] == ["failed"]

    def test_a_second_end(self, journal: Journal) -> None:
        with pytest.raises(JournalConflict, match="this attempt has its end already"):
            journal.attempt_ended("alpha-x", 1, ending="exited", exit_code=0)
        assert [one.exit_code for one in journal.attempts()] == [3]

    def test_a_second_beginning(self, journal: Journal) -> None:
        with pytest.raises(JournalConflict):
            journal.attempt_begun("alpha-x", 1, backend="alpha", request="other", folder="f")

    def test_the_end_of_what_has_not_begun(self, journal: Journal) -> None:
        with pytest.raises(JournalConflict, match="attempt 2 of alpha-x has not begun"):
            journal.attempt_ended("alpha-x", 2, ending="exited", exit_code=0)

    def test_an_outcome_of_what_was_not_planned(self, journal: Journal) -> None:
        with pytest.raises(JournalConflict):
            journal.outcome("beta-x", "completed")

    def test_planning_again_changes_nothing(self, journal: Journal) -> None:
        journal.plan([Run("alpha-x", "x", "alpha"), Run("alpha-y", "y", "alpha")])
        assert [one.id for one in journal.runs()] == ["alpha-x", "alpha-y"]

    def test_the_schema_itself_forbids_it(self, journal: Journal, path: Path) -> None:
        journal.rerun("alpha-x", 2)
        journal.close()
        by_hand = sqlite3.connect(path)
        for statement in (
            "INSERT OR REPLACE INTO outcomes VALUES (1, 'alpha-x', 1, '', 'completed', '', 1)",
            "INSERT INTO outcomes VALUES (2, 'alpha-x', 1, '', 'completed', '', 3)",
            "INSERT INTO reruns VALUES ('alpha-x', 3, 1, '', 3)",
            "UPDATE reruns SET attempt = 3",
            "DELETE FROM reruns",
            "UPDATE outcomes SET state = 'completed'",
            "DELETE FROM outcomes",
            "UPDATE attempts SET exit_code = 0",
            "DELETE FROM attempts",
        ):
            with pytest.raises(sqlite3.IntegrityError):
                by_hand.execute(statement)
        by_hand.close()


class TestRunAgain:
    """A run that has its outcome may have another turn; both outcomes stay on record."""

    @pytest.fixture
    def failed(self, journal: Journal) -> Journal:
        journal.plan([Run("alpha-x", "x", "alpha"), Run("alpha-y", "y", "alpha")])
        journal.outcome("alpha-x", "failed", reason="exit code 3")
        return journal

    def test_it_has_no_outcome_until_the_new_turn_has_one(self, failed: Journal) -> None:
        failed.rerun("alpha-x", 2)
        assert list(failed.outcomes()) == []
        assert [one.id for one in failed.unsettled()] == ["alpha-x", "alpha-y"]
        assert [(one.state, one.runs) for one in failed.tally()] == [(None, 2)]

    def test_the_newest_outcome_counts_and_the_earlier_one_stays(self, failed: Journal) -> None:
        failed.rerun("alpha-x", 2)
        failed.outcome("alpha-x", "completed")
        assert [(one.turn, one.state) for one in failed.outcomes()] == [(2, "completed")]
        assert [(one.turn, one.state) for one in failed.all_outcomes()] == [
            (1, "failed"),
            (2, "completed"),
        ]
        assert [(one.run, one.turn, one.attempt) for one in failed.reruns()] == [("alpha-x", 2, 2)]

    def test_only_a_run_that_has_its_outcome(self, failed: Journal) -> None:
        with pytest.raises(JournalConflict, match="only a run that has its outcome is run again"):
            failed.rerun("alpha-y", 1)

    def test_an_outcome_of_each_turn_is_written_once(self, failed: Journal) -> None:
        failed.rerun("alpha-x", 2)
        failed.outcome("alpha-x", "completed")
        with pytest.raises(JournalConflict, match="this run has its outcome already"):
            failed.outcome("alpha-x", "failed")


WRITE = """
import sys
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from engine.journal import Journal
from engine.model.results import Transition

def step(source, event, target, action=None):
    now = datetime.now(UTC)
    journal.transition(Transition(now, "alpha", event, source, target, action, "why", 1, "c1"))

journal = Journal.open(Path(sys.argv[1]))
journal.begin_session({})
step("stopped", "start", "starting", "launch")
step("starting", "proved_ready", "ready")
for number in count(4, 2):
    step("ready", "dispatch", "busy", "execute")
    step("busy", "finish", "ready")
    print(number, flush=True)
"""


def test_what_was_written_is_there_after_a_kill(written: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITE, str(written)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    try:
        before = [int(writer.stdout.readline()) for _ in range(50)][-1]
    finally:
        writer.kill()
        told, _ = writer.communicate()
    acknowledged = int(told.split("\n")[-2]) if "\n" in told else before
    for use in (Journal.read, Journal.open):
        with use(written) as journal:
            session = [one for one in journal.transitions() if one.session == 2]
            assert acknowledged <= len(session) <= acknowledged + 2
            assert journal.replay()["alpha"] in ("ready", "busy")
            assert [one.ended_at is None for one in journal.sessions()] == [False, True]


def test_a_block_is_written_all_or_nothing(journal: Journal, path: Path) -> None:
    journal.plan([Run("alpha-x", "x", "alpha")])
    with Journal.read(path) as reader, journal.at_once():
        journal.attempt_begun("alpha-x", 1, backend="alpha", request="r", folder="f")
        assert not list(reader.attempts())

    def end_and_settle() -> None:
        with journal.at_once():
            journal.attempt_ended("alpha-x", 1, ending="exited", exit_code=0)
            journal.outcome("unknown", "completed")

    with pytest.raises(JournalConflict):
        end_and_settle()
    assert [one.ended_at for one in journal.attempts()] == [None]
    journal.attempt_ended("alpha-x", 1, ending="exited", exit_code=0)


def test_nothing_is_written_outside_of_a_session(written: Path, step: Step) -> None:
    with (
        Journal.open(written) as journal,
        pytest.raises(JournalConflict, match="begin a session"),
    ):
        journal.transition(step("stopped --start--> starting / launch"))


def test_text_that_has_no_utf8_is_written_nevertheless(journal: Journal, step: Step) -> None:
    odd = "\ud800 \0 \x1b[31m \U0001f40b"
    journal.transition(step("stopped --start--> starting / launch", reason=odd))
    (row,) = journal.transitions()
    assert row.transition.reason == odd.replace("\ud800", "?")


def test_times_are_written_in_utc(journal: Journal, step: Step) -> None:
    transition = step("stopped --start--> starting / launch")
    journal.transition(evolve(transition, at=transition.at.astimezone()))
    (row,) = journal.transitions()
    assert row.transition.at.utcoffset() == transition.at.utcoffset()


def test_synced_by_default_and_relaxed_for_simulations(tmp_path: Path, journal: Journal) -> None:
    def synchronous(one: Journal) -> int:
        return int(one._connection.execute("PRAGMA synchronous").fetchone()[0])

    assert synchronous(journal) == 2
    journal.sync_later()
    assert synchronous(journal) == 1
    with Journal.create(tmp_path / "other", campaign="", durable=False) as relaxed:
        relaxed.sync_later()
        relaxed.sync()
        assert synchronous(relaxed) == 0


def test_what_a_folder_means(tmp_path: Path) -> None:
    run = tmp_path / "20260131T101500Z"
    run.mkdir()
    with pytest.raises(JournalError, match="there is no"):
        find_journal(tmp_path)
    (run / "journal.sqlite").touch()
    (tmp_path / "latest").symlink_to(run.name)
    assert find_journal(run) == run / "journal.sqlite"
    assert find_journal(tmp_path) == tmp_path / "latest" / "journal.sqlite"
    assert find_journal(tmp_path / "a-file") == tmp_path / "a-file"


def test_its_memory_does_not_grow_with_its_length(tmp_path: Path, step: Step) -> None:
    """20,000 transitions, written, read and replayed, in a few pages' worth."""
    path = tmp_path / "long.sqlite"
    up = [step("stopped --start--> starting / launch"), step("starting --proved_ready--> ready")]
    turn = [step("ready --dispatch--> busy / execute"), step("busy --finish--> ready")]
    with Journal.create(path, campaign="long", durable=False) as journal:
        tracemalloc.start()
        try:
            with journal.at_once():
                for transition in up:
                    journal.transition(transition)
                for _ in range(9_999):
                    for transition in turn:
                        journal.transition(transition)
            assert sum(1 for _ in journal.transitions()) == 20_000
            assert journal.replay() == {"alpha": "ready"}
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 2**20
    assert path.stat().st_size < 4 * 2**20
