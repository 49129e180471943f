"""Real models on a real engine, with real faults: ``make test-llm``, minutes, not part of ``make test``.

It takes what ``examples/llm/prepare.py`` makes, and makes it where it is lacking. Nothing here is about how
fast an engine is.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.lab import BASE_IMAGE, Engine

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1200)]

HOME = Path(__file__).parents[2] / "examples" / "llm"
LLAMACPP = ["python3", "client_llamacpp.py", "--new-tokens=16"]
RENAMED = """
import ctypes, os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        ctypes.CDLL(None).prctl(15, b"another name", 0, 0, 0)
        time.sleep(3600)
    os._exit(0)
"""


@pytest.fixture(scope="module", autouse=True)
def prepared(lab: Engine) -> None:
    environment = {**os.environ, **lab.environment, "LLM_BASE": BASE_IMAGE}
    subprocess.run([sys.executable, HOME / "prepare.py"], env=environment, check=True)


class Campaigns:
    """Runs campaigns on the backends of the example, in a folder of their own."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment
        self.records: list[dict[str, Any]] = []

    def run(self, *experiments: dict[str, Any], **keys: Any) -> dict[str, Any]:
        """The summary of a campaign of these experiments."""
        defaults = {"backend": "llamacpp", "command": LLAMACPP}
        campaign = {
            "name": "real",
            "runtime": "docker",
            "compose_file": str(HOME / "docker-compose.yml"),
            "results": str(self.folder / "results"),
            "experiments": [{**defaults, **one} for one in experiments],
            "defaults": {"timeout": "10m"},
            **keys,
        }
        file = self.folder / "campaign.yml"
        file.write_text(json.dumps(campaign))
        words = [
            sys.executable,
            "-m",
            "dockwarden",
            "run",
            str(file),
            "--fresh",
            "--json",
            "--quiet",
        ]
        done = subprocess.run(
            words, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.stdout, done.stderr
        summary: dict[str, Any] = json.loads(done.stdout)
        lines = (Path(summary["results"]) / "results.jsonl").read_text().splitlines()
        self.records = [json.loads(line) for line in lines]
        listed = [
            "docker",
            "ps",
            "--all",
            "--quiet",
            "--filter",
            "label=com.docker.compose.project=dockwarden-llm",
        ]
        left = subprocess.run(
            listed, env=self.environment, capture_output=True, text=True, check=True
        ).stdout
        assert left == "", "containers were left"
        return summary

    def tokens(self) -> list[list[int]]:
        """What each attempt generated."""
        results = next((self.folder / "results").glob("latest"))
        return [
            json.loads((results / artifact["path"]).read_text())["tokens"]
            for record in self.records
            for artifact in record["artifacts"]
        ]


@pytest.fixture
def campaigns(tmp_path: Path, lab: Engine) -> Campaigns:
    return Campaigns(tmp_path, {**os.environ, **lab.environment})


def test_each_engine_measures_the_same_things(campaigns: Campaigns) -> None:
    summary = campaigns.run(
        {
            "name": "generate",
            "backend": "{{ engine }}",
            "command": ["python3", "client_{{ engine }}.py", "--new-tokens=16"],
            "sweep": {"matrix": {"engine": ["llamacpp", "openvino", "pytorch"]}},
        }
    )
    assert summary["counts"]["completed"] == 3
    measured = {"import_s", "load_s", "first_token_s", "tokens_per_s", "peak_memory_mib"}
    assert all(measured <= record["metrics"].keys() for record in campaigns.records)
    assert [len(tokens) for tokens in campaigns.tokens()] == [16, 16, 16]


def test_llama_cpp_repeats_its_text_across_a_restart(campaigns: Campaigns) -> None:
    campaigns.run({"name": "generate", "repeat": 3, "cold_start": True})
    assert {record["generation"] for record in campaigns.records} == {1, 2, 3}
    first, *others = campaigns.tokens()
    assert others == [first, first]


def test_a_missing_model_fails_its_own_run(campaigns: Campaigns) -> None:
    summary = campaigns.run(
        {"name": "missing", "command": [*LLAMACPP, "--model=none.gguf"]}, {"name": "there"}
    )
    assert [run["state"] for run in summary["runs"]] == ["failed", "completed"]
    assert "there is no model at none.gguf" in campaigns.records[0]["stderr_lines"][-1]


def test_an_engine_that_needs_more_memory_than_there_is_fails_its_own_run(
    campaigns: Campaigns, tmp_path: Path
) -> None:
    over = tmp_path / "small.yml"
    limits = {"mem_limit": "400m", "memswap_limit": "400m"}
    over.write_text(json.dumps({"services": {"pytorch": limits}}))
    pytorch = {"backend": "pytorch", "command": ["python3", "client_pytorch.py"]}
    summary = campaigns.run(
        {"name": "large", **pytorch},
        {"name": "small", **pytorch, "command": ["python3", "-c", "print('up')"]},
        compose_file=[str(HOME / "docker-compose.yml"), str(over)],
    )
    assert [run["state"] for run in summary["runs"]] == ["failed", "completed"]
    assert campaigns.records[0]["exit_code"] == 137
    assert {record["generation"] for record in campaigns.records} == {1}


def test_an_engine_that_hangs_is_ended_by_its_silence(campaigns: Campaigns) -> None:
    stopped = "import os, signal; import xllamacpp; print('up', flush=True); os.kill(os.getpid(), signal.SIGSTOP)"
    summary = campaigns.run(
        {"name": "hangs", "command": ["python3", "-c", stopped], "silence": "3s"}, {"name": "next"}
    )
    assert [run["state"] for run in summary["runs"]] == ["failed", "completed"]
    assert campaigns.records[0]["ending"] == "silence"


def test_a_worker_that_renames_itself_is_ended_before_the_next_run(campaigns: Campaigns) -> None:
    campaigns.run({"name": "renames", "command": ["python3", "-c", RENAMED]}, {"name": "next"})
    assert [len(record["left"]) for record in campaigns.records] == [1, 0]
    assert campaigns.records[0]["left"][0]["ended_by"] == "signal"


def test_a_second_preparation_does_nothing(lab: Engine) -> None:
    environment = {**os.environ, **lab.environment, "LLM_BASE": BASE_IMAGE}
    done = subprocess.run(
        [sys.executable, HOME / "prepare.py"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "all is there\n"
