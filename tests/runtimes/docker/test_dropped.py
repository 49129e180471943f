"""If an engine silently leaves something out of a container, dockwarden raises an error before anything runs."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine import ContainerManager
from engine.errors import LaunchFailed, StartError
from engine.model.spec import GpuRequest, ServiceSpec
from engine.runtimes.docker.containers.dropped import check_granted
from engine.runtimes.docker.daemon.client import connect
from tests.lab import BASE_IMAGE, Engine

PROJECT = f"dockwarden-dropped-{os.getpid()}"
REQUEST = {"Driver": "nvidia", "Count": -1, "Capabilities": [["gpu"]]}


def container(**host: Any) -> dict[str, Any]:
    return {"HostConfig": {"DeviceRequests": None, "Runtime": "runc", **host}}


@pytest.mark.parametrize("driver", ["", "nvidia"])
def test_gpus_that_were_left_out_are_named(driver: str) -> None:
    spec = ServiceSpec("alpha", image="x", gpus=(GpuRequest(driver=driver, count=-1),))
    with pytest.raises(
        LaunchFailed, match=r"asks for GPUs, and this engine made .* without"
    ) as caught:
        check_granted(spec, container())
    assert not caught.value.curable
    check_granted(spec, container(DeviceRequests=[REQUEST]))


def test_a_runtime_that_was_left_out_is_named() -> None:
    spec = ServiceSpec("alpha", image="x", runtime="nvidia")
    with pytest.raises(LaunchFailed, match=r"asks for the runtime nvidia, .* with oci"):
        check_granted(spec, container(Runtime="oci"))
    check_granted(spec, container(Runtime="nvidia"))


def test_devices_that_are_named_for_cdi_are_the_engine_s_to_refuse() -> None:
    spec = ServiceSpec("alpha", image="x", gpus=(GpuRequest(driver="cdi", device_ids=("a/b=0",)),))
    check_granted(spec, container())


@pytest.mark.docker
@pytest.mark.parametrize("asked", [{"gpus": "all"}, {"runtime": "no-such-runtime"}])
def test_nothing_runs_without_what_it_asks_for(
    asked: dict[str, Any], engine: Engine, tmp_path: Path
) -> None:
    """Docker refuses a runtime that it does not know, and the lab's gives GPUs; Podman drops both."""
    file = tmp_path / "compose.yml"
    service = {"image": BASE_IMAGE, "command": ["sleep", "1000"], **asked}
    file.write_text(json.dumps({"name": PROJECT, "services": {"alpha": service}}))
    granted = "gpus" in asked and engine.kind.name != "podman-5"
    with ContainerManager(file, runtime="docker") as manager:
        if granted:
            manager.start_services(["alpha"])
        else:
            with pytest.raises(StartError, match=r"alpha: .*(asks for|does not know the runtime)"):
                manager.start_services(["alpha"])
            with closing(connect()) as client:
                label = {"label": f"com.docker.compose.project={PROJECT}"}
                assert client.containers(all=True, filters=label) == []
