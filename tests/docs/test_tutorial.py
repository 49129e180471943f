"""The tutorial, carried out literally: its files are written, and its commands are run."""

from __future__ import annotations

import csv
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from engine.campaign.config.load import load_campaign
from engine.results import load
from tests.lab import BASE_IMAGE, Engine

PAGE = Path(__file__).parents[2] / "docs" / "tutorial-sweep.md"
FILES = ("docker-compose.yml", "measure.py", "campaign.yml")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(*kinds: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(PAGE.read_text()) if kind in kinds]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder, with the files of the page."""
    for name, text in zip(FILES, blocks("yaml", "python"), strict=True):
        (tmp_path / name).write_text(text)
    return tmp_path


def carry_out(folder: Path, runtime: str, **environment: str) -> list[str]:
    """Run the page's commands but the installation; what each printed."""
    printed = []
    for line in blocks("console")[1:]:
        words = shlex.split(line.removeprefix("$ "))
        assert words[0] == "dockwarden"
        more = ["--runtime", runtime] if words[1] == "run" else []
        done = subprocess.run(
            [sys.executable, "-m", *words, *more],
            cwd=folder,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
    return printed


def check(folder: Path, printed: list[str]) -> None:
    assert len(printed) == 5
    assert "144 runs" in printed[0]
    rows = load(folder / "results" / "codecs" / "latest")
    assert [row["outcome"] for row in rows] == ["completed"] * 144
    assert all(row["metrics.speed"] > 0 for row in rows)
    assert re.search(r"\| noise +\| zlib +\| +9 \|", printed[2]), printed[2]
    assert (folder / "front.svg").read_text().count("<svg") == 1
    with (folder / "codecs.csv").open(newline="") as file:
        assert len([*csv.DictReader(file)]) == 144


@pytest.mark.timeout(600)
def test_on_local_processes(folder: Path) -> None:
    check(folder, carry_out(folder, "process"))


@pytest.mark.long
@pytest.mark.docker
@pytest.mark.timeout(600)
def test_on_docker(folder: Path, engine: Engine) -> None:
    tag = ["docker", "tag", BASE_IMAGE, "python:3.12-slim"]
    subprocess.run(tag, env={**os.environ, **engine.environment}, check=True)
    check(folder, carry_out(folder, "docker", **engine.environment))


def test_the_campaign_is_short_and_has_24_combinations(folder: Path) -> None:
    assert len((folder / "campaign.yml").read_text().splitlines()) <= 30
    campaign = load_campaign(folder / "campaign.yml")
    assert len(campaign.experiments) == 24
