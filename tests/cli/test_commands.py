"""The command line, on the process runtime: what it prints, and its exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from engine.cli import main

ROOT = Path(__file__).parents[2]
RUN = "from engine.cli import main; main()"

COMPOSE = """
services:
  alpha: {image: none, depends_on: [base], restart: always}
  beta: {image: none}
  base: {image: none, command: [sleep, infinity]}
  unused: {image: none}
"""

CAMPAIGN = """
name: small
runtime: process
experiments:
  - name: x
    backend: [alpha, beta]
    command: [sh, -c, 'echo out; echo err >&2']
"""

Write = Callable[[str], Path]
Dockwarden = Callable[..., tuple[int, str, str]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(campaign: str) -> Path:
        (tmp_path / "docker-compose.yml").write_text(COMPOSE)
        file = tmp_path / "campaign.yml"
        file.write_text(dedent(campaign))
        return file

    return write


@pytest.fixture
def dockwarden(capfd: pytest.CaptureFixture[str]) -> Dockwarden:
    def dockwarden(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exited:
            main([str(argument) for argument in arguments])
        code = exited.value.code
        assert isinstance(code, int)
        return code, *capfd.readouterr()

    return dockwarden


class TestRun:
    def test_all_completed(self, write: Write, dockwarden: Dockwarden, tmp_path: Path) -> None:
        code, out, err = dockwarden("run", write(CAMPAIGN))
        assert code == 0
        assert "2 completed, of 2" in out
        assert "alpha: starting -> ready" in out
        assert "process runtime" in err
        assert "restart: always" in err
        written = tmp_path / "results" / "small" / "latest" / "beta" / "beta-x" / "attempt-1"
        assert (written / "stdout").read_text() == "out\n"
        assert (written / "stderr").read_text() == "err\n"

    def test_some_failed(self, write: Write, dockwarden: Dockwarden) -> None:
        code, out, _ = dockwarden("run", write(CAMPAIGN.replace("echo out", "exit 3")))
        assert code == 1
        assert "alpha-x failed: exit code 3" in out

    def test_json_is_all_that_stands_on_stdout(self, write: Write, dockwarden: Dockwarden) -> None:
        code, out, err = dockwarden("run", "--json", write(CAMPAIGN))
        assert code == 0
        assert json.loads(out)["counts"]["completed"] == 2
        assert "alpha-x completed" in err

    def test_quiet_prints_the_summary_alone(self, write: Write, dockwarden: Dockwarden) -> None:
        _, out, err = dockwarden("run", "--quiet", write(CAMPAIGN))
        assert out.startswith("small: 2 completed")
        assert not err

    def test_only_one_backend(self, write: Write, dockwarden: Dockwarden) -> None:
        code, out, _ = dockwarden("run", "--json", "--only", "beta", write(CAMPAIGN))
        runs = {run["run"]: run["attempts"] for run in json.loads(out)["runs"]}
        assert (code, runs) == (0, {"alpha-x": 0, "beta-x": 1})

    def test_results_elsewhere(self, write: Write, dockwarden: Dockwarden, tmp_path: Path) -> None:
        dockwarden("run", "--results", tmp_path / "there", write(CAMPAIGN))
        assert (tmp_path / "there" / "latest" / "results.jsonl").exists()
        assert not (tmp_path / "results").exists()

    @pytest.mark.parametrize("as_json", [False, True])
    def test_a_dry_run_prints_the_plan_and_touches_nothing(
        self, write: Write, dockwarden: Dockwarden, tmp_path: Path, *, as_json: bool
    ) -> None:
        file = write(CAMPAIGN)
        before = {*tmp_path.rglob("*")}
        code, out, _ = dockwarden("run", "--dry-run", *(["--json"] if as_json else []), file)
        assert code == 0
        assert {*tmp_path.rglob("*")} == before
        if as_json:
            plan = json.loads(out)
            assert {*plan["services"]} == {"alpha", "base", "beta"}
            assert [run["run"] for run in plan["runs"]] == ["alpha-x", "beta-x"]
        else:
            assert "base" in out.splitlines()[0]
            assert "unused" not in out
            assert out.index("alpha-x") < out.index("beta-x")


class TestBadInput:
    @pytest.mark.parametrize(
        ("campaign", "said"),
        [
            (CAMPAIGN.replace("name: x", "nam: x"), "did you mean 'name'?"),
            (CAMPAIGN.replace("alpha,", "alpa,"), "did you mean 'alpha'?"),
            (f"{CAMPAIGN}compose_file: other.yml", "other.yml"),
            (f"{CAMPAIGN}backends: {{beta: {{keep_alive: [no-such-program]}}}}", ""),
        ],
    )
    def test_is_told_in_a_paragraph(
        self, write: Write, dockwarden: Dockwarden, campaign: str, said: str
    ) -> None:
        code, _, err = dockwarden("run", write(campaign), "--only", "beta")
        assert code == 2
        assert err.count("dockwarden: ") >= 1
        assert said in err
        assert "Traceback" not in err

    def test_no_such_file(self, dockwarden: Dockwarden) -> None:
        code, _, err = dockwarden("run", "none.yml")
        assert (code, "none.yml" in err) == (2, True)

    def test_an_unknown_option(self, dockwarden: Dockwarden) -> None:
        assert dockwarden("run", "--sideways")[0] == 2

    def test_results_where_none_can_be(
        self, write: Write, dockwarden: Dockwarden, tmp_path: Path
    ) -> None:
        (tmp_path / "file").touch()
        code, _, err = dockwarden("run", "--results", tmp_path / "file" / "in", write(CAMPAIGN))
        assert code == 2
        assert "--results" in err

    @pytest.mark.parametrize("command", ["status", "down"])
    def test_no_engine(
        self, dockwarden: Dockwarden, command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
        code, _, err = dockwarden(command)
        assert code == 2
        assert "no Docker engine answers" in err


def test_the_doctor_does_without_an_engine(
    write: Write, dockwarden: Dockwarden, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    file = write(CAMPAIGN)
    code, out, _ = dockwarden("doctor", file)
    assert "warn  engine: no Docker engine answers" in out
    assert code == 0 or "fail  disk" in out
    file.write_text(file.read_text().replace("runtime: process", "runtime: docker"))
    code, out, _ = dockwarden("doctor", file)
    assert "fail  engine" in out
    assert code == 1


@pytest.mark.parametrize("command", [("run", "--dry-run"), ("doctor",)])
def test_what_read_the_compose_file_and_what_it_misses_is_said(
    write: Write, dockwarden: Dockwarden, command: tuple[str, ...]
) -> None:
    file = write(CAMPAIGN)
    compose = file.parent / "docker-compose.yml"
    compose.write_text(compose.read_text().replace("services:", "name: p$NOWHERE\nservices:", 1))
    _, out, err = dockwarden(*command, file)
    assert "read by dockwarden" in out + err
    assert "the variable NOWHERE is not set" in out + err


@pytest.mark.parametrize(
    "command",
    [
        "run",
        "watch",
        "report",
        "history",
        "status",
        "down",
        "reap",
        "doctor",
        "diagram",
        "completion",
    ],
)
def test_each_help_has_an_example(dockwarden: Dockwarden, command: str) -> None:
    code, out, _ = dockwarden(command, "--help")
    assert code == 0
    assert f"Example:\n    dockwarden {command} " in out


@pytest.mark.parametrize(
    ("asked", "more"), [("'--help'", "{'attr', 'states'}"), ("'run', '--help'", "set()")]
)
def test_help_imports_nothing_heavy(asked: str, more: str) -> None:
    script = (
        "import sys\n"
        "from engine.cli import main\n"
        f"try: main([{asked}])\n"
        "except SystemExit: pass\n"
        f"heavy = {{'docker', 'rich', 'hypothesis', 'pynvml', 'jsonschema'}} | {more}\n"
        "sys.exit(', '.join(heavy & {*sys.modules}) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


class TestSignals:
    SLOW = """
    name: slow
    runtime: process
    grace: 600
    experiments:
      - {name: x, backend: beta, command: [sh, -c, "BODY"]}
      - {name: y, backend: beta, command: ["true"]}
    """

    @pytest.fixture
    def started(self, write: Write) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
        """A campaign whose first experiment has just said that it runs, in a pipe beside its file."""
        processes: list[subprocess.Popen[str]] = []

        def start(body: str) -> subprocess.Popen[str]:
            file = write(self.SLOW.replace("BODY", body))
            os.mkfifo(file.parent / "up")
            process = subprocess.Popen(
                [sys.executable, "-c", RUN, "run", str(file)],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            processes.append(process)
            assert (file.parent / "up").read_text() == "up\n"
            return process

        yield start
        for process in processes:
            process.kill()
            process.communicate()

    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_the_first_ends_what_runs_and_begins_nothing_else(
        self,
        started: Callable[[str], subprocess.Popen[str]],
        number: signal.Signals,
        code: int,
        tmp_path: Path,
    ) -> None:
        process = started("echo up >up; exec sleep 600")
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert process.returncode == code
        assert "beta-y started" not in out
        assert "(interrupted)" in out
        assert "Traceback" not in err
        (record,) = (tmp_path / "results" / "slow" / "latest" / "results.jsonl").open()
        assert json.loads(record)["ending"] == "interrupted"

    def test_it_is_obeyed_though_nobody_reads_any_more(
        self, started: Callable[[str], subprocess.Popen[str]], tmp_path: Path
    ) -> None:
        process = started("echo up >up; exec sleep 600")
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 143
        (record,) = (tmp_path / "results" / "slow" / "latest" / "results.jsonl").open()
        assert json.loads(record)["ending"] == "interrupted"

    def test_the_second_leaves_no_time(
        self, started: Callable[[str], subprocess.Popen[str]], tmp_path: Path
    ) -> None:
        process = started("trap '' TERM; echo up >up; while true; do sleep 1; done")
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        while "once more" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == 130
        (record,) = (tmp_path / "results" / "slow" / "latest" / "results.jsonl").open()
        assert json.loads(record)["exit_code"] == 137
