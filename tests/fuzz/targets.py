"""Readers of foreign input: for any input, each answers, or raises one of dockwarden's errors."""

from __future__ import annotations

import functools
import json
import re
import sqlite3
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

from attrs import frozen
from hypothesis import strategies as st

from engine.campaign.config.load import load_campaign
from engine.campaign.runs.attempt_record import AttemptRecord
from engine.campaign.runs.plan import plan
from engine.compose import load_project, needed
from engine.errors import CampaignError, ComposeError, JournalError
from engine.health.gpu import Baseline, GpuPolicy, judge_gpu, parse
from engine.journal import FILE_NAME, Journal
from engine.ownership import leases
from engine.ownership.leases import CLAIM
from engine.ownership.owner import LABEL, Owner
from engine.runtimes.docker.containers.payload import container_payload, further_networks
from tests.fuzz import seeds
from tests.fuzz.documents import VALUES, broken, changed, sensible

__all__ = ["TARGETS", "Target"]


@frozen
class Target:
    """One reader.

    Attributes:
        cases: what it is given.
        check: gives it a case; raises where it does anything but answer, or say what is wrong. Returns
            what it says is wrong, without what is the case's own; None where it has accepted the case.
        share: of all cases of a long run.
    """

    name: str
    cases: st.SearchStrategy[Any]
    check: Callable[[Any], str | None]
    share: float


def in_a_folder(name: str, data: bytes, read: Callable[[Path], str | None]) -> str | None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        return read(file)


_WORDS: Final = 10
_OWN: Final = re.compile(r"\S*[^a-z\s]\S*")


def kind(said: str) -> str:
    """What is wrong, from the last words of a message: the ones that are not in plain letters go."""
    return " ".join(_OWN.sub("", said).split()[-_WORDS:])


# Files that users write


@functools.cache
def _known(models: Callable[[], list[Any]]) -> Mapping[str, Sequence[Any]]:
    return sensible(models())


def compose_file(data: bytes) -> str | None:
    return in_a_folder("docker-compose.yml", data, _read_compose_file)


def _read_compose_file(file: Path) -> str | None:
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
        assert len(said) < 20_000, "no user reads so much"
        return kind(said)
    return None


def campaign_file(data: bytes) -> str | None:
    return in_a_folder("campaign.yml", data, _read_campaign_file)


def _read_campaign_file(file: Path) -> str | None:
    try:
        campaign = load_campaign(file)
        runs = sum(len(one.backends) * one.repeat for one in campaign.experiments)
        if runs * campaign.cycles < 200:
            assert len({run.id for run in plan(campaign)}) == runs * campaign.cycles
    except CampaignError as error:
        assert error.findings
        assert all(path and what for path, what in error.findings)
        return kind(error.findings[0][1])
    return None


# What runs in containers


def probe_output(output: str) -> str | None:
    reading = parse(output)
    for baseline in (None, Baseline.of(reading)):
        assert judge_gpu(reading, baseline, GpuPolicy(), own_pids={1}).reason
    return None if reading.unreadable is None else kind(reading.unreadable)


_PROBE_VALUES: Final = sensible([seeds.PROBE])


