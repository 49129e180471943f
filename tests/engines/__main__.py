"""``make engines``: run the tests that need a container engine on each of the lab's, and print a table."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from attrs import frozen

from tests.lab import take_down
from tests.lab.kinds import KINDS, find_kind
from tests.lab.layout import LAB_ENGINE_VARIABLE

ROOT = Path(__file__).parents[2]


@frozen
class Run:
    """How the tests went on one engine.

    Attributes:
        failed: the names of the tests that failed.
        skipped: why tests were skipped, and how many for each reason.
    """

    engine: str
    passed: int
    failed: Sequence[str]
    skipped: dict[str, int]

    def row(self) -> str:
        """As a row of the table."""
        why = "; ".join(f"{count}: {reason}" for reason, count in self.skipped.items())
        return f"| {self.engine} | {self.passed} | {len(self.failed)} | {why or 'none'} |"


def main() -> int:
    """Run them; 0 where all passed on every engine."""
    parser = argparse.ArgumentParser(prog="python -m tests.engines")
    parser.add_argument("--engines", nargs="+", metavar="NAME", default=list(KINDS))
    parser.add_argument("--jobs", default="3")
    parser.add_argument("paths", nargs="*", default=["tests"])
    asked = parser.parse_args()
    for name in asked.engines:
        find_kind(name)
    runs = [run(name, asked.paths, asked.jobs) for name in asked.engines]
    print("| engine | passed | failed | skipped |\n| --- | --- | --- | --- |")
    for one in runs:
        print(one.row())
    for one in runs:
        for name in one.failed:
            print(f"{one.engine}: FAILED {name}")
    return int(any(one.failed or not one.passed for one in runs))


def run(engine: str, paths: Sequence[str], jobs: str) -> Run:
    """Run the tests on one engine, which is taken down afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        options = ["-n", jobs, "--dist", "loadfile", "-q", "-m", "docker", "--long"]
        options.append(f"--junitxml={report}")
        subprocess.run(
            [sys.executable, "-m", "pytest", *options, *paths],
            cwd=ROOT,
            env={**os.environ, LAB_ENGINE_VARIABLE: engine},
            check=False,
        )
        take_down()
        return read(engine, report.read_text())


def read(engine: str, report: str) -> Run:
    """What a report in JUnit's form says."""
    cases = list(ET.fromstring(report).iter("testcase"))
    failed: list[str] = []
    skipped: dict[str, int] = {}
    for case in cases:
        if case.find("failure") is not None or case.find("error") is not None:
            failed.append(f"{case.get('classname')}::{case.get('name')}")
        skip = case.find("skipped")
        if skip is not None:
            reason = skip.get("message") or ""
            skipped[reason] = skipped.get(reason, 0) + 1
    return Run(engine, len(cases) - len(failed) - sum(skipped.values()), failed, skipped)


if __name__ == "__main__":
    sys.exit(main())
