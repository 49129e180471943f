"""``dockwarden logs``: of what has ended, and of what runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from engine.cli.program import cli
from engine.journal import FILE_NAME
from engine.spool.main_log import MainLog, logs_of

_MAIN = "from engine.cli import main; main()"


def written(folder: Path, backend: str, generation: int, text: str) -> MainLog:
    log = MainLog.of(folder, backend, generation, f"{generation:064x}")
    with log.opened() as file:
        os.write(file, text.encode())
    os.utime(log.path, (generation, generation))
    return log


def line(text: str) -> str:
    return f"2026-01-31T10:15:00.123456789Z {text}\n"


def logs(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["logs", *map(str, arguments)])


def begin(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _MAIN, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    """Two backends that take an instant, run to their end; the first one's main process says who it is."""
    say = ["sh", "-c", "echo up; exec sleep 600"]
    services = {"alpha": {"image": "a", "command": say}, "beta": {"image": "b", "command": say}}
    (tmp_path / "docker-compose.yml").write_text(json.dumps({"services": services}))
    experiments = [{"name": "ask", "backend": ["alpha", "beta"], "command": ["true"]}]
    document = {"name": "small", "grace": "0s", "experiments": experiments}
    (tmp_path / "campaign.yml").write_text(json.dumps(document))
    return tmp_path / "campaign.yml"


@pytest.fixture
def results(campaign: Path) -> Path:
    run = [sys.executable, "-c", _MAIN, "run", str(campaign), "--runtime", "process", "-q"]
    subprocess.run(run, check=True, capture_output=True)
    return (campaign.parent / "results" / "small" / "latest").resolve()


def test_all_backends_are_told_apart_and_one_stands_alone(results: Path) -> None:
    assert logs(results).stdout == "alpha | up\nbeta | up\n"
    assert logs(results, "beta").stdout == "up\n"
    assert logs(results.parent, "beta").stdout == "up\n"
    assert logs(results / FILE_NAME, "beta", "alpha").stdout == "beta | up\nalpha | up\n"


def test_the_record_names_the_log(results: Path) -> None:
    records = [json.loads(one) for one in (results / "results.jsonl").read_text().splitlines()]
    named = {one["backend"]: results / one["backend_log"] for one in records}
    assert named == {name: logs_of(results, name)[0].path for name in ("alpha", "beta")}


def test_the_latest_start_is_printed_or_the_one_that_is_named(results: Path) -> None:
    written(results, "alpha", 8, line("eighth"))
    os.utime(written(results, "alpha", 9, line("ninth")).path)
    assert logs(results, "alpha").stdout == "ninth\n"
    assert logs(results, "alpha", "-g", 8).stdout == "eighth\n"
    assert logs(results, "alpha", "--times").stdout == line("ninth")
    none = logs(results, "alpha", "-g", 7)
    assert (none.exit_code, none.stdout) == (0, "")
    assert "no log of this start is among the results" in none.stderr


@pytest.mark.parametrize("most", [0, 1, 3, 5, 8])
@pytest.mark.parametrize("width", [1, 50_000])
def test_the_last_lines_are_as_many_as_are_asked_for(results: Path, most: int, width: int) -> None:
    lines = [f"{number}" * width for number in range(5)]
    os.utime(written(results, "alpha", 9, "".join(map(line, lines))).path)
    printed = logs(results, "alpha", "--tail", most).stdout.splitlines()
    assert printed == lines[max(0, 5 - most) :]


def test_nothing_steers_the_terminal_and_secrets_stay_out(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_not_to_be_seen")
    os.utime(written(results, "alpha", 9, line("\033[31mred\033]0;x\a hf_not_to_be_seen\r")).path)
    assert logs(results, "alpha").stdout == " [31mred ]0;x  ***\n"


def test_what_is_not_there_is_refused(results: Path, tmp_path: Path) -> None:
    refused = logs(results, "gamma")
    assert refused.exit_code == 2
    assert "it has no backend 'gamma', but alpha, beta" in refused.stderr
    assert logs(tmp_path / "nowhere").exit_code != 0


def test_a_run_that_is_over_is_followed_to_its_end(results: Path) -> None:
    followed = logs(results, "alpha", "-f")
    assert (followed.exit_code, followed.stdout) == (0, "up\n")
    assert "it ended at" in followed.stderr


def test_what_comes_is_printed_as_it_comes(campaign: Path) -> None:
    """The backend goes on once its line has been seen, and says goodbye when the campaign lets it."""
    folder = campaign.parent
    os.mkfifo(folder / "go")
    say = f"echo first; read word <{folder}/go; echo $$word; exec sleep 600"
    services = {"alpha": {"image": "a", "command": ["sh", "-c", say]}}
    (folder / "docker-compose.yml").write_text(json.dumps({"services": services}))
    wait = f"until grep -q second {folder}/results/live/latest/alpha/_log/*; do sleep 0.05; done"
    experiments = [{"name": "ask", "backend": "alpha", "command": ["sh", "-c", wait]}]
    document = {"name": "live", "grace": "0s", "experiments": experiments}
    campaign.write_text(json.dumps(document))
    run = begin("run", campaign, "--runtime", "process")
    assert run.stdout is not None
    while "started" not in run.stdout.readline():
        pass
    where = folder / "results" / "live"
    follow = begin("logs", where, "alpha", "-f")
    assert follow.stdout is not None
    assert follow.stdout.readline() == "first\n"
    (folder / "go").write_text("second\n")
    assert follow.stdout.readline() == "second\n"
    assert run.wait() == 0
    assert follow.wait() == 0
    run.stdout.close()
    follow.stdout.close()
