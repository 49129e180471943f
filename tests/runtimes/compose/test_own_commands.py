"""Compose's own commands, on containers that the docker runtime made: as on Compose's own containers.

``COMPOSE=PROGRAM`` runs these tests with another version of Compose.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from docker.api import APIClient

from engine.compose import needed
from engine.policy import BackendPolicy
from engine.runtimes.selection import choose_runtime, read_project
from tests.compose.conftest import compose_binary
from tests.lab import BASE_IMAGE
from tests.runtimes.compose.conftest import PROJECT, Compose

__all__ = ["compose_binary"]

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("engine", "nothing_left")]

Service = dict[str, object]

PLAIN: Service = {"image": BASE_IMAGE}
KEPT_UP: Service = {**PLAIN, "command": ["sleep", "infinity"]}
Run = Callable[..., str]


@pytest.fixture
def plugin(tmp_path: Path, compose_binary: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Compose's program, where the Docker CLI finds it."""
    folder = tmp_path / "settings" / "cli-plugins"
    folder.mkdir(parents=True)
    (folder / "docker-compose").symlink_to(compose_binary)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "settings"))
    return compose_binary


@pytest.fixture
def services(tmp_path: Path, plugin: Path) -> dict[str, Service]:
    """One service for each thing that could make its digest another one."""
    asked = [str(plugin), "version", "--short"]
    version = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    # Compose 5.3 gives no digest of services with volumes_from; so its up makes them again.
    sharing = {} if version.startswith("5.3.") else {"volumes_from": ["base:ro"]}
    (tmp_path / "vllm.env").write_text("MODEL=llama\nPRICE='$5'\nLEVEL=file\n")
    return {
        "plain": PLAIN,
        "base": KEPT_UP,
        "configured": {
            **PLAIN,
            "env_file": "vllm.env",
            "environment": {"LEVEL": "key", "ABSENT": None, "DOLLARS": "a$$b"},
            "labels": {"a": "b"},
            "restart": "unless-stopped",
            "volumes": ["data:/data", "./models:/models"],
            "networks": ["inner"],
            "mem_limit": "512m",
            "cpus": 0.5,
        },
        "dependent": {**KEPT_UP, "depends_on": ["base"]},
        "joined": {**KEPT_UP, "network_mode": "service:base", "pid": "service:base"},
        "sharing": {**PLAIN, **sharing},
        "gpu": {**PLAIN, "gpus": [{"count": 1}]},
        "replicas": {**PLAIN, "deploy": {"replicas": 1}},
    }


@pytest.fixture
def started(
    plugin: Path, services: dict[str, Service], compose: Compose, tmp_path: Path
) -> Iterator[Run]:
    """All services, started by the docker runtime; gives Compose's commands on the file."""
    file = compose(services, volumes={"data": {}}, networks={"inner": {}})

    def run(*words: str) -> str:
        done = subprocess.run(
            [str(plugin), "--file", str(file), *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    output = tmp_path / "output"
    output.mkdir()
    asyncio.run(launch(file, output))
    yield run
    run("down", "--volumes", "--timeout", "0")


async def launch(file: Path, output: Path) -> None:
    """Start every service as a controller does, and let go of them."""
    project = read_project("docker", file)
    kept = BackendPolicy(keep_alive="always")
    bare = {name: kept for name, spec in project.services.items() if spec.command is None}
    runtime = await choose_runtime("docker", project, bare)
    await runtime.open(lambda _notice: None)
    try:
        names = needed(project, project.services)
        await runtime.prepare(names)
        for name in names:
            await runtime.launch(name, output)
    finally:
        await runtime.close()


def ids(api: APIClient) -> dict[str, str]:
    label = {"label": f"com.docker.compose.project={PROJECT}"}
    found = api.containers(all=True, filters=label)
    return {one["Labels"]["com.docker.compose.service"]: one["Id"] for one in found}


def test_they_take_the_containers_for_their_own(
    started: Run, services: dict[str, Service], api: APIClient
) -> None:
    made = ids(api)
    assert made.keys() == services.keys()

    for options in ([], ["--no-recreate"]):
        said = started("up", "--detach", *options)
        assert "Recreate" not in said
        assert ids(api) == made

    assert sorted(started("ps", "--services").split()) == sorted(services)
    started("exec", "-T", "plain", "sh", "-c", "echo said >/proc/1/fd/1")
    assert "said" in started("logs", "plain")

    started("up", "--detach", "--force-recreate", "--timeout", "0", "gpu")
    assert {name for name, one in ids(api).items() if made[name] != one} == {"gpu"}

    started("down", "--timeout", "0")
    assert ids(api) == {}


def test_a_service_that_was_edited_is_made_again(
    started: Run, services: dict[str, Service], compose: Compose, api: APIClient
) -> None:
    made = ids(api)
    edited = {**services, "gpu": {**KEPT_UP, "environment": {"EDITED": "yes"}}}
    compose(edited, volumes={"data": {}}, networks={"inner": {}})

    started("up", "--detach", "--timeout", "0")

    assert {name for name, one in ids(api).items() if made[name] != one} == {"gpu"}
