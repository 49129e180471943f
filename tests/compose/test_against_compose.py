"""Our reader against the real one: the same project from every file of the corpus.

Real Compose reads at once what shares no name, which takes it no longer than one file.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from engine.model.spec import Project
from tests.compose.cases import ENVIRON, NAME, TRIED, Case, grouped, together
from tests.compose.reading import as_compose_reads, in_use, shape

GROUPS = grouped(TRIED)
MEMBERS = [(case, group) for group in GROUPS for case in group]


@cache
def theirs_of(group: tuple[Case, ...], compose: Path) -> Project:
    """What real Compose reads of a group; of a case that stands alone with its own name."""
    case = together(group)
    named = [] if group[0].stands_alone else ["--project-name", NAME]
    read = as_compose_reads(compose, [*named, *case.words()], case.folder(), ENVIRON)
    assert isinstance(read, Project), read
    return read


@pytest.mark.parametrize(("case", "group"), MEMBERS, ids=[case.name for case, _ in MEMBERS])
def test_a_project_is_read_as_compose_reads_it(
    case: Case, group: tuple[Case, ...], compose_binary: Path
) -> None:
    theirs = theirs_of(group, compose_binary)
    ours = case.project(project_name=None if case.stands_alone else NAME)

    assert ours.name == theirs.name
    for key, service in ours.services.items():
        assert shape(service) == shape(theirs.services[key]), key
    used = in_use(ours)
    assert used == {
        section: {key: getattr(theirs, section)[key] for key in entries}
        for section, entries in used.items()
    }


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group[0].name)
def test_compose_reads_no_further_service(group: tuple[Case, ...], compose_binary: Path) -> None:
    names = [name for case in group for name in case.services]
    assert sorted(theirs_of(group, compose_binary).services) == sorted(names)


def test_most_files_are_read_with_others() -> None:
    assert len(GROUPS) < len(TRIED) / 4
