"""The page on servers shows the example as it is, and a record of it as it comes out."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "serving.md").read_text()
EXAMPLE = ROOT / "examples" / "serving"


def test_the_files_are_those_of_the_example() -> None:
    shown = dict(re.findall(r"^```yaml\n# (\S+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))
    assert shown.keys() == {"docker-compose.yml", "campaign.yml"}
    for name, text in shown.items():
        assert (EXAMPLE / name).read_text() == text


def test_the_command_gives_the_record_that_is_shown(tmp_path: Path) -> None:
    folder = tmp_path / "examples" / "serving"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("results"))
    (command,) = re.findall(r"^\$ SERVER_HOST=localhost dockwarden (run .*)$", TEXT, re.MULTILINE)
    done = subprocess.run(
        [sys.executable, "-m", "dockwarden", *command.split()],
        cwd=tmp_path,
        env={**os.environ, "SERVER_HOST": "localhost"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (block,) = re.findall(r"^```json\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    shown: dict[str, Any] = json.loads(block)
    lines = (folder / "results" / "serving" / "latest" / "results.jsonl").read_text().splitlines()
    records = {one["run"]: one for one in map(json.loads, lines)}
    record = records[shown["run"]]
    (target,) = shown.pop("targets")
    assert {name: record[name] for name in shown} == shown
    assert {name: record["targets"][0][name] for name in target} == target
