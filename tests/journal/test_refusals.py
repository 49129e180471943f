"""What is no journal, or none that can be used, is refused by name and left as it is."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import (
    JournalConflict,
    JournalCorrupt,
    JournalError,
    JournalForeign,
    JournalLocked,
    JournalTooNew,
    JournalUnwritable,
)
from engine.journal import FILE_NAME, Journal, Run, schema
from engine.ownership.owner import Owner

ROOT = Path(__file__).parents[2]


def become_another_program_s(path: Path) -> None:
    path.unlink()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE transitions (seq)")
    other.commit()
    other.close()


def become_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def become_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def by_hand(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement)
    connection.close()


def spoil(path: Path) -> None:
    """Let a record say that it is larger than any memory."""
    written = path.read_bytes()
    for at, put in ((145, bytes(4096)), (272, b"\xff" * 100)):
        written = written[:at] + put + written[at:]
    path.write_bytes(written)


BAD: dict[str, tuple[Callable[[Path], object], type[JournalError]]] = {
    "nothing": (Path.unlink, JournalError),
    "an empty file": (lambda path: path.write_bytes(b""), JournalForeign),
    "a text": (lambda path: path.write_text("results\n" * 100), JournalForeign),
    "the head of a header": (lambda path: os.truncate(path, 50), JournalForeign),
    "half a file": (lambda path: os.truncate(path, path.stat().st_size // 2), JournalCorrupt),
    "another program's database": (
        become_another_program_s,
        JournalForeign,
    ),
    "a later version": (lambda path: by_hand(path, "PRAGMA user_version = 999"), JournalTooNew),
    "no version": (lambda path: by_hand(path, "PRAGMA user_version = 0"), JournalCorrupt),
    "a table less": (lambda path: by_hand(path, "DROP TABLE outcomes"), JournalCorrupt),
    "a table more": (lambda path: by_hand(path, "CREATE TABLE more (x)"), JournalCorrupt),
    "no campaign": (lambda path: by_hand(path, "DELETE FROM meta"), JournalCorrupt),
    "a reference to nowhere": (
        lambda path: by_hand(path, "DELETE FROM sessions"),
        JournalCorrupt,
    ),
    "a record larger than memory": (spoil, JournalCorrupt),
    "a folder": (become_a_folder, JournalForeign),
    "a pipe": (become_a_pipe, JournalForeign),
}


def contents(folder: Path) -> dict[str, bytes | None]:
    return {one.name: one.read_bytes() if one.is_file() else None for one in folder.iterdir()}


@pytest.mark.parametrize(("spoil", "error"), BAD.values(), ids=BAD)
def test_is_refused_and_left_as_it_is(
    written: Path, spoil: Callable[[Path], object], error: type[JournalError]
) -> None:
    spoil(written)
    before = contents(written.parent) | {f"{written.name}-lock": b""}
    for use in (Journal.open, Journal.read):
        with pytest.raises(JournalError, match=str(written)) as caught:
            use(written)
        assert type(caught.value) is error
        assert contents(written.parent) | {f"{written.name}-lock": b""} == before
    if written.exists():
        with pytest.raises(JournalError):
            Journal.create(written, campaign="other")
        assert contents(written.parent) | {f"{written.name}-lock": b""} == before


def test_nothing_is_put_beside_a_file_that_is_no_journal(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for use in (Journal.open, Journal.read):
        with pytest.raises(JournalForeign):
            use(tmp_path / "notes.txt")
    assert contents(tmp_path) == {"notes.txt": b"mine"}


def test_a_journal_is_not_begun_over_another(written: Path) -> None:
    with pytest.raises(JournalConflict, match="there is a journal already"):
        Journal.create(written, campaign="other")
    with Journal.read(written) as reader:
        assert reader.campaign == "small"


def test_a_row_that_makes_no_sense_is_told_when_it_is_read(written: Path) -> None:
    by_hand(written, "UPDATE runs SET cycle = 'twelve'")
    with Journal.read(written) as reader, pytest.raises(JournalCorrupt, match="twelve"):
        list(reader.runs())


HOLD = """
import sys
from pathlib import Path
from engine.journal import Journal
journal = Journal.open(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_two_writers_never_and_a_killed_one_lets_go(written: Path) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(written)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert other.stdout is not None
    try:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(
            JournalLocked, match=f"process {other.pid} on .* writes to it"
        ) as caught:
            Journal.open(written)
        assert caught.value.holder is not None
        assert caught.value.holder.pid == other.pid
        with Journal.read(written) as reader:
            assert reader.campaign == "small"
    finally:
        other.kill()
        other.communicate()
    Journal.open(written).close()


def test_two_writers_in_one_process(journal: Journal, path: Path) -> None:
    with pytest.raises(JournalLocked, match=str(Owner.current())):
        Journal.open(path)
    with pytest.raises(JournalLocked):
        Journal.create(path, campaign="other")
    journal.plan([Run("alpha-x", "x", "alpha")])


def test_another_program_in_the_middle_of_writing(journal: Journal, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    journal._connection.execute("PRAGMA busy_timeout = 0")
    with pytest.raises(JournalLocked, match="another program"):
        journal.plan([Run("alpha-x", "x", "alpha")])
    other.execute("ROLLBACK")
    other.close()
    journal.plan([Run("alpha-x", "x", "alpha")])


FULL = """
import resource, sys
from pathlib import Path
from engine.errors import JournalUnwritable
from engine.journal import Journal, Run

def runs(start):
    return (Run(f"run-{number}", "x" * 1000, "alpha") for number in range(start, start + 100))

path = Path(sys.argv[1])
with Journal.create(path, campaign="full") as journal:
    size = path.with_name(f"{path.name}-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 300_000, resource.RLIM_INFINITY))
    planned = 0
    try:
        while True:
            journal.plan(runs(planned))
            planned += 100
    except JournalUnwritable as error:
        print(error, file=sys.stderr)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert sum(1 for _ in journal.runs()) == planned > 0
    journal.plan(runs(planned))
with Journal.read(path) as reader:
    assert sum(1 for _ in reader.runs()) == planned + 100
"""


def test_no_space_left_is_told_and_nothing_of_before_is_lost(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "free some space" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_folder_to_be_in(tmp_path: Path) -> None:
    with pytest.raises(JournalUnwritable, match="choose another one"):
        Journal.create(tmp_path / "none" / FILE_NAME, campaign="small")


def test_what_was_left_unfinished_by_a_crash_is_begun_again(path: Path) -> None:
    path.with_name(f".{path.name}.new").write_bytes(b"half")
    Journal.create(path, campaign="small").close()
    assert {one.name for one in path.parent.iterdir()} == {path.name, f"{path.name}-lock"}


def test_an_older_journal_is_read_and_brought_up_by_its_writer(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = (*schema.MIGRATIONS, "ALTER TABLE runs ADD COLUMN weight INTEGER NOT NULL DEFAULT 1")
    monkeypatch.setattr(schema, "MIGRATIONS", later)
    before = written.read_bytes()
    with Journal.read(written) as reader:
        assert [one.id for one in reader.runs()] == ["alpha-x", "alpha-y"]
    assert written.read_bytes() == before
    Journal.open(written).close()
    monkeypatch.undo()
    with pytest.raises(JournalTooNew, match="upgrade dockwarden"):
        Journal.read(written)


def test_a_step_that_fails_leaves_the_older_journal(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = (*schema.MIGRATIONS, "ALTER TABLE runs ADD COLUMN weight; CREATE TABLE runs (x)")
    monkeypatch.setattr(schema, "MIGRATIONS", broken)
    with pytest.raises(JournalError):
        Journal.open(written)
    monkeypatch.undo()
    Journal.open(written).close()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sound") / FILE_NAME
    with Journal.create(path, campaign="small", durable=False) as journal:
        journal.plan(Run(f"run-{number}", "x", "alpha") for number in range(50))
        journal.attempt_begun("run-1", 1, backend="alpha", request="r", folder="f")
    return path.read_bytes()


class TestAnyBytes:
    """Any file is used, or refused by one of dockwarden's errors; a refused one stays."""

    def use(self, folder: Path, held: bytes) -> bool:
        """Read and write a file that holds this; whether it was taken for a journal."""
        path = folder / FILE_NAME
        for one in folder.iterdir():
            one.unlink()
        path.write_bytes(held)
        try:
            with Journal.read(path) as reader:
                for rows in (reader.sessions, reader.runs, reader.attempts, reader.outcomes):
                    list(rows())
                reader.replay()
                assert isinstance(reader.campaign, str)
                assert reader.created_at.tzinfo
        except JournalError:
            pass
        assert path.read_bytes() == held
        try:
            journal = Journal.open(path, durable=False)
        except (JournalError, JournalUnwritable):
            assert path.read_bytes() == held
            return False
        with journal, contextlib.suppress(JournalError, JournalUnwritable):
            journal.begin_session({})
            journal.plan([Run("more", "x", "alpha")])
        return True

    def test_a_sound_one_is_used(
        self, tmp_path_factory: pytest.TempPathFactory, sound: bytes
    ) -> None:
        folder = self.folder(tmp_path_factory)
        assert self.use(folder, sound)
        with Journal.read(folder / FILE_NAME) as reader:
            assert [one.id for one in reader.runs()][-1] == "more"

    @settings(max_examples=200, deadline=None)
    @given(held=st.binary(max_size=600), magic=st.booleans())
    def test_at_random(
        self, tmp_path_factory: pytest.TempPathFactory, *, held: bytes, magic: bool
    ) -> None:
        assert not self.use(self.folder(tmp_path_factory), b"SQLite format 3\0" * magic + held)

    @settings(max_examples=400, deadline=None)
    @given(data=st.data())
    def test_of_a_journal_that_was_tampered_with(
        self, tmp_path_factory: pytest.TempPathFactory, sound: bytes, data: st.DataObject
    ) -> None:
        held = bytearray(sound)
        places = st.one_of(st.integers(0, 120), st.integers(0, len(sound) - 1))
        for place in data.draw(st.lists(places, min_size=1, max_size=8)):
            held[place] = data.draw(st.integers(0, 255))
        if data.draw(st.booleans()):
            del held[data.draw(st.integers(0, len(sound))) :]
        used = self.use(self.folder(tmp_path_factory), bytes(held))
        assert used or held != sound

    def folder(self, factory: pytest.TempPathFactory) -> Path:
        folder = factory.getbasetemp() / "any-bytes"
        folder.mkdir(exist_ok=True)
        return folder
