"""A campaign to which the world around it happens, and an engine on which nothing of it is left."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker.api import APIClient

from engine.runtimes.docker.daemon.client import connect
from tests.lab import Engine
from tests.world.gate import Gate
from tests.world.world import PROJECT, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.clear()


@pytest.fixture
def client(engine: Engine) -> Iterator[APIClient]:
    """The engine; no resource is left on it in the end."""
    client = connect()
    yield client
    filters = {"label": f"com.docker.compose.project={PROJECT}"}
    assert client.containers(all=True, filters=filters) == []
    assert client.networks(filters=filters) == []
    client.close()


@pytest.fixture
def gate(engine: Engine) -> Iterator[Gate]:
    """A way to the engine that can be barred."""
    with tempfile.TemporaryDirectory() as folder:
        gate = Gate(Path(folder) / "docker.sock", engine.socket)
        gate.open()
        yield gate
        gate.bar()
