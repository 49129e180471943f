"""What reads things that others have written: whatever it is given, it answers, or raises an error of ours."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

from attrs import frozen
from hypothesis import strategies as st

from engine import claims
from engine.campaign.load import load_campaign
from engine.campaign.plan import plan
from engine.campaign.records import AttemptRecord
from engine.compose import load_project, needed
from engine.errors import CampaignError, ComposeError, JournalError
from engine.gpu import Baseline, GpuPolicy, judge_gpu, parse
from engine.journal import FILE_NAME, Journal
from engine.owner import LABEL, Owner
from engine.runtimes.docker.payload import container_payload, further_networks
from tests.fuzz import seeds
from tests.fuzz.documents import broken, changed

__all__ = ["TARGETS", "Target"]


@frozen
class Target:
    """One reader.

    Attributes:
        cases: what it is given.
        check: gives it a case; raises where it does anything but answer, or say what is wrong.
        share: of all cases of a long run.
    """

    name: str
    cases: st.SearchStrategy[Any]
    check: Callable[[Any], None]
    share: float


def in_a_folder(name: str, data: bytes, read: Callable[[Path], None]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        file.write_bytes(data)
        read(file)


# Files that users write


def compose_file(data: bytes) -> None:
    in_a_folder("docker-compose.yml", data, _read_compose_file)


def _read_compose_file(file: Path) -> None:
    try:
        project = load_project(file, environ={"CONFIG": "c"}, project_name="p")
        for service in project.services.values():
            assert json.dumps(
                container_payload(project, service, image="x", keep_alive=None, labels={})
            )
            assert list(further_networks(project, service)) is not None
        needed(project, project.services)
    except ComposeError as error:
        said = str(error)
        assert said.startswith(f"{error.file}: ")
        assert len(said) < 20_000, "nobody reads so much"


def campaign_file(data: bytes) -> None:
    in_a_folder("campaign.yml", data, _read_campaign_file)


def _read_campaign_file(file: Path) -> None:
    try:
        campaign = load_campaign(file)
        runs = sum(len(one.backends) * one.repeat for one in campaign.experiments)
        if runs * campaign.cycles < 200:
            assert len({run.id for run in plan(campaign)}) == runs * campaign.cycles
    except CampaignError as error:
        assert error.findings
        assert all(path and what for path, what in error.findings)


# What runs in containers


def probe_output(output: str) -> None:
    reading = parse(output)
    for baseline in (None, Baseline.of(reading)):
        assert judge_gpu(reading, baseline, GpuPolicy(), own_pids={1}).reason


@st.composite
def probe_outputs(draw: st.DrawFn) -> str:
    line = json.dumps(draw(changed([seeds.PROBE], ["devices", "errors", "pid", "code", "uuid"])))
    cut = draw(st.sampled_from([len(line)] * 5 + [len(line) // 2, 1]))
    around = draw(st.text(max_size=20) | st.sampled_from(["", "{", "none usable", "--- begin"]))
    return f"{around}\n{line[:cut]}\n{draw(st.sampled_from(['', around]))}"


# What we have written, and somebody has changed


def changed_journal(edits: list[_Edit]) -> None:
    in_a_folder(FILE_NAME, _edited(seeds.journal(), edits), _read_journal)


def _read_journal(file: Path) -> None:
    with suppress(JournalError), Journal.read(file) as journal:
        assert isinstance(journal.campaign, str)
        assert all(isinstance(name, str) for name in journal.backends())
        assert list(journal.looks()) is not None
        for read in (journal.sessions, journal.transitions, journal.runs, journal.attempts):
            assert list(read()) is not None
        assert list(journal.outcomes()) is not None
        assert journal.replay() is not None


def _edited(data: bytes, edits: list[_Edit]) -> bytes:
    """A journal with other values in its rows, or with other bytes."""
    updates = [edit for edit in edits if isinstance(edit, _Update)]
    data = _updated(data, updates) if updates else data
    for edit in edits:
        if isinstance(edit, _Splice):
            at = edit.at % (len(data) + 1)
            data = data[:at] + edit.put + data[at + edit.cut :]
    return data


@frozen
class _Update:
    """Another value in a column of all rows of a table."""

    table: str
    column: int
    value: Any


@frozen
class _Splice:
    """Other bytes from some place on."""

    at: int
    cut: int
    put: bytes


_Edit = _Update | _Splice


_TABLES: Final = ("meta", "sessions", "transitions", "runs", "attempts", "outcomes")
_SQL_VALUES: Final = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.binary(max_size=8)
    | st.text(max_size=10).map(lambda text: text.encode("utf-8", "replace").decode())
    | st.sampled_from(
        ["{}", "[]", "null", '{"a": {}}', "2026-13-01", "ready", "\x00", "9" * 400, "[" * 100_000]
    )
)
_UPDATES: Final = st.builds(_Update, st.sampled_from(_TABLES), st.integers(0, 20), _SQL_VALUES)
_SPLICES: Final = st.builds(
    _Splice,
    st.integers(0, 2**18) | st.integers(0, 200),
    st.sampled_from([0, 1, 4, 100, 4096]),
    st.binary(max_size=4) | st.sampled_from([b"\0" * 4096, b"\xff" * 100]),
)


def _updated(data: bytes, updates: list[_Update]) -> bytes:
    """The journal after somebody has written into its tables, past its own rules where that works."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / FILE_NAME
        file.write_bytes(data)
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            connection.execute("PRAGMA ignore_check_constraints = ON")
            triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            for (trigger,) in triggers.fetchall() if updates[0].column % 2 else ():
                connection.execute(f'DROP TRIGGER "{trigger}"')
            for one in updates:
                columns = connection.execute(f"PRAGMA table_info({one.table})").fetchall()
                column = columns[one.column % len(columns)][1]
                with suppress(sqlite3.Error, UnicodeError):
                    connection.execute(f'UPDATE {one.table} SET "{column}" = ?', (one.value,))
        return file.read_bytes()


