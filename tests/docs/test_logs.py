"""The page on logs: each of its blocks does what the page says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from engine.spool.main_log import HEAD_BYTES, TAIL_BYTES, MainLog, logs_of

PAGE = Path(__file__).parents[2] / "docs" / "logs.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for language, text in BLOCKS:
        if language == "yaml":
            name, rest = text.split("\n", 1)
            (tmp_path / name.removeprefix("# ")).write_text(rest)
    return tmp_path


def dockwarden(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dockwarden", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_is_shown_is_printed(folder: Path) -> None:
    assert dockwarden(folder, "run", "logs.yml", "--runtime", "process").returncode == 0
    shown = [text for language, text in BLOCKS if language == "console"]
    assert shown
    for text in shown:
        command, _, printed = text.removeprefix("$ dockwarden ").partition("\n")
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
    path, line = (text.strip() for language, text in BLOCKS if language == "text")
    log = MainLog.of(Path("results/logs/20260131T101500Z"), "server", 1, "0367abda7c3f" + "0" * 52)
    assert str(log.path) == path
    assert log.text_of(line) == "listening on port 8000"
    page = PAGE.read_text()
    assert f"first {HEAD_BYTES // 2**20} MiB" in page
    assert f"last {TAIL_BYTES // 2**20} MiB" in page
