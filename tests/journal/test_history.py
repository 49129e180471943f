"""``dockwarden history``: what it prints, and how it is asked."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from engine.cli.commands.history import history
from engine.errors import JournalError
from engine.journal import Journal, Run
from tests.journal.conftest import Step


def ask(*arguments: object) -> Result:
    return CliRunner().invoke(history, [str(argument) for argument in arguments])


def test_tells_everything_on_a_line_each(written: Path) -> None:
    asked = ask(written)
    assert asked.exit_code == 0
    title, *lines = asked.output.splitlines()
    assert title == f"campaign small, in {written}"
    assert len(lines) == 1 + 6 + 2 + 1
    for said in (
        "session 1: process ",
        "alpha: ready -> busy (dispatch: why; start 1, container c1)",
        "alpha-x: attempt 1 begins on alpha",
        "alpha-x: attempt 1 exited, exit code 0",
        "alpha-x: completed",
    ):
        assert sum(said in line for line in lines) == 1


def test_json_is_a_line_for_each_entry(written: Path) -> None:
    entries = [json.loads(line) for line in ask("--json", written).output.splitlines()]
    kinds = [entry["kind"] for entry in entries]
    assert [entry["at"] for entry in entries] == sorted(entry["at"] for entry in entries)
    assert kinds.count("transition") == 6
    assert {*kinds} == {"session", "transition", "attempt begun", "attempt ended", "outcome"}


def test_one_backend(journal: Journal, path: Path, step: Step) -> None:
    journal.plan([Run("alpha-x", "x", "alpha"), Run("beta-x", "x", "beta")])
    for backend in ("alpha", "beta"):
        journal.transition(step("stopped --start--> starting / launch", backend=backend))
        journal.outcome(f"{backend}-x", "skipped", reason="no time")
    asked = ask(path, "--backend", "beta")
    assert "beta-x: skipped: no time" in asked.output
    assert "alpha" not in asked.output
    asked = ask(path, "--backend", "gamma")
    assert asked.exit_code == 2
    assert "it has no backend 'gamma', but alpha, beta" in asked.output


def test_a_folder_of_results_will_do(written: Path) -> None:
    (written.parent / "latest").symlink_to(".")
    assert ask(written.parent).output == ask(written).output


def test_no_journal(tmp_path: Path) -> None:
    asked = ask(tmp_path)
    assert isinstance(asked.exception, JournalError)


def test_what_would_steer_a_terminal_is_not_printed(
    journal: Journal, path: Path, step: Step
) -> None:
    reason = "red \x1b[31m\x07\nand a line"
    journal.transition(step("stopped --start--> starting / launch", reason=reason))
    asked = ask(path)
    assert "red  [31m  and a line" in asked.output
    assert len(asked.output.splitlines()) == 3


def test_help_has_an_example() -> None:
    assert "dockwarden history results/" in ask("--help").output
