"""The corpus is what it says: enough cases, each with a word on what it is about; and its page."""

from __future__ import annotations

import re

import pytest

from engine.compose.project import REFUSED_SECTIONS
from engine.compose.refusals import REFUSED
from tests.compose.cases import CASES
from tests.compose.differences import PAGE

FEWEST = 60


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= FEWEST


@pytest.mark.parametrize("name", list(CASES))
def test_a_case_says_what_it_is_about(name: str) -> None:
    assert re.fullmatch(r"\w.{10,}\.", CASES[name].about)


@pytest.mark.parametrize("name", list(CASES))
def test_nothing_of_a_case_is_refused(name: str) -> None:
    project = CASES[name].project()
    services = project.services.values()
    assert [*project.refusals, *(found for each in services for found in each.refusals)] == []


def test_no_two_cases_are_one_project() -> None:
    assert len({case.project().name for case in CASES.values()}) == len(CASES)


def test_the_page_names_every_refused_key_and_no_other() -> None:
    table = PAGE.read_text().partition("## What is refused")[2]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`([^`]+)`", "".join(rows))) == sorted([*REFUSED, *REFUSED_SECTIONS])
