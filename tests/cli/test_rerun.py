"""``dockwarden run`` with ``--rerun``, ``--only`` and ``--except``, on the process runtime."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.cli.program import invoke

COMPOSE = """
services:
  alpha: {image: none}
  beta: {image: none}
"""

CAMPAIGN = """
name: small
runtime: process
parallel: false
experiments:
  - {name: good, backend: [alpha, beta], command: ["true"], keys: {model: llama-3, size: "8"}}
  - {name: bad, backend: alpha, command: [sh, -c, "test -e {folder}/fixed"], keys: {model: phi}}
"""

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Call:
    """Runs ``dockwarden run`` on the campaign: exit code and both outputs."""
    (tmp_path / "docker-compose.yml").write_text(COMPOSE)
    (tmp_path / "campaign.yml").write_text(CAMPAIGN.replace("{folder}", str(tmp_path)))

    def call(*arguments: str) -> tuple[int, str, str]:
        code = invoke(["run", *arguments, str(tmp_path / "campaign.yml")])
        return code, *capfd.readouterr()

    return call


@pytest.fixture
def failed(call: Call, tmp_path: Path) -> Call:
    """The campaign has run, one of three runs has failed, and its fault is fixed."""
    assert call("--quiet")[0] == 1
    (tmp_path / "fixed").touch()
    return call


def folders(tmp_path: Path) -> list[Path]:
    return [one for one in (tmp_path / "results/small").iterdir() if not one.is_symlink()]


def lines(tmp_path: Path) -> list[dict[str, Any]]:
    written = (tmp_path / "results/small/latest/results.jsonl").read_text()
    return [json.loads(line) for line in written.splitlines()]


def bytes_below(folder: Path) -> dict[str, bytes]:
    return {str(one): one.read_bytes() for one in sorted(folder.rglob("*")) if one.is_file()}


class TestRerun:
    def test_what_failed_runs_again_in_its_folder(self, failed: Call, tmp_path: Path) -> None:
        code, out, err = failed("--rerun", "failed")
        assert code == 0
        assert "run again: alpha-bad (failed)" in err
        assert "3 completed, of 3" in out
        assert len(folders(tmp_path)) == 1
        assert [(one["run"], one["attempt"]) for one in lines(tmp_path)] == [
            ("alpha-good", 1),
            ("alpha-bad", 1),
            ("beta-good", 1),
            ("alpha-bad", 2),
        ]
        summary = json.loads((tmp_path / "results/small/latest/summary.json").read_text())
        assert summary["counts"]["completed"] == 3

    def test_the_plan_says_what_runs_again(self, failed: Call, tmp_path: Path) -> None:
        before = bytes_below(tmp_path)
        _, out, _ = failed("--rerun", "failed", "--dry-run")
        assert "run again: alpha-bad (failed)" in out
        assert "1 run:" in out
        _, out, _ = failed("--rerun", "all", "--dry-run", "--json")
        assert {one["run"]: one["rerun"] for one in json.loads(out)["runs"]} == dict.fromkeys(
            ("alpha-good", "alpha-bad", "beta-good"), True
        )
        assert bytes_below(tmp_path) == before

    def test_where_nothing_has_that_outcome_nothing_is_touched(
        self, failed: Call, tmp_path: Path
    ) -> None:
        before = bytes_below(tmp_path)
        code, _, err = failed("--rerun", "lost")
        assert (code, bytes_below(tmp_path)) == (1, before)
        assert "nothing to run: 2 completed, 1 failed" in err
        assert "1 failed" in err
        code, out, _ = failed("--rerun", "skipped", "--only", "beta", "--json")
        assert (code, json.loads(out)["counts"]["failed"]) == (0, 1)

    def test_all_of_what_is_selected(self, failed: Call, tmp_path: Path) -> None:
        failed("--rerun", "all", "--only", "size=8")
        again = [one["run"] for one in lines(tmp_path) if one["attempt"] == 2]
        assert again == ["alpha-good", "beta-good"]

    def test_history_shows_both_outcomes(
        self, failed: Call, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        failed("--rerun", "failed")
        invoke(["history", str(tmp_path / "results/small")])
        out, _ = capfd.readouterr()
        told = [line.split("  ")[1] for line in out.splitlines() if "  alpha-bad: " in line]
        assert told[-4:] == [
            "alpha-bad: run again from attempt 2 on",
            "alpha-bad: attempt 2 begins on alpha",
            "alpha-bad: attempt 2 exited, exit code 0",
            "alpha-bad: completed",
        ]
        assert "alpha-bad: failed: exit code 1" in told

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("--rerun", "failed", "--fresh"), "choose one"),
            (("--rerun", "failed", "--results", "elsewhere"), "there is no run of small"),
            (("--rerun", "broken"), "'broken' is not one of"),
        ],
    )
    def test_what_cannot_be_is_refused(
        self, failed: Call, arguments: tuple[str, ...], said: str
    ) -> None:
        code, _, err = failed(*arguments)
        assert code == 2
        assert said in err

    @pytest.mark.parametrize(
        "refused",
        [("--runtime", "docker"), ("--only", "none=1"), ("--metrics", "1")],
        ids=["another runtime", "a selector", "no package for metrics"],
    )
    def test_a_refused_start_touches_nothing(
        self,
        failed: Call,
        refused: tuple[str, ...],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setitem(sys.modules, "prometheus_client", None)
        before = bytes_below(tmp_path)
        assert failed("--rerun", "failed", *refused)[0] == 2
        assert bytes_below(tmp_path) == before


class TestOnly:
    def test_sessions_keep_one_summary_of_the_whole(self, call: Call, tmp_path: Path) -> None:
        code, out, _ = call("--only", "model=llama*,alpha", "--json")
        assert (code, json.loads(out)["counts"]["completed"]) == (0, 1)
        assert json.loads(out)["counts"]["unfinished"] == 2
        code, out, _ = call("--only", "beta", "--json")
        assert (code, json.loads(out)["counts"]["completed"]) == (0, 2)
        code, out, _ = call("--json")
        assert (code, json.loads(out)["counts"]) == (
            1,
            {"completed": 2, "failed": 1, "skipped": 0, "lost": 0, "unfinished": 0},
        )
        assert len(folders(tmp_path)) == 1
        assert [one["run"] for one in lines(tmp_path)] == ["alpha-good", "beta-good", "alpha-bad"]

    def test_what_is_settled_is_not_repeated(self, call: Call, tmp_path: Path) -> None:
        call("--only", "beta")
        before = bytes_below(tmp_path)
        code, _, err = call("--only", "beta")
        assert (code, bytes_below(tmp_path)) == (0, before)
        assert "nothing to run: 1 completed" in err

    def test_what_is_left_out_is_not_run(self, call: Call, tmp_path: Path) -> None:
        code, _, _ = call("--except", "bad", "--except", "beta")
        assert (code, [one["run"] for one in lines(tmp_path)]) == (0, ["alpha-good"])

    def test_a_selector_that_matches_nothing_is_refused(self, call: Call, tmp_path: Path) -> None:
        code, _, err = call("--only", "model=lama-3")
        assert (code, (tmp_path / "results").exists()) == (2, False)
        assert "did you mean 'llama-3'?" in err

    def test_nothing_left_is_refused(self, call: Call) -> None:
        code, _, err = call("--only", "beta", "--except", "good")
        assert (code, "leave nothing to run" in err) == (2, True)
