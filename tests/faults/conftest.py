"""The lab's engine, which every test here leaves as it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from docker.api import APIClient

from engine.runtimes.docker.client import connect
from tests.faults.stage import PROJECT
from tests.lab import Engine


@pytest.fixture
def client(engine: Engine) -> Iterator[APIClient]:
    """The engine; nothing of ours is on it before, and no container, network or image afterwards."""
    client = connect()

    def ours() -> list[Any]:
        label = {"label": f"com.docker.compose.project={PROJECT}"}
        return [*client.containers(all=True, filters=label), *client.networks(filters=label)]

    assert ours() == []
    yield client
    assert ours() == []
    for image in client.images():
        for tag in image["RepoTags"] or ():
            if PROJECT in tag:
                client.remove_image(tag, force=True)
    client.close()
