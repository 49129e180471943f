"""Real models on a real engine, with real faults: ``make test-llm``, minutes, not part of ``make test``.

It takes what ``examples/llm/prepare.py`` makes, and makes it where it is lacking. Nothing here is about how
fast an engine is.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.lab import BASE_IMAGE, Engine

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1200)]

HOME = Path(__file__).parents[2] / "examples" / "llm"
PROJECT = "dockwarden-llm"
SERVING = HOME / "serving"
LLAMACPP = ["python3", "client_llamacpp.py", "--new-tokens=16"]
LOAD = ["python3", "load.py", "--requests=6", "--new-tokens=8", "--concurrency={{ concurrency }}"]
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
    """Runs campaigns on the backends of an example, in a separate folder."""

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
        assert self.docker("ps", "--all", "--quiet", "--filter", f"name={PROJECT}") == ""
        return summary

    def docker(self, *words: str) -> str:
        """What a command of the Docker CLI prints."""
        asked = ["docker", *words]
        done = subprocess.run(
            asked, env=self.environment, capture_output=True, text=True, check=True
        )
        return done.stdout

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
    limits = {"mem_limit": "250m", "memswap_limit": "250m"}
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


class TestServing:
    """The llama.cpp server as a backend, and what measures it as another."""

    @pytest.fixture
    def served(self, campaigns: Campaigns) -> Callable[..., dict[str, Any]]:
        def run(*experiments: dict[str, Any]) -> dict[str, Any]:
            return campaigns.run(
                *({"backend": "client", "targets": "server", **one} for one in experiments),
                compose_file=str(SERVING / "docker-compose.yml"),
                backends={"server": {"ready": {"http": "http://localhost:8089/health"}}},
                retry={"max_attempts": 2, "on": ["lost"]},
            )

        return run

    def test_one_server_is_loaded_at_several_concurrencies(
        self, campaigns: Campaigns, served: Callable[..., dict[str, Any]]
    ) -> None:
        summary = served(
            {"name": "load", "command": LOAD, "sweep": {"matrix": {"concurrency": [1, 4]}}}
        )
        assert summary["counts"]["completed"] == 2
        for record in campaigns.records:
            measured = record["metrics"]
            assert measured["slowest_s"] >= measured["latency_s"] >= measured["first_token_s"] > 0
            assert record["health_checks"] == 0
            assert [one["generation"] for one in record["targets"]] == [1]

    def test_a_server_that_hangs_under_load_is_restarted_and_measured_again(
        self, campaigns: Campaigns, served: Callable[..., dict[str, Any]]
    ) -> None:
        command = [*LOAD[:-1], "--concurrency=4", "--requests=60", "--timeout=20"]
        with stopping_server(campaigns):
            summary = served({"name": "load", "command": command, "timeout": "10m"})
        lost, measured = campaigns.records
        assert (lost["ending"], measured["ending"]) == ("lost", "exited")
        assert lost["reason"].startswith("server, which it measures, was at fault")
        assert measured["targets"][0]["generation"] == 2
        assert summary["counts"]["completed"] == 1


@contextmanager
def stopping_server(campaigns: Campaigns) -> Iterator[None]:
    """Stop the server's processes, once, after it has answered the first request of an experiment."""
    server = f"{PROJECT}-serving-server-1"
    answered = "import urllib.request as u; print(u.urlopen('http://localhost:8089/slots').read())"
    over = threading.Event()

    def stop() -> None:
        while not over.wait(0.5):
            asked = ["docker", "exec", server, "python3", "-c", answered]
            said = subprocess.run(
                asked, env=campaigns.environment, capture_output=True, text=True, check=False
            )
            if '"is_processing":true' in said.stdout:
                campaigns.docker("exec", server, "sh", "-c", "kill -STOP $(pidof python3)")
                return

    thread = threading.Thread(target=stop)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


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
