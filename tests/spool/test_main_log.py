"""The log of a start lies among the results, bounded and readable by its owner alone, even if an entry has its name."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from engine.spool import main_log
from engine.spool.main_log import CUT, MainLog, logs_of

ID = "0123456789ab" + "f" * 52


@pytest.fixture
def log(tmp_path: Path) -> MainLog:
    return MainLog.of(tmp_path, "alpha", 2, ID)


def write(log: MainLog, text: str) -> None:
    with log.opened() as file:
        os.write(file, text.encode())


def test_its_name_follows_from_what_a_record_tells(log: MainLog, tmp_path: Path) -> None:
    assert log.path == tmp_path / "alpha" / "_log" / "2-0123456789ab.log"
    assert MainLog.of(tmp_path, "alpha", 1, "77:1234").path.name == "1-77-1234.log"
    assert MainLog.of(tmp_path, "alpha", 1, "../../x").path.parent == log.path.parent


def test_it_is_its_owner_s_alone(log: MainLog) -> None:
    write(log, "it began\n")
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.path.parent.stat().st_mode) == 0o700
    assert log.kept
    assert log.last_lines(5, 100) == ["it began"]


def test_lines_of_engines_are_told_from_those_that_a_process_has_dated(tmp_path: Path) -> None:
    dated = "2026-01-31T10:15:00.123456789Z it began"
    assert MainLog.of(tmp_path, "alpha", 1, ID).text_of(dated) == "it began"
    assert MainLog.of(tmp_path, "alpha", 1, "77:1234").text_of(dated) == dated


@pytest.mark.parametrize("planted", ["pipe", "link", "second link"])
def test_nothing_else_is_written_to_or_read(log: MainLog, tmp_path: Path, planted: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("of the machine\n")
    log.path.parent.mkdir(parents=True)
    match planted:
        case "pipe":
            os.mkfifo(log.path)
        case "link":
            log.path.symlink_to(secret)
        case "second link":
            log.path.hardlink_to(secret)
    with pytest.raises(OSError, match=r".+"):
        write(log, "over it\n")
    assert log.last_lines(5, 100) == []
    assert not log.kept
    assert secret.read_text() == "of the machine\n"


def test_logs_are_listed_in_the_order_of_their_writing(tmp_path: Path) -> None:
    second, first = (MainLog.of(tmp_path, "alpha", number, ID) for number in (1, 2))
    for at, one in enumerate((first, second)):
        write(one, "x\n")
        os.utime(one.path, (at, at))
    (tmp_path / "alpha" / "_log" / "notes.txt").touch()
    assert logs_of(tmp_path, "alpha") == [first, second]
    assert logs_of(tmp_path, "beta") == []


def test_a_log_whose_writer_kept_to_no_bounds_is_cut(
    log: MainLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main_log, "HEAD_BYTES", 100)
    monkeypatch.setattr(main_log, "TAIL_BYTES", 50)
    lines = [f"line {number}" for number in range(1000)]
    write(log, "\n".join(lines) + "\n")
    log.trim()
    kept = log.last_lines(1000, 10**6)
    assert log.path.stat().st_size <= 151 + len(CUT)
    assert (kept[0], kept[-1]) == ("line 0", "line 999")
    assert CUT.decode().strip() in kept
    trimmed = log.path.read_bytes()
    monkeypatch.setattr(main_log, "TAIL_BYTES", 1000)
    log.trim()
    assert log.path.read_bytes() == trimmed


def test_a_file_that_becomes_a_log_is_written_on(log: MainLog, tmp_path: Path) -> None:
    file = tmp_path / "main.log"
    with file.open("w") as writing:
        writing.write("before\n")
        log.take(file)
        writing.write("after\n")
    assert log.last_lines(5, 100) == ["before", "after"]
    assert not file.exists()
