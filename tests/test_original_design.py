"""What the original design says must be true, each truth by its name, on real containers; and its own check."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker.api import APIClient

from engine import BackendPolicy, ContainerManager, Transition
from engine.errors import ComposeError
from engine.health.gpu import Health
from engine.policy import RestartPolicy
from engine.runtimes.docker.daemon.client import connect
from states import BACKEND
from tests.compose.cases import CORPUS
from tests.lab import BASE_IMAGE, Engine
from tests.lab.gpu import HOLD, Bench, Gpu, Gpus, bench

PROJECT = "dockwarden-original"
LABEL = f"com.docker.compose.project={PROJECT}"
GPU = Gpu("GPU-aaaaaaaa-0000-0000-0000-000000000000", total_mib=1000, used_mib=10)
BACKENDS = ("pytorch", "vllm", "tensorrt")
EDGES = {(edge.source, edge.event, edge.target) for edge in BACKEND.edges}

IMMEDIATE = BackendPolicy(restart=RestartPolicy(backoff_s=0))
# The program of the original design: it says what it was given, and where it runs.
LEM = 'printf "%s " "$@"; hostname; cat "$2"; exit "${EXIT_CODE:-0}"'


@pytest.fixture
def client(engine: Engine) -> Iterator[APIClient]:
    """The engine; in the end no resource is left on it."""
    client = connect()
    yield client
    filters = {"label": LABEL}
    assert client.containers(all=True, filters=filters) == []
    assert client.networks(filters=filters) == []
    client.close()


@pytest.fixture
def gpus() -> Bench:
    """One small GPU, the same for all backends."""
    shown = bench()
    shown.show(Gpus((GPU,)))
    return shown


@pytest.fixture
def compose_file(tmp_path: Path, client: APIClient, gpus: Bench) -> Path:
    """Three backends with GPUs and a program named lem; the vllm one is ready once it is healthy."""
    (tmp_path / "lem").write_text(f"#!/bin/sh\n{LEM}\n")
    (tmp_path / "lem").chmod(0o755)
    (tmp_path / "a.yaml").write_text("model: tiny\n")
    backend: dict[str, Any] = {
        "image": BASE_IMAGE,
        "stop_grace_period": "0s",
        "environment": gpus.environment,
        "volumes": ["./lem:/usr/local/bin/lem:ro", ".:/configs:ro"],
        "gpus": "all",
    }
    services: dict[str, Any] = dict.fromkeys(BACKENDS, backend)
    check = {"test": "test -e /usr/local/bin/lem", "interval": "100ms"}
    services["vllm"] = {**backend, "healthcheck": check}
    file = tmp_path / "docker-compose.yml"
    file.write_text(json.dumps({"name": PROJECT, "services": services}))
    return file


def running(client: APIClient) -> dict[str, str]:
    """The running containers' ids, by service."""
    found = client.containers(filters={"label": LABEL})
    return {one["Labels"]["com.docker.compose.service"]: one["Id"] for one in found}


def may_do_everything() -> bool:
    """Whether an engine that is started here has every capability that the kernel knows."""
    (mask,) = re.findall(r"^CapEff:\s*(\w+)$", Path("/proc/self/status").read_text(), re.MULTILINE)
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    return int(mask, 16) == (1 << last + 1) - 1


def hold(client: APIClient, container: str, mib: int) -> None:
    """Have a foreign process in a container hold memory of the GPU."""
    script = f"setsid python3 -c '{HOLD}' {GPU.uuid} {mib} >/tmp/held 2>&1 &"
    wait = "until grep -q held /tmp/held; do sleep 0.05; done"
    made = client.exec_create(container, ["sh", "-c", f"{script} {wait}"])
    client.exec_start(made["Id"])


def test_its_own_check() -> None:
    from engine import ContainerHealthStatus, ContainerManager

    manager = ContainerManager.__new__(ContainerManager)
    for method in (
        *("start_services", "execute_experiment", "check_health"),
        *("restart_service", "check_and_recover", "teardown"),
    ):
        assert hasattr(manager, method)
    status = ContainerHealthStatus(service="pytorch", healthy=True, reason="OK")
    assert status.service == "pytorch"
    assert status.healthy is True


