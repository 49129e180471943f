"""A log holds each line once and in order, however often and wherever reading begins again."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.runtimes.docker.logs import writing
from engine.runtimes.docker.logs.reading import BEGINNING, Piece, Place, _framed, _lines
from engine.runtimes.docker.logs.writing import LogWriter, place_in
from engine.spool.main_log import CUT, MainLog

MOMENTS = st.integers(0, 3)
"""Few, so that many lines are of one moment."""


@pytest.fixture
def log(tmp_path: Path) -> MainLog:
    return MainLog.of(tmp_path, "alpha", 1, "c" * 64)


@pytest.fixture
def file(log: MainLog) -> Iterator[int]:
    with log.opened() as file:
        yield file


def line(second: int, text: str, *, stream: int = 1, end: str = "\n") -> Piece:
    return Piece(
        stream, f"2026-01-31T10:15:{second:02}.000000000Z".encode(), f"{text}{end}".encode()
    )


def texts(log: MainLog) -> list[str]:
    return [log.text_of(one) for one in log.last_lines(10**6, 2**30)]


@given(
    moments=st.lists(MOMENTS, min_size=1, max_size=12).map(sorted),
    breaks=st.lists(st.integers(0, 12), max_size=4),
    anew=st.booleans(),
)
def test_a_log_goes_on_where_it_broke_off(
    tmp_path_factory: pytest.TempPathFactory,
    moments: Sequence[int],
    breaks: Sequence[int],
    *,
    anew: bool,
) -> None:
    log = MainLog.of(tmp_path_factory.mktemp("log"), "alpha", 1, "c" * 64)
    written = [line(moment, f"line {number}") for number, moment in enumerate(moments)]
    with log.opened() as file:
        writer = LogWriter(file)
        for until in [*sorted(breaks), len(written)]:
            if anew:  # as another controller would
                writer = LogWriter(file, place_in(file))
            writer.begin_again()
            since = writer.place.ns
            writer.add(one for one in written[:until] if one.ns >= since)
    assert texts(log) == [f"line {number}" for number in range(len(written))]


def test_the_parts_of_a_long_line_come_together(log: MainLog, file: int) -> None:
    writer = LogWriter(file)
    writer.add([line(1, "one ", end=""), line(1, "line"), line(1, "another")])
    assert texts(log) == ["one line", "another"]


def test_a_line_that_broke_off_is_read_whole(log: MainLog, file: int) -> None:
    writer = LogWriter(file)
    writer.add([line(1, "first"), line(1, "sec", end="")])
    writer.begin_again()
    writer.add([line(1, "first"), line(1, "sec", end=""), line(1, "ond"), line(2, "third")])
    assert texts(log) == ["first", "second", "third"]


def test_a_part_that_another_stream_comes_between_gets_lines_of_its_own(
    log: MainLog, file: int
) -> None:
    writer = LogWriter(file)
    writer.add([line(1, "be", end=""), line(1, "beside", stream=2), line(1, "gun")])
    assert texts(log) == ["be", "beside", "gun"]


def test_a_clock_that_is_set_back_loses_nothing(log: MainLog, file: int) -> None:
    writer = LogWriter(file)
    writer.begin_again()
    writer.add([line(9, "before"), line(3, "after"), line(3, "that")])
    assert texts(log) == ["before", "after", "that"]


def test_what_a_container_writes_begins_no_line_of_ours(log: MainLog, file: int) -> None:
    LogWriter(file).add([line(1, CUT.decode().strip())])
    assert place_in(file) == Place(line(1, "").ns, 1)
    assert CUT not in log.path.read_bytes().splitlines(keepends=True)


def test_a_log_without_a_moment_is_read_from_the_beginning(file: int) -> None:
    assert place_in(file) == BEGINNING
    os.write(file, b"not from here\n")
    assert place_in(file) == BEGINNING


class TestTooMuch:
    @pytest.fixture(autouse=True)
    def little(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(writing, "HEAD_BYTES", 400)
        monkeypatch.setattr(writing, "TAIL_BYTES", 200)

    def fill(self, writer: LogWriter) -> int:
        for number in count():
            writer.add([line(number, f"line {number}")])
            if writer.full:
                return number
        raise AssertionError

    def test_the_end_follows_a_mark(self, log: MainLog, file: int) -> None:
        writer = LogWriter(file)
        last = self.fill(writer)
        writer.begin_again()
        writer.add_end([line(one, f"line {one}") for one in range(last + 5, last + 15)])
        kept = texts(log)
        assert kept[: last + 1] == [f"line {one}" for one in range(last + 1)]
        assert CUT.decode().strip() in kept
        assert kept[-1] == f"line {last + 14}"
        assert log.path.stat().st_size < 700

    def test_of_a_line_that_never_ends_the_beginning_and_the_end_are_kept(
        self, log: MainLog, file: int
    ) -> None:
        writer = LogWriter(file)
        writer.add(line(1, f"part {one} ", end="") for one in range(60))
        assert writer.full
        writer.begin_again()
        writer.add_end([line(1, f"part {one} ", end="") for one in range(100, 200)])
        beginning, mark, end = texts(log)
        assert beginning.startswith("part 0 part 1 ")
        assert mark == CUT.decode().strip()
        assert end.endswith("part 198 part 199 ")
        assert log.path.stat().st_size < 900

    def test_an_end_that_reaches_back_to_the_beginning_is_not_marked(
        self, log: MainLog, file: int
    ) -> None:
        writer = LogWriter(file)
        last = self.fill(writer)
        writer.begin_again()
        writer.add_end([line(one, f"line {one}") for one in range(last - 2, last + 3)])
        assert texts(log) == [f"line {one}" for one in range(last + 3)]


@given(st.data())
def test_frames_are_read_whatever_the_chunks_are(data: st.DataObject) -> None:
    sent = [line(1, "one"), line(2, "two", stream=2), line(3, "")]
    frames = [one.moment + b" " + one.text for one in sent]
    raw = b"".join(
        bytes([one.stream, 0, 0, 0]) + len(frame).to_bytes(4) + frame
        for one, frame in zip(sent, frames, strict=True)
    )
    terminal = b"".join(frames)
    for bytes_, split in ((raw, _framed), (terminal, _lines)):
        cuts = sorted(data.draw(st.lists(st.integers(0, len(bytes_)), max_size=5)))
        chunks = [bytes_[a:b] for a, b in zip([0, *cuts], [*cuts, len(bytes_)], strict=True)]
        found = [piece for some in split(iter(chunks)) for piece in some]
        assert [one.text for one in found] == [one.text for one in sent]


def test_a_line_of_a_terminal_that_never_ends_comes_in_parts() -> None:
    begin = b"2026-01-31T10:15:01.000000000Z begin"
    chunks = iter([begin, *[b"x" * 2**15] * 100, b"end\n2026-01-31T10:15:02.000000000Z next\n"])
    held = most = 0

    def counted() -> Iterator[bytes]:
        nonlocal held, most
        for chunk in chunks:
            held += len(chunk)
            most = max(most, held)
            yield chunk

    found = []
    for some in _lines(counted()):
        found += some
        held -= sum(len(one.text) for one in some)
    assert most < 2**18
    assert {one.moment for one in found[:-1]} == {begin.split()[0]}
    assert b"".join(one.text for one in found[:-1]) == b"begin" + b"x" * 2**15 * 100 + b"end\n"
    assert found[-1].text == b"next\n"
    assert all(one.text.endswith(b"\n") for one in found[-2:])


def test_parts_of_a_terminal_s_line_are_one_line_of_the_log(log: MainLog, file: int) -> None:
    text = "x" * 2**17
    sent = f"2026-01-31T10:15:01.000000000Z {text}\n2026-01-31T10:15:02.000000000Z next\n".encode()
    chunks = [sent[at : at + 2**14] for at in range(0, len(sent), 2**14)]
    writer = LogWriter(file)
    for some in _lines(iter(chunks)):
        writer.add(some)
    assert texts(log) == [text, "next"]
