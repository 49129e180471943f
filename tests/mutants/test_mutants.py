"""Mutants of the tables are killed by the proof; those of the engine by its tests: here a few of them.

``make mutants`` kills them all.
"""

from __future__ import annotations

import ast
from collections import Counter

import pytest

from tests.mutants.hunt import ROOT, hunt, of_table
from tests.mutants.of_sources import KILLERS, MUTANTS, Mutant
from tests.mutants.of_tables import table_mutants

SAMPLE = (
    "backend/machine: the latch is not asked",
    "health/diagnosis: a frozen container is fit",
    "backend/machine: an event that leads nowhere is no error",
)


def test_every_mutant_of_the_tables_is_refused_or_refuted() -> None:
    fates = [of_table(mutant) for mutant in table_mutants()]
    assert [fate.line for fate in fates if fate.killer is None] == []
    assert len(fates) > 300
    refused = Counter(fate.killer == "the check when it is built" for fate in fates)
    assert refused[False] > refused[True] > 0


def test_there_are_enough_of_them_each_with_a_name_of_its_own() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 60
    assert {mutant.file for mutant in MUTANTS} == KILLERS.keys()
    assert all((ROOT / test).exists() for tests in KILLERS.values() for test in tests)


@pytest.mark.parametrize("file", KILLERS)
def test_each_mutant_of_a_file_can_be_made(file: str) -> None:
    source = (ROOT / file).read_text()
    for mutant in MUTANTS:
        if mutant.file == file:
            ast.parse(mutant.apply(source))


def test_a_few_are_killed() -> None:
    fates = list(hunt([mutant for mutant in MUTANTS if mutant.name in SAMPLE]))
    assert {fate.name for fate in fates} == {*SAMPLE}
    assert [fate.line for fate in fates if fate.killer is None] == []


def test_one_that_changes_nothing_survives() -> None:
    (fate,) = hunt(
        [Mutant("engine/backend/machine.py", "nothing", "queued=False,", "queued=(False),")]
    )
    assert fate.killer is None
    assert fate.line == "survives  backend/machine: nothing"
