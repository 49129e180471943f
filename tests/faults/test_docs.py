"""The documentation tells what the tests do, and what they do is in the backend's table."""

from __future__ import annotations

from itertools import pairwise

import pytest

from states import BACKEND
from tests.faults.rows import ROWS, Row
from tests.faults.table import PAGE, page

EDGES = {f"{edge.source} {edge.event} {edge.target}" for edge in BACKEND.edges}


def test_the_page_is_up_to_date() -> None:
    written = PAGE.read_text()
    assert written == page(written), "write it again: python -m tests.faults.table"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.story.__name__)
def test_each_row_is_a_path_through_the_table(row: Row) -> None:
    path = (*row.begins, *row.path)
    assert set(path) <= EDGES
    for step, following in pairwise(path):
        assert step.split()[2] == following.split()[0]


def test_no_fault_is_there_twice() -> None:
    assert len({row.story for row in ROWS}) == len({row.fault for row in ROWS}) == len(ROWS)
