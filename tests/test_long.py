"""Tests that take long are left out by default, by name, and never by accident."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONG = "tests/chaos/test_chaos.py::test_kills_of_every_kind"


@pytest.mark.parametrize(
    ("words", "collected"),
    [(["tests/chaos"], False), (["tests/chaos", "--long"], True), ([LONG], True)],
    ids=["by default", "where it is asked for", "where it is named"],
)
def test_a_long_test_is_collected(words: list[str], *, collected: bool) -> None:
    asked = [sys.executable, "-m", "pytest", "--collect-only", "-q", *words]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (LONG in done.stdout) is collected
    assert ("make test LONG=1 runs them" in done.stdout) is ("--long" not in words)


def test_ci_runs_all_of_them() -> None:
    calls = [line.split() for line in (ROOT / ".ci" / "run").read_text().splitlines()]
    tests = [call for call in calls if call[:2] == ["make", "test"]]
    assert tests
    assert all("LONG=1" in call for call in tests)
