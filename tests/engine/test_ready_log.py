"""A backend is ready once its main process has written a line that matches, since its latest start."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engine import BackendPolicy, ContainerManager, HealthPolicy, RestartPolicy
from engine.errors import DispatchError, InputError, StartError
from engine.policy import Ready
from tests.lab import BASE_IMAGE

RUNTIMES = [
    "process",
    *(pytest.param(name, marks=pytest.mark.docker) for name in ("docker", "compose")),
]
WRITES = """
echo 'loading 70%'
if [ ! -e {folder}/second ]; then echo listening on port 8000; fi
touch {folder}/second
exec sleep infinity
"""
"""What a server writes at its first start, and not at its second one."""

Managed = Callable[..., ContainerManager]


@pytest.fixture(params=RUNTIMES)
def managed(request: pytest.FixtureRequest, tmp_path: Path) -> Managed:
    if request.param != "process":
        request.getfixturevalue("engine")

    def manager(pattern: str, *, within_s: float = 60.0) -> ContainerManager:
        inside = tmp_path if request.param == "process" else Path("/seen")
        server = {
            "image": BASE_IMAGE,
            "command": ["sh", "-c", WRITES.format(folder=inside)],
            "volumes": [f"{tmp_path}:/seen"],
            "stop_grace_period": "0s",
        }
        file = tmp_path / "compose.yml"
        project = {"name": f"dockwarden-ready-{os.getpid()}", "services": {"server": server}}
        file.write_text(json.dumps(project))
        policy = BackendPolicy(
            restart=RestartPolicy(max_restarts=0),
            ready_within_s=within_s,
            health=HealthPolicy(ready=Ready(log=pattern)),
        )
        return ContainerManager(
            file,
            runtime=request.param,
            policies={"server": policy},
            output_dir=tmp_path / "output",
        )

    return manager


def test_a_server_is_ready_once_it_has_written_that(managed: Managed) -> None:
    with managed(r"^listening on port \d+") as manager:
        manager.start_services(["server"])
        assert manager.execute("server", ["true"]).exit_code == 0


def test_what_it_wrote_instead_is_quoted(managed: Managed) -> None:
    with (
        managed("ready to serve", within_s=3) as manager,
        pytest.raises(StartError) as raised,
    ):
        manager.start_services(["server"])
    assert (
        "not ready within 3 s; it was waited for 'ready to serve' in its log: its last line is:"
        " listening on port 8000; raise ready_within" in raised.value.reasons["server"]
    )
    assert "loading 70%\n    listening on port 8000" in raised.value.quoted["server"]


def test_what_an_earlier_start_wrote_does_not_count(managed: Managed) -> None:
    with managed("listening", within_s=5) as manager:
        manager.start_services(["server"])
        assert not manager.restart_service("server")
        with pytest.raises(
            DispatchError, match="'listening' in its log: its last line is: loading"
        ):
            manager.execute("server", ["true"])


def test_a_pattern_that_is_none_is_refused(managed: Managed) -> None:
    with managed("listening (") as manager, pytest.raises(InputError, match="no regular express"):
        manager.start_services(["server"])
