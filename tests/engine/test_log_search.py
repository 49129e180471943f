"""Searching a log that is being written: each line once, within bounds, for any output of the container."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from engine.health.log_search import LogSearch
from engine.measurements.lines import compiled
from engine.spool import MainLog
from engine.spool.main_log import HEAD_BYTES, write_all

CONTAINER = "0367abda7c3f" + "0" * 52
MOMENT = b"2026-01-31T10:15:02.305018435Z "


@pytest.fixture
def log(tmp_path: Path) -> MainLog:
    return MainLog.of(tmp_path, "server", 1, CONTAINER)


def add(log: MainLog, text: bytes) -> None:
    with log.opened() as file:
        write_all(file, text)


def found(search: LogSearch) -> bool:
    return asyncio.run(search.found())


def test_a_log_that_is_not_there_matches_nothing(log: MainLog) -> None:
    assert not found(LogSearch(log, compiled("")))


def test_lines_are_searched_without_their_moments(log: MainLog) -> None:
    add(log, MOMENT + b"ready\r\n")
    assert found(LogSearch(log, compiled("^ready$")))
    assert not found(LogSearch(log, compiled("2026")))


def test_a_line_that_is_being_written_is_searched_again(log: MainLog) -> None:
    search = LogSearch(log, compiled("ready now"))
    add(log, MOMENT + b"ready")
    assert not found(search)
    add(log, b" now")
    assert found(search)


@given(cuts=some.lists(some.integers(0, 60), max_size=5))
def test_in_whatever_pieces_a_log_is_written_its_line_is_found_at_once(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    log = MainLog.of(tmp_path_factory.mktemp("log"), "server", 1, "pid-1")
    text = b"loading\nstill loading\nlistening on 8000\nmore\n"
    search = LogSearch(log, compiled("listening on 8000"))
    places = [0, *sorted(cuts), len(text)]
    for begin, end in itertools.pairwise(places):
        add(log, text[begin:end])
        assert found(search) == (b"listening on 8000" in text[:end])
        if b"listening on 8000" in text[:end]:
            return


def test_a_log_is_searched_up_to_its_bound(log: MainLog) -> None:
    add(log, (b"x" * 1023 + b"\n") * (HEAD_BYTES // 1024) + b"ready\n")
    search = LogSearch(log, compiled("ready"))
    assert not found(search)
    assert search.is_full


def test_a_pattern_that_does_not_end_is_given_up(
    log: MainLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.health.log_search._LINE_S", 0.05)
    add(log, b"x" * 40 + b"y\n")
    with pytest.raises(TimeoutError):
        found(LogSearch(log, compiled(r"(x|xx)+$")))
