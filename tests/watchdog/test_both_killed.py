"""The controller and its watchdog killed: what they leave is listed, and removed by the next controller."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from docker.api import APIClient

from engine.ownership import leases
from engine.ownership.owner import LABEL, Owner
from engine.runtimes.docker.containers.provenance import probe_labels
from engine.runtimes.docker.daemon.client import connect
from tests.lab import BASE_IMAGE, Engine

pytestmark = pytest.mark.docker

PROJECT = "dockwarden-both-killed"
NETWORK = f"{PROJECT}_default"
RUN = "from engine.cli import main; main()"


@pytest.fixture
def client(engine: Engine) -> Iterator[APIClient]:
    """A client; in the end nothing of the project is left."""
    with closing(connect()) as client:
        yield client
        assert there(client) == []


def there(client: APIClient) -> list[str]:
    label = {"label": f"{LABEL}project={PROJECT}"}
    found = [*client.containers(all=True, filters=label), *client.networks(filters=label)]
    return [one["Id"] for one in found]


@pytest.fixture
def left(client: APIClient) -> list[str]:
    """A network and a container for trying, of a controller that is dead, and its watchdog with it."""
    dead = Owner(Owner.current().host, "another-boot", 1, "1")
    labels = {f"{LABEL}project": PROJECT, **dead.labels()}
    compose = {"com.docker.compose.project": PROJECT, "com.docker.compose.network": "default"}
    network = client.create_network(NETWORK, labels={**labels, **compose, **leases.new()})
    trying = {**labels, **leases.new(), **probe_labels()}
    return [network["Id"], client.create_container(BASE_IMAGE, ["true"], labels=trying)["Id"]]


def dockwarden(*arguments: str | Path) -> str:
    command = [sys.executable, "-c", RUN, *map(str, arguments)]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def campaign(tmp_path: Path) -> Callable[..., Path]:
    def campaign(*command: str, **more: Any) -> Path:
        service = {"image": BASE_IMAGE, "stop_grace_period": "0s"}
        compose = {"name": PROJECT, "services": {"alpha": service}}
        (tmp_path / "docker-compose.yml").write_text(json.dumps(compose))
        experiments = [{"name": "x", "backend": "alpha", "command": command}]
        file = tmp_path / "campaign.yml"
        file.write_text(json.dumps({"name": "c", "experiments": experiments, **more}))
        return file

    return campaign


@pytest.mark.whole_engine
@pytest.mark.parametrize("command", ["down", "reap"])
def test_it_is_listed_and_removed(
    client: APIClient, left: list[str], command: str, campaign: Callable[..., Path]
) -> None:
    assert NETWORK in dockwarden("status")
    # Other tests use the engine at the same time: what is theirs stays.
    project = [campaign("true")] if command == "down" else []
    assert f"removed network {NETWORK}" in dockwarden(command, *project)
    assert not {*left} & {*there(client)}


@pytest.mark.parametrize("runtime", ["docker", "compose"])
def test_the_next_run_uses_and_removes_it(
    client: APIClient, left: list[str], campaign: Callable[..., Path], runtime: str
) -> None:
    dockwarden("run", campaign("true", runtime=runtime))
    assert there(client) == []


@pytest.mark.whole_engine
@pytest.mark.parametrize("runtime", ["docker", "compose"])
def test_the_watchdog_of_the_next_run_removes_it_too(
    client: APIClient, left: list[str], campaign: Callable[..., Path], runtime: str
) -> None:
    gone = client.events(
        decode=True, filters={"type": "network", "event": "destroy", "network": NETWORK}
    )
    begun = client.events(
        decode=True,
        filters={"event": "exec_start", "label": f"com.docker.compose.project={PROJECT}"},
    )
    file = campaign("sleep", "600", runtime=runtime)
    running = subprocess.Popen(
        [sys.executable, "-c", RUN, "run", str(file)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    next(iter(begun))
    running.kill()
    running.wait()
    next(iter(gone))
    dockwarden("reap")  # the container for trying is no later controller's