@st.composite
def probe_outputs(draw: st.DrawFn) -> str:
    names = ["devices", "errors", "pid", "code", "uuid"]
    line = json.dumps(draw(changed([seeds.PROBE], names, _PROBE_VALUES)))
    cut = draw(st.sampled_from([len(line)] * 5 + [len(line) // 2, 1]))
    around = draw(st.text(max_size=20) | st.sampled_from(["", "{", "none usable", "--- begin"]))
    return f"{around}\n{line[:cut]}\n{draw(st.sampled_from(['', around]))}"


# Files that we have written, and another program has changed


def changed_journal(edits: list[_Edit]) -> str | None:
    return in_a_folder(FILE_NAME, _edited(seeds.journal(), edits), _read_journal)


def _read_journal(file: Path) -> str | None:
    try:
        _read_all(file)
    except JournalError as error:
        return kind(str(error))
    return None


def _read_all(file: Path) -> None:
    with Journal.read(file) as journal:
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


_EDITS: Final = st.lists(_UPDATES, min_size=1, max_size=2) | st.lists(
    _UPDATES | _SPLICES, min_size=1, max_size=4
)


def _updated(data: bytes, updates: list[_Update]) -> bytes:
    """The journal after another program has written into its tables, past its rules where that works."""
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


def record_line(line: str) -> str | None:
    try:
        record = AttemptRecord.from_json(line)
    except ValueError as error:
        return kind(str(error))
    assert AttemptRecord.from_json(record.to_json()).run == record.run
    return None


_RECORD: Final = {
    **dict.fromkeys(("campaign", "experiment", "run", "backend", "reason"), "x"),
    **dict.fromkeys(("cycle", "repeat", "attempt", "exit_code", "duration_s"), 1),
    **dict.fromkeys(("started_at", "ended_at", "ran_from"), "2026-01-31T10:15:00+00:00"),
    "command": ["true"],
    "ending": "exited",
    "stdout_lines": ["a"],
}


_RECORDS: Final = changed([_RECORD], list(_RECORD), sensible([_RECORD])).map(json.dumps)


def label_values(case: tuple[Mapping[str, str], bytes | None]) -> str | None:
    """Labels, and what is in the claim that they name."""
    labels, claim = case
    if claim is None:
        return _read_labels(labels)
    return in_a_folder(_CLAIM, claim, lambda file: _read_labels({**labels, CLAIM: str(file)}))


def _read_labels(labels: Mapping[str, str]) -> str | None:
    assert leases.may_take(Owner.current(), labels) in (True, False)
    assert leases.here(labels) in (True, False)
    owner = leases.owner_of(labels)
    if owner is None:
        return "it names no owner"
    assert owner.alive in (True, False)
    assert Owner.from_labels(owner.labels()) == owner
    assert str(owner)
    return None


_CLAIM: Final = f"dockwarden/claims/{'c' * 32}"
_OWNER: Final = Owner.current().labels()
_LABEL_VALUES: Final = (
    st.text(max_size=10)
    | st.integers(-(2**70), 2**70).map(str)
    | st.sampled_from(["1", "0", "9" * 5000, "\u0663", "\u00b2", "self", "1/../2", "\x00", ""])
)
_PLACES: Final = st.sampled_from(
    ["/", "/dev/null", "/proc/self/mem", "claim", "/\x00", "/" + "a" * 300]
)
_LABELS: Final = st.builds(
    lambda *some: {name: value for one in some for name, value in one.items()},
    st.sampled_from([_OWNER, _OWNER, {**_OWNER, f"{LABEL}owner.started": "1"}, {}]),
    st.dictionaries(
        st.sampled_from(sorted(_OWNER)) | st.text(max_size=5), _LABEL_VALUES, max_size=3
    ),
    st.fixed_dictionaries({}, optional={CLAIM: _PLACES}),
)
_CLAIMS: Final = (
    st.none()
    | changed([_OWNER], sorted(_OWNER)).map(lambda told: json.dumps(told).encode())
    | VALUES.map(lambda told: json.dumps(told).encode())
    | st.binary(max_size=20)
    | st.just(b"[" * 100_000)
)

TARGETS: Final = (
    Target(
        "compose",
        st.deferred(lambda: broken(seeds.composes(), seeds.COMPOSE_KEYS, _known(seeds.composes))),
        compose_file,
        0.18,
    ),
    Target(
        "campaign",
        st.deferred(
            lambda: broken(seeds.campaigns(), seeds.CAMPAIGN_KEYS, _known(seeds.campaigns))
        ),
        campaign_file,
        0.22,
    ),
    Target("probe", probe_outputs(), probe_output, 0.16),
    Target("journal", _EDITS, changed_journal, 0.16),
    Target("records", _RECORDS, record_line, 0.12),
    Target("labels", st.tuples(_LABELS, _CLAIMS), label_values, 0.16),
)