def record_line(line: str) -> None:
    with suppress(ValueError):
        record = AttemptRecord.from_json(line)
        assert AttemptRecord.from_json(record.to_json()).run == record.run


_RECORD: Final = {
    **dict.fromkeys(("campaign", "experiment", "run", "backend", "reason"), "x"),
    **dict.fromkeys(("cycle", "repeat", "attempt", "exit_code", "duration_s"), 1),
    **dict.fromkeys(("started_at", "ended_at", "ran_from"), "2026-01-31T10:15:00+00:00"),
    "command": ["true"],
    "ending": "exited",
    "stdout_lines": ["a"],
}


def label_values(labels: Mapping[str, str]) -> None:
    owner = Owner.from_labels(labels)
    assert claims.may_take(Owner.current(), labels) in (True, False)
    if owner is not None:
        assert owner.alive in (True, False)
        assert Owner.from_labels(owner.labels()) == owner
        assert str(owner)


_LABELS: Final = st.dictionaries(
    st.sampled_from([f"{LABEL}owner.{name}" for name in ("pid", "host", "boot-id", "started")])
    | st.text(max_size=5),
    st.text(max_size=10)
    | st.integers(-(2**70), 2**70).map(str)
    | st.sampled_from(["1", "0", "9" * 5000, "\u0663", "\u00b2", "self", "1/../2", "\x00", ""]),
    max_size=5,
)

TARGETS: Final = (
    Target(
        "compose",
        st.deferred(lambda: broken(seeds.composes(), seeds.COMPOSE_KEYS)),
        compose_file,
        0.12,
    ),
    Target(
        "campaign",
        st.deferred(lambda: broken(seeds.campaigns(), seeds.CAMPAIGN_KEYS)),
        campaign_file,
        0.2,
    ),
    Target("probe", probe_outputs(), probe_output, 0.2),
    Target("journal", st.lists(_UPDATES | _SPLICES, min_size=1, max_size=4), changed_journal, 0.12),
    Target("records", changed([_RECORD], list(_RECORD)).map(json.dumps), record_line, 0.16),
    Target("labels", _LABELS, label_values, 0.2),
)
