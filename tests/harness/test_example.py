"""The example of the harness: what is sound passes, and each fault is found, by the rule that it breaks."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "property_harness"

SOUND = {"TestTable", "TestOnTheEngine", "TestSound"}
BROKEN = {
    "TestHastyTable": "nothing_runs_on_a_hot_device does not hold: Each experiment is followed by cooling",
    "TestLeavesItsContainer": "nothing_is_left does not hold: after the teardown nothing is left",
    "TestReadyTooEarly": "ready_means_proved does not hold: it is ready only once",
    "TestRunsTwoAtOnce": "one_command_at_a_time does not hold: at most one command runs",
    "TestForgetsTheNetwork": "nothing_is_left does not hold: .*the network of harness",
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """By test class, what its failure said; empty where it passed."""
    results = tmp_path_factory.mktemp("example") / "results.xml"
    command = [sys.executable, "-m", "pytest", "--runxfail", "-p", "no:cacheprovider"]
    subprocess.run([*command, "--junitxml", results], cwd=EXAMPLE, capture_output=True, check=False)
    cases = ET.parse(results).iter("testcase")
    return {
        case.attrib["classname"].rpartition(".")[2]: "".join(
            failure.attrib["message"] for failure in case.iter("failure")
        )
        for case in cases
    }


def test_what_is_sound_passes(found: dict[str, str]) -> None:
    assert {name for name, said in found.items() if not said} == SOUND


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_faulty_is_found(found: dict[str, str], name: str) -> None:
    assert re.search(BROKEN[name], found[name]), found[name]


def test_each_fault_is_an_expected_failure() -> None:
    marked = "".join(file.read_text() for file in EXAMPLE.glob("test_*.py"))
    assert set(re.findall(r"@pytest.mark.xfail\(.*\)\nclass (\w+)", marked)) == {*BROKEN}
    assert "xfail_strict = true" in (EXAMPLE / "pyproject.toml").read_text()


def test_its_readme_names_the_rules() -> None:
    readme = (EXAMPLE / "README.md").read_text()
    assert {said.partition(" ")[0] for said in BROKEN.values()} <= set(
        re.findall(r"`(\w+)`", readme)
    )
