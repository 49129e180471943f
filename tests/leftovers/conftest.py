"""The runtime of a test that is for several."""

from __future__ import annotations

import pytest

from engine.runtimes.selection import RuntimeName


@pytest.fixture
def runtime(request: pytest.FixtureRequest) -> RuntimeName:
    """The runtime that a test is for; the lab's engine is up where it takes one."""
    name: RuntimeName = request.param
    if name != "process":
        request.getfixturevalue("engine")
    return name
