"""The lab's engine, which every test here leaves as it was; one at a time has it."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from typing import Any

import pytest
from docker.api import APIClient

from engine.runtimes.docker.daemon.client import connect
from tests.faults.stage import PROJECT
from tests.lab import Engine


@pytest.fixture
def client(engine: Engine) -> Iterator[APIClient]:
    """The engine; it has no resource of dockwarden before, and no container, network or image afterwards."""
    with (engine.socket.parent / "faults.lock").open("w") as alone:  # whichever worker runs it
        fcntl.flock(alone, fcntl.LOCK_EX)
        yield from _clean_client()


def _clean_client() -> Iterator[APIClient]:
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
