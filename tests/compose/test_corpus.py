"""The corpus is what it says: enough cases, each with a word on what it is about; and its page."""

from __future__ import annotations

import re

from engine.compose.project import REFUSED_SECTIONS
from engine.compose.unsupported import REFUSED
from tests.compose.cases import CASES, NAME, TRIED
from tests.compose.differences import PAGE

FEWEST = 150


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= FEWEST


def test_every_file_says_what_it_is_about() -> None:
    firsts = {name: case.about for name, case in CASES.items()}
    assert {k: v for k, v in firsts.items() if not re.fullmatch(r"\w.{10,}\.", v)} == {}


def test_nothing_of_a_case_is_refused() -> None:
    projects = [case.project(project_name=NAME) for case in TRIED]
    services = [spec for project in projects for spec in project.services.values()]
    assert [found for project in projects for found in project.refusals] == []
    assert [found for service in services for found in service.refusals] == []


def test_the_page_names_every_refused_key_and_no_other() -> None:
    table = PAGE.read_text().partition("## What is refused")[2]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`([^`]+)`", "".join(rows))) == sorted([*REFUSED, *REFUSED_SECTIONS])
