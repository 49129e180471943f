"""Fixtures for all tests: a Docker engine, where one can be had."""

from __future__ import annotations

import os

import pytest

from tests.lab import Engine, LabUnavailable, ensure_up


@pytest.fixture(scope="session")
def lab() -> Engine:
    """The lab's engine; a skip with the reason where none can be had, and a failure in CI."""
    try:
        return ensure_up()
    except LabUnavailable as unavailable:
        if os.environ.get("CI"):
            pytest.fail(f"CI must have a Docker engine: {unavailable}")
        pytest.skip(f"no Docker engine can be had here: {unavailable}")


@pytest.fixture
def engine(lab: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The lab's engine as the one that the environment names."""
    for name, value in lab.environment.items():
        monkeypatch.setenv(name, value)
    return lab