@pytest.mark.docker
def test_1_only_the_needed_backend_containers_are_started(
    compose_file: Path, client: APIClient
) -> None:
    with ContainerManager(compose_file) as manager:
        manager.start_services(["vllm"])

        assert running(client).keys() == {"vllm"}
        found = client.inspect_container(running(client)["vllm"])
        assert found["Config"]["Healthcheck"]["Test"] == ["NONE"]  # dockwarden checks it itself
        assert not manager.is_service_running("pytorch")


@pytest.mark.docker
def test_2_experiments_are_dispatched_by_exec_into_running_containers(
    compose_file: Path, client: APIClient
) -> None:
    with ContainerManager(compose_file) as manager:
        manager.start_services(["pytorch"])
        container = running(client)["pytorch"]

        first = manager.execute_experiment("pytorch", "/configs/a.yaml")
        second = manager.execute_experiment(
            "pytorch", "/configs/a.yaml", ["--quick"], {"EXIT_CODE": "3"}
        )

        said = f"experiment /configs/a.yaml --yes {{}}{container[:12]}\nmodel: tiny\n"
        assert first == (said.format(""), 0)
        assert second == (said.format("--quick "), 3)
        assert running(client) == {"pytorch": container}


@pytest.mark.docker
def test_3_gpu_health_is_checked_by_nvml_inside_the_containers(
    compose_file: Path, client: APIClient, gpus: Bench
) -> None:
    with ContainerManager(compose_file) as manager:
        manager.start_services(["pytorch"])

        status = manager.check_health("pytorch")
        assert (status.healthy, status.verdict) == (True, Health.OK)
        assert (status.gpu_memory_used_gb, status.gpu_memory_total_gb) == (10 / 1024, 1000 / 1024)

        gpus.show(Gpus((Gpu(GPU.uuid, total_mib=1000, used_mib=950),)))
        assert not manager.check_health("pytorch", gpu_memory_threshold_pct=90.0).healthy
        assert manager.check_health("pytorch", gpu_memory_threshold_pct=99.0).healthy
        gpus.show(Gpus((GPU,)))


@pytest.mark.docker
def test_4_unhealthy_containers_are_restarted_up_to_a_maximum(
    compose_file: Path, client: APIClient
) -> None:
    taken: list[Transition] = []
    with ContainerManager(
        compose_file, policies={"pytorch": IMMEDIATE}, on_transition=taken.append
    ) as manager:
        manager.start_services(["pytorch"])
        container = running(client)["pytorch"]

        hold(client, container, 950)
        assert not manager.check_health("pytorch").healthy
        assert manager.check_and_recover("pytorch", max_restarts=1).healthy

        hold(client, container, 950)
        assert not manager.check_and_recover("pytorch", max_restarts=1).healthy
        assert [step.target for step in taken if step.event == "recover"] == ["restarting"]


@pytest.mark.docker
def test_4_failed_experiments_are_retried(compose_file: Path, client: APIClient) -> None:
    fails_once = "test -e /tmp/again || { touch /tmp/again; exit 75; }"
    campaign = {
        "name": "retried",
        "retry": {"max_attempts": 2, "exit_codes": [75]},
        "experiments": [
            {"name": "twice", "backend": "pytorch", "command": ["sh", "-c", fails_once]}
        ],
    }
    done = run_campaign(compose_file, campaign)

    assert done.returncode == 0, done.stderr
    records = next(compose_file.parent.glob("results/**/results.jsonl")).read_text().splitlines()
    assert [json.loads(line)["exit_code"] for line in records] == [75, 0]


@pytest.mark.docker
def test_5_containers_are_torn_down_when_the_campaign_completes_and_on_failure(
    compose_file: Path, client: APIClient
) -> None:
    campaign = {
        "name": "whole",
        "experiments": [{"name": "fails", "backend": "pytorch", "command": ["false"]}],
    }
    assert run_campaign(compose_file, campaign).returncode == 1
    assert running(client) == {}

    def fail() -> None:
        with ContainerManager(compose_file) as manager:
            manager.start_services(["pytorch", "vllm"])
            assert running(client).keys() == {"pytorch", "vllm"}
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert running(client) == {}


