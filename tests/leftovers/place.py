"""Where scenes are played: a service that runs, and files by whose holders its processes are known."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from engine import ContainerManager
from engine.policy import BackendPolicy, RestartPolicy
from engine.runtimes.selection import RuntimeName
from engine.util import procfs
from tests.lab import BASE_IMAGE
from tests.leftovers.scenes import SERVER, program

__all__ = ["RUNTIMES", "Files", "Place", "opened", "write"]

RUNTIMES = (
    "process",
    pytest.param("docker", marks=pytest.mark.docker),
    pytest.param("compose", marks=[pytest.mark.docker, pytest.mark.long]),
)
"""For the fixture ``runtime``."""

_PATIENCE_S = 60.0
_HELD = ("service", "scene", "stranger")


@frozen
class Files:
    """The files that are held.

    Attributes:
        shared: a folder that the service sees under ``inside``.
    """

    shared: Path
    inside: str

    def holders(self, name: str) -> set[int]:
        """The processes of this machine that hold a file of the shared folder open."""
        wanted = (self.shared / name).stat()
        return {pid for pid in procfs.pids() if _holds(pid, wanted)}

    def has_grown(self, before: int) -> bool:
        """Whether the service has two workers more."""
        return len(self.holders("service")) == before + 2

    def until(self, holds: Callable[[], object]) -> bool:
        """Wait until something is so, which tells nothing but the machine's load; whether it came to be."""
        until_s = time.monotonic() + _PATIENCE_S
        while not (found := bool(holds())) and time.monotonic() < until_s:
            os.sched_yield()
        return found

    def command(self, scene: str, end: str) -> list[str]:
        """An experiment that plays a scene."""
        return ["python3", "-c", program(scene, end), f"{self.inside}/scene"]

    def holds(self, name: str) -> list[str]:
        """A command that holds a file for an hour."""
        held = f"import sys, time; held = open({f'{self.inside}/{name}'!r}); time.sleep(3600)"
        return ["python3", "-c", held]


@frozen
class Place(Files):
    """A service under a manager's control."""

    manager: ContainerManager


def _holds(pid: int, wanted: os.stat_result) -> bool:
    try:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            found = descriptor.stat()
            if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
                its = procfs.stat(pid)
                return its is not None and not its.ended
    except OSError:
        pass
    return False


def write(folder: Path, runtime: str, **more: Any) -> Files:
    """Write the compose file of a service ``alpha``, which holds the file ``service``.

    Args:
        more: what else the service is to have.
    """
    shared, output = folder / "shared", folder / "output"
    for one in (shared, output):
        one.mkdir()
        one.chmod(0o755)
    for name in _HELD:
        (shared / name).touch()
    inside = str(shared) if runtime == "process" else "/shared"
    service = {
        "image": BASE_IMAGE,
        "command": ["python3", "-c", SERVER, f"{inside}/service", f"{inside}/fork"],
        "volumes": [f"{shared}:/shared"],
        "stop_grace_period": "0s",
        **more,
    }
    model = {"name": f"leftovers-{os.getpid()}", "services": {"alpha": service}}
    (folder / "docker-compose.yml").write_text(json.dumps(model))
    return Files(shared, inside)


@contextmanager
def opened(folder: Path, files: Files, runtime: RuntimeName, **options: Any) -> Iterator[Place]:
    """Start what :func:`write` has written, and take it down in the end.

    Args:
        options: for the manager.
    """
    with ContainerManager(
        folder / "docker-compose.yml",
        runtime=runtime,
        output_dir=folder / "output",
        policies={"alpha": BackendPolicy(RestartPolicy(max_restarts=20, backoff_s=0))},
        **options,
    ) as manager:
        manager.start_services(["alpha"])
        found = Place(files.shared, files.inside, manager)
        assert found.until(lambda: len(found.holders("service")) == 1)
        yield found
