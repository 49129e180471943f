"""The page on GPUs: each of its blocks does what the page says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "gpus.md"
TEXT = PAGE.read_text()


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for block in blocks("yaml"):
        name, _, text = block.partition("\n")
        (tmp_path / name.removeprefix("# ")).write_text(text)
    return tmp_path


def dockwarden(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dockwarden", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_plan_is_as_it_is_shown(folder: Path) -> None:
    (block,) = blocks("console")
    command, _, shown = block.partition("\n")
    assert dockwarden(folder, *command.removeprefix("$ dockwarden ").split()) == shown


def test_the_plan_for_programs_has_it_too(folder: Path) -> None:
    planned = json.loads(dockwarden(folder, "run", "campaign.yml", "--dry-run", "--json"))
    told = {one["backend"]: one["surely"] for one in planned["gpu_rivals"]}
    assert told["tensor-parallel"] == ["vllm", "sglang"]


def test_doctor_says_the_same(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dockwarden", "doctor", "campaign.yml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    (line,) = [one for one in done.stdout.splitlines() if "shared GPUs" in one]
    assert "tensor-parallel (all GPUs): vllm, sglang" in line


def test_the_campaign_gives_the_record_and_the_comparison(folder: Path) -> None:
    dockwarden(folder, "run", "campaign.yml", "--runtime", "process")
    (block,) = blocks("json")
    shown: dict[str, Any] = json.loads(block)
    lines = (folder / "results/gpus/latest/results.jsonl").read_text().splitlines()
    records = {one["run"]: one for one in map(json.loads, lines)}
    record = records[shown["run"]]
    assert {name: record[name] for name in shown} == shown
    assert records["tensor-parallel-load"]["beside"] == []
    (compare,) = re.findall(r"`dockwarden (compare [^`]*)`", TEXT)
    assert "tensor-parallel" in dockwarden(folder, *compare.split())
    table = dockwarden(folder, "results", "results/gpus", "--format", "csv")
    assert '"sglang, vllm"' in table
    assert "gpus_shared_with" in dockwarden(
        folder, "report", "results/gpus/latest", "--format", "csv"
    )


def test_each_setting_of_server_memory_is_read(folder: Path) -> None:
    from engine.campaign.config.load import load_campaign
    from engine.policy import ServerMemory

    policies = load_campaign(folder / "memory.yml").policies
    found = {name: policy.health.gpu.server_memory for name, policy in policies.items()}
    assert found == {"vllm": ServerMemory.BASELINE, "sglang": 40 * 2**30}
    (table,) = re.findall(r"^\| `server_memory` \|.*?\n\n", TEXT, re.MULTILINE | re.DOTALL)
    assert all(f"| `{one.value}` |" in table for one in ServerMemory)
    dockwarden(folder, "run", "memory.yml", "--dry-run")
