"""``dockwarden run`` on what an earlier one has left, on the process runtime."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from engine.journal import Journal, find_journal
from tests.watchdog.conftest import ended

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0
RUN = "from engine.cli import main; main()"

COMPOSE = """
services:
  alpha: {image: none}
  beta: {image: none}
"""

WAITS = """
name: small
runtime: process
parallel: false
experiments:
  - {name: w, backend: alpha, command: ["true"]}
  - name: x
    backend: beta
    command: [sh, -c, "[ -e go ] || { echo up >up; exec sleep 600; }"]
  - {name: y, backend: beta, command: ["true"]}
"""

SHORT = """
name: short
runtime: process
retry: {max_attempts: 50, on: [lost]}
experiments:
  - {name: x, backend: [alpha, beta], repeat: 4, command: [sh, -c, "echo out"]}
"""

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts ``dockwarden run`` on the campaign in the test's folder."""
    with ExitStack() as stack:

        def start(*arguments: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "-c", RUN, "run", *arguments, str(tmp_path / "campaign.yml")],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.callback(process.communicate)
            stack.callback(process.kill)
            return process

        yield start


@pytest.fixture
def dockwarden(start: Start) -> Callable[..., tuple[int, str, str]]:
    """Runs it to its end: the exit code and both outputs."""

    def dockwarden(*arguments: str) -> tuple[int, str, str]:
        process = start(*arguments)
        out, err = process.communicate(timeout=PATIENCE_S)
        return process.returncode, out, err

    return dockwarden


def write(folder: Path, campaign: str) -> None:
    (folder / "docker-compose.yml").write_text(COMPOSE)
    (folder / "campaign.yml").write_text(dedent(campaign))


