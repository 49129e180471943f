"""The page on logs: each of its blocks does what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.spool.main_log import HEAD_BYTES, TAIL_BYTES, MainLog, logs_of
from tests.docs.pages import Page, dockwarden

PAGE = Page("logs.md")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return PAGE.write(tmp_path)


def test_what_is_shown_is_printed(folder: Path) -> None:
    assert dockwarden(folder, "run", "logs.yml", "--runtime", "process").returncode == 0
    commands = PAGE.commands()
    assert commands
    for command, printed in commands:
        done = dockwarden(folder, *command.split())
        assert done.returncode == 0, done.stderr
        assert done.stdout == printed


def test_a_backend_that_fails_is_quoted_once(folder: Path) -> None:
    done = dockwarden(folder, "run", "broken.yml", "--runtime", "process")
    assert done.returncode == 2
    (log,) = logs_of(folder / "results" / "broken" / "latest", "server")
    assert done.stderr.count("its last lines") == 1
    assert done.stderr.count("no licence found") == 1
    assert str(log.path.resolve()) in done.stderr
    assert "no licence found" not in done.stdout
    assert f"see {log.within}" in done.stdout


def test_names_and_bounds_are_those_of_the_code() -> None:
    path, line = (text.strip() for text in PAGE.texts("text"))
    log = MainLog.of(Path("results/logs/20260131T101500Z"), "server", 1, "0367abda7c3f" + "0" * 52)
    assert str(log.path) == path
    assert log.text_of(line) == "listening on port 8000"
    assert f"first {HEAD_BYTES // 2**20} MiB" in PAGE.text
    assert f"last {TAIL_BYTES // 2**20} MiB" in PAGE.text
