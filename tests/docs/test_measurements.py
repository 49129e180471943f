"""The page on metrics and artifacts: each of its blocks does what the page says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "measurements.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def files() -> dict[str, str]:
    """The files of the page, by the names in their first lines."""
    named = (text.split("\n", 1) for language, text in BLOCKS if language == "yaml")
    return {first.removeprefix("# "): rest for first, rest in named}


def expected() -> Iterator[tuple[str, dict[str, Any]]]:
    """What the page shows of records, each with the campaign file that stands before it."""
    file = ""
    for language, text in BLOCKS:
        if language == "yaml":
            file = text.split("\n", 1)[0].removeprefix("# ")
        elif language == "json":
            yield file, json.loads(text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    for name, text in files().items():
        (tmp_path / name).write_text(text)
    return tmp_path


def records(folder: Path, file: str) -> dict[str, dict[str, Any]]:
    command = [sys.executable, "-m", "dockwarden", "run", file, "--runtime", "process"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = (folder / "results" / Path(file).stem / "latest" / "results.jsonl").read_text()
    return {one["run"]: one for one in map(json.loads, lines.splitlines())}


def test_every_campaign_of_the_page_shows_what_comes_out() -> None:
    assert {file for file, _ in expected()} == files().keys() - {"docker-compose.yml"}


@pytest.mark.parametrize("file", sorted({file for file, _ in expected()}))
def test_a_campaign_gives_the_records_that_are_shown(folder: Path, file: str) -> None:
    found = records(folder, file)
    for of, shown in expected():
        if of == file:
            record = found[shown["run"]]
            assert {name: record[name] for name in shown} == shown


def test_the_program_runs(folder: Path) -> None:
    (program,) = (text for language, text in BLOCKS if language == "python")
    local = program.replace('output_dir="output"', 'output_dir="output", runtime="process"')
    assert local != program
    root = str(PAGE.parents[1])
    done = subprocess.run(
        [sys.executable, "-c", local],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