def records(results: Path) -> list[dict[str, Any]]:
    lines = (results / "latest" / "results.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a controller, and see that its leash has done what it has to do."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    with ExitStack() as stack:
        leashes = [
            stack.enter_context(ended(int(child)))
            for child in children
            if "engine.watchdog" in Path(f"/proc/{child}/cmdline").read_text()
        ]
        process.kill()
        process.communicate()
        for gone in leashes:
            gone()


def test_killed_again_and_again_every_run_ends_once(
    start: Start, dockwarden: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    write(tmp_path, SHORT)
    rng = random.Random(0)
    finished = False
    for _ in range(4):
        process = start()
        assert process.stdout is not None
        finished = not all(process.stdout.readline() for _ in range(rng.randint(1, 10)))
        if finished:
            break
        kill(process)
    code, out, err = (0, "", "") if finished else dockwarden()
    assert (code, "Traceback" in err) == (0, False), out + err
    results = tmp_path / "results" / "short"
    assert len([path for path in results.iterdir() if not path.is_symlink()]) == 1
    with Journal.read(find_journal(results)) as journal:
        assert [one.state for one in journal.outcomes()] == ["completed"] * 8
        assert not list(journal.open_attempts())
        attempts = {(one.run, one.number): one.ending for one in journal.attempts()}
    lines = records(results)
    assert {(line["run"], line["attempt"]): line["ending"] for line in lines} == attempts
    assert len(lines) == len(attempts)
    assert {*Counter(line["run"] for line in lines if line["exit_code"] == 0).values()} == {1}
    assert json.loads((results / "latest" / "summary.json").read_text())["counts"]["completed"] == 8


class TestInterrupted:
    @pytest.fixture
    def waiting(self, start: Start, tmp_path: Path) -> subprocess.Popen[str]:
        """A campaign whose first run is settled, and whose second runs until it is ended."""
        write(tmp_path, WAITS)
        os.mkfifo(tmp_path / "up")
        process = start()
        assert (tmp_path / "up").read_text() == "up\n"
        return process

    @pytest.fixture
    def results(self, waiting: subprocess.Popen[str], tmp_path: Path) -> Path:
        """The results of that campaign, once it has been interrupted; the next time it goes on."""
        waiting.send_signal(signal.SIGINT)
        waiting.communicate(timeout=PATIENCE_S)
        assert waiting.returncode == 130
        (tmp_path / "go").touch()
        return tmp_path / "results" / "small"

    def test_it_is_gone_on_with(
        self, results: Path, dockwarden: Callable[..., tuple[int, str, str]]
    ) -> None:
        code, out, err = dockwarden("--json")
        summary = json.loads(out)
        assert (code, summary["resumed"], summary["counts"]["completed"]) == (0, True, 3)
        folder = (results / "latest").resolve()
        assert f"resuming {folder}: 1 of 3 runs are settled\n" in err
        attempts = [(line["run"], line["attempt"], line["ending"]) for line in records(results)]
        assert attempts == [
            ("alpha-w", 1, "exited"),
            ("beta-x", 1, "interrupted"),
            ("beta-x", 2, "exited"),
            ("beta-y", 1, "exited"),
        ]
        assert len([*results.iterdir()]) == 2
        code, out, err = dockwarden("--json")  # all is settled: a new one
        assert (code, json.loads(out)["resumed"], "resuming" in err) == (0, False, False)
        assert len([*results.iterdir()]) == 3

    def test_fresh_begins_anew(
        self, results: Path, dockwarden: Callable[..., tuple[int, str, str]]
    ) -> None:
        before = (results / "latest").resolve()
        assert dockwarden("--fresh")[0] == 0
        assert (results / "latest").resolve() != before
        assert len(records(results)) == 3

    @pytest.mark.parametrize("as_json", [False, True])
    def test_a_dry_run_says_what_would_be_done(
        self,
        results: Path,
        dockwarden: Callable[..., tuple[int, str, str]],
        *,
        as_json: bool,
    ) -> None:
        before = {path: path.stat().st_mtime_ns for path in results.rglob("*")}
        code, out, _ = dockwarden("--dry-run", *(["--json"] if as_json else []))
        assert code == 0
        assert {path: path.stat().st_mtime_ns for path in results.rglob("*")} == before
        if as_json:
            told = json.loads(out)
            assert [run["run"] for run in told["runs"]] == ["beta-x", "beta-y"]
            assert told["services"] == ["beta"]
            assert told["resume"]["settled"] == ["alpha-w"]
        else:
            assert out.startswith("resuming ")
            assert "alpha-w" not in out
            assert "2 runs:" in out

    def test_what_has_changed_is_said_before_anything_runs(
        self,
        results: Path,
        dockwarden: Callable[..., tuple[int, str, str]],
        tmp_path: Path,
    ) -> None:
        (tmp_path / "docker-compose.yml").write_text(
            f"{COMPOSE}    environment: {{A: b}}\n".replace(
                "beta: {image: none}", "beta:\n    image: none"
            )
        )
        changed = WAITS.replace('alpha, command: ["true"]', 'alpha, command: ["false"]')
        (tmp_path / "campaign.yml").write_text(changed.replace("name: y", "name: z"))
        code, out, err = dockwarden()
        assert code == 0
        assert "to be done: campaign, experiment alpha-w, service beta\n" in err
        assert "not run again: alpha-w\n" in err
        assert "new in the plan: beta-z\n" in err
        assert "left alone: beta-y\n" in err
        assert "alpha-w" not in out

    def test_one_that_still_runs_is_not_taken_away_from_its_controller(
        self, waiting: subprocess.Popen[str], dockwarden: Callable[..., tuple[int, str, str]]
    ) -> None:
        code, _, err = dockwarden()
        assert code == 2
        assert f"process {waiting.pid} on " in err
        assert "resuming" not in err

    def test_a_journal_that_cannot_be_read(
        self, results: Path, dockwarden: Callable[..., tuple[int, str, str]]
    ) -> None:
        (results / "latest" / "journal.sqlite").write_bytes(b"something else")
        code, _, err = dockwarden()
        assert (code, "--fresh" in err) == (2, True)
        assert dockwarden("--fresh")[0] == 0
