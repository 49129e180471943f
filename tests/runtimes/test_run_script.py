"""The shell around a command: which of several shells runs it, and what the command gets."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from engine.runtimes.exit_status import STARTED, begun, noted
from engine.runtimes.in_container import RUN
from engine.spool import Spool
from engine.spool.slot import Slot


@pytest.fixture
def slot(tmp_path: Path) -> Slot:
    spool = Spool(tmp_path, "alpha")
    spool.make()
    return spool.begin("e1.1")


def argv(slot: Slot, nth: int, line: str, script: str = RUN) -> list[str]:
    return ["/bin/sh", "-c", script, "dockwarden", str(slot.folder), str(nth), "sh", "-c", line]


def shell(slot: Slot, nth: int, line: str, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        argv(slot, nth, line), env={**os.environ, **environment}, stderr=subprocess.DEVNULL
    )


def test_a_later_shell_for_the_same_command_runs_nothing_and_changes_nothing(slot: Slot) -> None:
    assert not begun(slot.folder)
    assert shell(slot, 2, "echo second; exit 7").wait() == 7
    assert begun(slot.folder)
    before = {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in slot_files(slot)}
    assert shell(slot, 1, "echo first; exit 0").wait() == 2
    after = {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in slot_files(slot)}
    assert after == before
    assert slot.read("stdout", 100) == b"second\n"
    found = noted(slot.folder)
    assert found is not None
    assert found.exit_code == 7


def test_of_shells_that_begin_at_once_one_runs_the_command(slot: Slot) -> None:
    gate, opened = os.pipe()
    waiting = [
        subprocess.Popen(
            argv(slot, number, f"echo {number}; exit 100", f"read -r _\n{RUN}"),
            stdin=gate,
            stderr=subprocess.DEVNULL,
        )
        for number in range(1, 9)
    ]
    os.close(gate)
    os.close(opened)
    codes = [one.wait() for one in waiting]
    assert sorted(codes) == [2] * 7 + [100]
    assert slot.read("stdout", 100) == b"%d\n" % (codes.index(100) + 1)


def test_a_slot_that_is_gone_runs_nothing(slot: Slot, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    slot.collect(None, Path("e1"), most_bytes=None)
    assert shell(slot, 1, f"touch {witness}", dockwarden_first="1").wait() == 2
    assert not witness.exists()


def test_a_slot_whose_note_is_not_as_it_was_made_has_begun(slot: Slot) -> None:
    (slot.folder / STARTED).unlink()
    assert begun(slot.folder)


@pytest.mark.parametrize("name", ["folder", "number", "code", "signalled", "first"])
def test_the_environment_of_a_command_is_its_own(slot: Slot, name: str) -> None:
    shell(slot, 1, f'echo "${name}"', **{name: "as it was"}).wait()
    assert slot.read("stdout", 100) == b"as it was\n"


def slot_files(slot: Slot) -> list[Path]:
    return sorted(one for one in slot.folder.iterdir() if one.is_file())
