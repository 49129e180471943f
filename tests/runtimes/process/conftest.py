"""A process runtime whose processes can all be recognized, and are all gone in the end."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.model.spec import Project, ServiceSpec
from engine.ownership.owner import Owner
from engine.runtimes.process import ProcessRuntime
from engine.runtimes.process.backend import owner_mark
from engine.runtimes.process.tree import Identity, find
from engine.testing.conformance.rig import Rig


@pytest.fixture
def owner() -> Owner:
    """An owner of this test alone, by which its processes are distinguished from all others."""
    return Owner(host=uuid.uuid4().hex, boot_id="", pid=os.getpid(), started="")


@pytest.fixture
def ours(owner: Owner) -> Callable[[], set[Identity]]:
    """The processes that this test's runtimes have running."""
    return lambda: find(owner_mark(owner))


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


MakeRig = Callable[..., Rig]


@pytest.fixture
def make_rig(
    tmp_path: Path,
    owner: Owner,
    runner: asyncio.Runner,
    ours: Callable[[], set[Identity]],
) -> Iterator[MakeRig]:
    """Opens a process runtime for some services; all is removed in the end, and that is checked."""
    rigs: list[Rig] = []

    def make(*services: ServiceSpec, keep_alive: dict[str, tuple[str, ...]] | None = None) -> Rig:
        project = Project("special", tmp_path, (), {service.name: service for service in services})
        runtime = ProcessRuntime(project, keep_alive=keep_alive or {}, owner=owner)
        rig = Rig(runtime, tmp_path, tuple(project.services))
        runner.run(rig.open())
        rigs.append(rig)
        return rig

    yield make
    for rig in rigs:
        runner.run(rig.tear_down())
    assert not ours()
