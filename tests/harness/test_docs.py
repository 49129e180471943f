"""What the page on the harness says is what the harness does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine.testing import plugin
from engine.testing.stateful import RULES

pytest_plugins = ["pytester"]

PAGE = (Path(__file__).parents[2] / "docs" / "harness.md").read_text()


def test_it_lists_every_rule() -> None:
    assert dict(
        re.findall(
            r"^\| `(\w+)` \| (.*) \|$", PAGE.partition("rules of the harness")[2], re.MULTILINE
        )
    ) == {**RULES}


def test_it_lists_every_fixture() -> None:
    fixtures = {name for name in plugin.__all__ if not name.startswith("pytest_")} - {"COVERAGE"}
    assert fixtures <= set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))


def test_its_tests_pass(pytester: pytest.Pytester) -> None:
    for name, source in re.findall(r"```python\n# (test_\w+\.py)\n(.*?)```", PAGE, re.DOTALL):
        pytester.path.joinpath(name).write_text(source)
    result = pytester.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["door *", "*pairs of edges * 5 * 5 *"])
