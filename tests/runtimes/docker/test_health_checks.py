"""Health checks on a real engine: dockwarden runs that of the file or of the image, and the engine does not."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from docker.api import APIClient

from engine import BackendPolicy, ContainerManager, HealthPolicy, RestartPolicy
from engine.errors import StartError
from engine.policy import HealthChecks
from engine.runtimes.docker.daemon.client import connect
from tests.lab import BASE_IMAGE, Engine

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("engine")]

PROJECT = f"dockwarden-checks-{os.getpid()}"
IMAGE = f"{PROJECT}:checked"


@pytest.fixture
def client(engine: Engine) -> Iterator[APIClient]:
    with closing(connect()) as client:
        yield client


@pytest.fixture
def sick_image(client: APIClient) -> Iterator[str]:
    """An image whose own health check fails."""
    container = client.create_container(BASE_IMAGE, ["true"])
    check = "HEALTHCHECK --interval=1s --retries=1 CMD echo the image says no; exit 1"
    repository, tag = IMAGE.split(":")
    client.commit(container, repository, tag, changes=[check])
    client.remove_container(container)
    yield IMAGE
    client.remove_image(IMAGE)


Managed = Callable[..., ContainerManager]


@pytest.fixture(params=["docker", "compose"])
def managed(request: pytest.FixtureRequest, tmp_path: Path) -> Managed:
    def manager(checks: HealthChecks = HealthChecks.PAUSED, **service: Any) -> ContainerManager:
        file = tmp_path / "compose.yml"
        kept = {"image": BASE_IMAGE, "command": ["sleep", "1000"], "stop_grace_period": "0s"}
        services = {"alpha": {**kept, **service}}
        file.write_text(json.dumps({"name": PROJECT, "services": services}))
        policy = BackendPolicy(
            restart=RestartPolicy(max_restarts=0), health=HealthPolicy(checks=checks)
        )
        return ContainerManager(file, runtime=request.param, policies={"alpha": policy})

    return manager


def shown(client: APIClient) -> dict[str, Any]:
    (found,) = client.containers(filters={"label": f"com.docker.compose.project={PROJECT}"})
    inspected: dict[str, Any] = client.inspect_container(found["Id"])
    return inspected


def test_the_engine_does_not_check_what_dockwarden_checks(
    managed: Managed, client: APIClient
) -> None:
    check = {"test": ["CMD", "true"], "interval": "1s"}
    with managed(healthcheck=check) as manager:
        manager.start_services(["alpha"])
        assert shown(client)["Config"]["Healthcheck"]["Test"] == ["NONE"]


def test_the_engine_checks_where_that_is_asked_for(managed: Managed, client: APIClient) -> None:
    check = {"test": ["CMD", "true"], "interval": "0.2s"}
    with managed(HealthChecks.ENGINE, healthcheck=check) as manager:
        manager.start_services(["alpha"])
        found = shown(client)
        assert found["Config"]["Healthcheck"]["Test"] == ["CMD", "true"]
        assert found["State"]["Health"]["Status"] == "healthy"


def test_a_service_waits_for_no_interval(managed: Managed) -> None:
    check = {"test": ["CMD", "true"], "interval": "8s"}
    took_s = []
    for checks in (HealthChecks.ENGINE, HealthChecks.PAUSED):
        with managed(checks, healthcheck=check) as manager:
            began_s = time.monotonic()
            manager.start_services(["alpha"])
            took_s.append(time.monotonic() - began_s)
    by_engine_s, here_s = took_s
    assert here_s < by_engine_s / 2


def test_the_image_s_own_check_is_run_as_well(
    managed: Managed, client: APIClient, sick_image: str
) -> None:
    with managed(image=sick_image) as manager:
        with pytest.raises(
            StartError, match="its health check fails: exit code 1: the image says no"
        ):
            manager.start_services(["alpha"])
        manager.teardown()
    with managed(image=sick_image, healthcheck={"disable": True}) as manager:
        manager.start_services(["alpha"])


def test_a_check_that_does_not_answer_is_given_up_after_its_timeout(managed: Managed) -> None:
    check = {"test": "sleep 1000", "interval": "0.1s", "timeout": "0.5s", "retries": 1}
    with (
        managed(healthcheck=check) as manager,
        pytest.raises(StartError, match=r"no answer within its timeout of 0.5 s"),
    ):
        manager.start_services(["alpha"])
