"""The example for GPU machines runs on the lab's GPUs as it is, but for its images and patience."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from docker.api import APIClient

from engine.compose import load_project
from engine.controller import Controller
from engine.model.results import Ending, Transition
from engine.model.spec import Project, ServiceSpec
from engine.policy.keep_alive import keep_alives
from engine.runtimes.docker.runtime import DockerRuntime
from tests.faults.stage import GPU_A, GPU_B, PROJECT
from tests.lab import BASE_IMAGE

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]

FILE = Path(__file__).parents[2] / "examples" / "gpu" / "docker-compose.yml"
BACKENDS = ["pytorch", "vllm", "tensorrt"]
EXPERIMENT = 'nvidia-smi --query-gpu=uuid --format=csv,noheader | tee "/results/$0"'
BOTH = f"{GPU_A.uuid}\n{GPU_B.uuid}\n"
TAG = "dockwarden-test"
CAP_SYS_RESOURCE = 24


@pytest.fixture
def project(tmp_path: Path, client: APIClient, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The file's variables are set, and what they make its images' names stands for the base image."""
    settings = {
        **dict.fromkeys(("PYTORCH_TAG", "VLLM_TAG", "TENSORRT_LLM_TAG"), TAG),
        "COMPOSE_PROJECT_NAME": PROJECT,
        "HF_CACHE_VOLUME": f"{PROJECT}-huggingface",
        "RESULTS_DIR": str(tmp_path),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    project = load_project(FILE)
    for service in project.services.values():
        assert service.image is not None
        repository, tag = service.image.split(":")
        client.tag(BASE_IMAGE, repository, tag)
    services = {
        name: evolve(spec, **_in_a_sandbox(spec)) for name, spec in project.services.items()
    }
    return evolve(project, services=services)


def _in_a_sandbox(spec: ServiceSpec) -> dict[str, Any]:
    """What is different about a service here: its limits, where they cannot be had, and its patience."""
    different: dict[str, Any] = {} if may_raise_limits() else {"ulimits": ()}
    if spec.healthcheck is not None:
        different["healthcheck"] = evolve(spec.healthcheck, interval_s=1.0)
    return different


def may_raise_limits() -> bool:
    """Whether an engine that is started here may give its containers higher limits than it has itself.

    Where it may not (inside many a sandbox), no container can have the ``ulimits`` of the file.
    """
    (mask,) = re.findall(r"^CapEff:\s*(\w+)$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return bool(int(mask, 16) >> CAP_SYS_RESOURCE & 1)


def test_starts_takes_its_baseline_runs_an_experiment_and_tears_down(
    project: Project, client: APIClient, tmp_path: Path
) -> None:
    taken: list[Transition] = []

    async def story() -> None:
        runtime = DockerRuntime(project, keep_alive=keep_alives(project, {}))
        controller = Controller(project, runtime, tmp_path)
        controller.on_transition(taken.append)
        try:
            await controller.start(BACKENDS)
            for name, backend in controller.backends.items():
                baseline = backend._attention._watch._baseline
                assert baseline is not None
                assert set(baseline.used_bytes) == {GPU_A.uuid, GPU_B.uuid}
                ended = await controller.execute(
                    name, ["sh", "-c", EXPERIMENT, f"{name}.txt"], id=f"first-on-{name}"
                )
                assert (ended.ending, ended.exit_code) == (Ending.EXITED, 0)
                assert ended.stdout.read_text() == BOTH
                assert (tmp_path / f"{name}.txt").read_text() == BOTH
        finally:
            await controller.teardown()

    try:
        asyncio.run(story())
    finally:
        for volume in client.volumes()["Volumes"] or ():
            if volume["Name"].startswith(PROJECT):
                client.remove_volume(volume["Name"])
    lived = {"start", "proved_ready", "dispatch", "finish", "stop", "removed"}
    assert {step.event for step in taken} == lived
