"""The page on servers shows the example as it is, and a record of it as it comes out."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import Page, dockwarden

PAGE = Page("serving.md")
EXAMPLE = Path(__file__).parents[2] / "examples" / "serving"


def test_the_files_are_those_of_the_example() -> None:
    shown = PAGE.files()
    assert shown.keys() == {"docker-compose.yml", "campaign.yml"}
    for name, text in shown.items():
        assert (EXAMPLE / name).read_text() == text


def test_the_command_gives_the_record_that_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "examples" / "serving"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("results"))
    written = r"^\$ SERVER_HOST=localhost dockwarden (run .*)$"
    (command,) = re.findall(written, PAGE.text, re.MULTILINE)
    monkeypatch.setenv("SERVER_HOST", "localhost")
    done = dockwarden(tmp_path, *command.split())
    assert done.returncode == 0, done.stdout + done.stderr
    (block,) = PAGE.texts("json")
    shown: dict[str, Any] = json.loads(block)
    lines = (folder / "results" / "serving" / "latest" / "results.jsonl").read_text().splitlines()
    records = {one["run"]: one for one in map(json.loads, lines)}
    record = records[shown["run"]]
    (target,) = shown.pop("targets")
    assert {name: record[name] for name in shown} == shown
    assert {name: record["targets"][0][name] for name in target} == target
