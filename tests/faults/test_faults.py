"""Each row of the catalogue, on real containers: the exact transitions, the outcome, the budget."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from docker.api import APIClient

from tests.faults.rows import ROWS, Row
from tests.faults.stage import Stage
from tests.lab.gpu import bench

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.story.__name__)
def test_fault(
    row: Row, client: APIClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="engine")
    stage = Stage(tmp_path, client, bench(), row.service, row.policy)
    expected = (*row.begins, *row.path)
    try:
        ended = row.story(stage)
        stage.until(expected)
        assert stage.path == expected
        budget_left = stage.backend.restarts_left
        first, last = stage.taken[len(row.begins) - 1], stage.taken[-1]
    finally:
        stage.tear_down()
    assert stage.path == (
        *expected,
        f"{row.state} stop {row.state}",
        f"{row.state} removed stopped",
    )
    assert (ended and ended.ending, ended and ended.exit_code) == (row.ending, row.exit_code)
    assert row.policy.restart.max_restarts - budget_left == row.restarts
    assert (first.container_id != last.container_id) == row.recreated
    said = "\n".join([*(step.reason for step in stage.taken), *stage.said, *caplog.messages])
    assert not row.seen or any(each in said for each in row.seen), said
