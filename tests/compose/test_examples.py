"""The compose files that this repository ships load, here and in real Compose."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from engine.compose import load_project, needed
from engine.model.spec import GpuRequest

ROOT = Path(__file__).parents[2]
PLAIN = ROOT / "docker-compose.yml"
GPU = ROOT / "examples" / "gpu" / "docker-compose.yml"
BACKENDS = ["pytorch", "vllm", "tensorrt"]
ENVIRON = {"HOME": "/home/someone", "RESULTS_DIR": "/data/results"}


@pytest.mark.parametrize("file", [PLAIN, GPU], ids=["plain", "gpu"])
def test_the_three_backends_can_be_started(file: Path) -> None:
    project = load_project(file, environ=ENVIRON)

    assert sorted(needed(project, BACKENDS)) == sorted(BACKENDS)
    assert all(service.command is None for service in project.services.values())
    assert all(not service.warnings or file == GPU for service in project.services.values())


def test_the_plain_file_asks_for_no_gpu_and_runs_on_a_given_image() -> None:
    project = load_project(PLAIN, environ={"DOCKWARDEN_IMAGE": "mine:1"})

    assert {service.image for service in project.services.values()} == {"mine:1"}
    assert all(service.gpus == () for service in project.services.values())
    assert {name: s.environment["BACKEND"] for name, s in project.services.items()} == {
        name: name for name in BACKENDS
    }


def test_the_gpu_file_reserves_all_gpus_and_passes_the_token_through() -> None:
    project = load_project(GPU, environ={**ENVIRON, "HF_TOKEN": "secret"})

    for service in project.services.values():
        assert service.gpus == (GpuRequest(("gpu", "utility"), driver="nvidia", count=-1),)
        assert service.environment["HF_TOKEN"] == "secret"
    assert project.services["tensorrt"].ipc == "private"
    assert project.services["tensorrt"].shm_size_bytes == 16 * 1024**3


@pytest.mark.parametrize("file", [PLAIN, GPU], ids=["plain", "gpu"])
def test_real_compose_takes_them_too(file: Path, compose_binary: Path) -> None:
    checked = subprocess.run(
        [str(compose_binary), "-f", str(file), "config", "--quiet"],
        env=ENVIRON,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, "")