def test_6_python_on_whales_is_imported_lazily() -> None:
    code = (
        "import sys; from engine import ContainerManager; print('python_on_whales' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_6_its_absence_gives_a_helpful_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docker-compose.yml").write_text("services: {pytorch: {image: x}}")
    monkeypatch.setitem(sys.modules, "python_on_whales", None)
    with pytest.raises(ImportError, match=r"pip install 'dockwarden\[compose\]'"):
        ContainerManager(tmp_path / "docker-compose.yml", runtime="compose")


@pytest.mark.docker
def test_6_it_works_with_python_on_whales_docker_client(
    compose_file: Path, client: APIClient
) -> None:
    from python_on_whales import DockerClient

    whales = DockerClient(compose_files=[compose_file])
    with ContainerManager(docker_client=whales) as manager:
        manager.start_services(["pytorch"])
        assert [one.name for one in whales.compose.ps()] == [f"{PROJECT}-pytorch-1"]
        _, code = manager.execute_experiment("pytorch", "/configs/a.yaml")
        assert code == 0


@pytest.mark.docker
def test_the_host_programs_compose_file_runs_as_it_is(
    tmp_path: Path, client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host's IPC, all GPUs, required and bare variables, a one-shot base, dev profiles, no command.

    And privileged, where the engine is so itself; inside many a sandbox it is not, and no container can be.
    """
    file = tmp_path / "docker-compose.yml"
    written = (CORPUS / "energy-runner.yml").read_text()
    privileged = may_do_everything()
    file.write_text(written if privileged else written.replace("privileged: true", ""))
    (tmp_path / "image").mkdir()
    for tag in ("base", "pytorch"):
        client.tag(BASE_IMAGE, "lem", tag)
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", PROJECT)
    monkeypatch.delenv("CONFIG", raising=False)
    with pytest.raises(ComposeError, match="set CONFIG to the experiment's file"):
        ContainerManager(file)

    monkeypatch.setenv("CONFIG", "configs/a.yaml")
    monkeypatch.setenv("HF_TOKEN", "a token")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    with ContainerManager(file) as manager:
        manager.start_services(["pytorch"])

        found = client.inspect_container(running(client)["pytorch"])
        host = found["HostConfig"]
        assert (host["Privileged"], host["IpcMode"]) == (privileged, "host")
        (request,) = host["DeviceRequests"]
        assert (request["Count"], request["Capabilities"]) == (-1, [["gpu", "utility"]])
        assert client.inspect_container(f"{PROJECT}-base-1")["State"]["ExitCode"] == 0
        assert running(client).keys() == {"pytorch"}
        assert len(manager.check_health("pytorch").devices) == 2
        said = 'echo "$HF_TOKEN,$LEM_CONFIG,${CUDA_VISIBLE_DEVICES-unset}"'
        ended = manager.execute("pytorch", ["sh", "-c", said])
        assert ended.stdout.read_text() == "a token,configs/a.yaml,unset\n"
    client.remove_volume(f"{PROJECT}_lem-hf-cache")


@pytest.mark.docker
def test_every_method_is_a_path_through_the_table(compose_file: Path, client: APIClient) -> None:
    taken: list[Transition] = []
    with ContainerManager(compose_file, on_transition=taken.append) as manager:
        manager.start_services(["pytorch"])
        manager.execute_experiment("pytorch", "/configs/a.yaml")
        manager.check_health("pytorch")
        assert manager.restart_service("pytorch")
        manager.check_and_recover("pytorch")
        manager.teardown(timeout=30)

    assert {(step.source, step.event, step.target) for step in taken} <= EDGES
    assert [step.event for step in taken] == [
        *("start", "proved_ready", "dispatch", "finish"),
        *("restart", "proved_ready", "stop", "removed"),
    ]


def run_campaign(compose_file: Path, campaign: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """Run a campaign beside a compose file, as its users do."""
    file = compose_file.with_name("campaign.yml")
    file.write_text(json.dumps(campaign))
    return subprocess.run(
        [sys.executable, "-c", "from engine.cli import main; main()", "run", str(file)],
        cwd=file.parent,
        capture_output=True,
        text=True,
        check=False,
    )
