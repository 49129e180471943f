"""Completion, by the shells themselves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engine.journal import FILE_NAME, Journal, Run

ROOT = Path(__file__).parents[2]

# What bash does when a user presses the tab key after the last word.
PRESS_TAB = """
eval "$(dockwarden completion bash)"
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
compopt() { local IFS=' '; echo "compopt $*"; }
_dockwarden_completion dockwarden
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def environment() -> dict[str, str]:
    folder = Path(sys.executable).parent
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    with Journal.create(tmp_path / FILE_NAME, campaign="small", digests={}) as journal:
        journal.plan([Run("a-x", "x", "alpha"), Run("b-x", "x", "beta")])
    return tmp_path / FILE_NAME


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["dockwarden", "di"], ["diagram"]),
        (["dockwarden", "run", "--dr"], ["--dry-run"]),
        (["dockwarden", "run", "exam"], ["examples/campaign.yml"]),
        (["dockwarden", "run", "--runtime", "pro"], ["process"]),
        (
            ["dockwarden", "run", "examples/campaign.yml", "--only", ""],
            ["pytorch", "vllm", "tensorrt"],
        ),
        (["dockwarden", "run", "none.yml", "--only", ""], [""]),
        (["dockwarden", "history", "JOURNAL", "--backend", "b"], ["beta"]),
        (["dockwarden", "history", "res"], ["compopt -o default", ""]),
        (["dockwarden", "diagram", "e"], ["experiment"]),
        (["dockwarden", "diagram", "--check", "READ"], ["compopt -o default", ""]),
        (["dockwarden", "diagram", "--journal", "JOURNAL", "--backend", "a"], ["alpha"]),
    ],
    ids=lambda words: " ".join(words[1:]),
)
def test_bash(
    environment: dict[str, str], journal: Path, words: list[str], offered: list[str]
) -> None:
    typed = [str(journal) if word == "JOURNAL" else word for word in words]
    done = subprocess.run(
        ["bash", "-c", PRESS_TAB, "bash", *typed],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.removesuffix("\n").split("\n") == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_takes_its_script(environment: dict[str, str], shell: str) -> None:
    done = subprocess.run(
        ["dockwarden", "completion", shell],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert f"_DOCKWARDEN_COMPLETE={shell}_complete" in done.stdout
    if shutil.which(shell):
        checked = subprocess.run([shell, "-n"], input=done.stdout, text=True, check=False)
        assert checked.returncode == 0


def test_another_shell(environment: dict[str, str]) -> None:
    done = subprocess.run(
        ["dockwarden", "completion", "tcsh"], env=environment, capture_output=True, check=False
    )
    assert done.returncode == 2
