"""GPU memory of servers, leftovers and other backends in real containers, with stand-in GPUs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from engine import ContainerManager, GpuPolicy
from engine.policy import BackendPolicy, HealthPolicy, RestartPolicy
from tests.lab import BASE_IMAGE
from tests.lab.gpu import HOLD, Bench, Gpu, Gpus, bench

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("engine")]

GPU = Gpu("GPU-aaaaaaaa-0000-0000-0000-000000000000")
UNIFIED = Gpu(GPU.uuid, name="NVIDIA GB10", total_mib=-1, ecc=-1, remap_pending=-1)

LAZY = f"""
import os, subprocess, sys, time
while True:
    if os.path.exists("/tmp/request"):
        os.unlink("/tmp/request")
        held = subprocess.Popen([sys.executable, "-c", {HOLD!r}, {GPU.uuid!r}, "9000"], stdout=subprocess.PIPE)
        held.stdout.readline()
        open("/tmp/answer", "w").close()
    time.sleep(0.05)
"""
"""Loads its model at the first request, and keeps it."""

REQUEST = "touch /tmp/request; until [ -e /tmp/answer ]; do sleep 0.05; done"

WARNS = """#!/bin/sh
case "$*" in *query-gpu*) echo "0, GPU-a, NVIDIA A100, 550.54.15, 600, 40960, 40360, 31, 0, 0, 0" ;; esac
echo "WARNING: infoROM is corrupted at gpu 0000:3B:00.0"
exit 14
"""


class Folder:
    """A compose file whose services have a GPU each, or the same one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bench: Bench = bench()
        self.bench.show(Gpus((GPU,)))
        (path / "lazy.py").write_text(LAZY)
        path.chmod(0o755)

    def services(self, **changes: dict[str, Any]) -> Path:
        file = self.path / "docker-compose.yml"
        common = {
            "image": BASE_IMAGE,
            "gpus": "all",
            "stop_grace_period": "0s",
            "volumes": [".:/w:ro"],
            "environment": self.bench.environment,
        }
        file.write_text(
            json.dumps({"services": {name: {**common, **own} for name, own in changes.items()}})
        )
        return file

    def campaign(self, **campaign: Any) -> list[dict[str, Any]]:
        """Run a campaign; its records."""
        file = self.path / "campaign.yml"
        file.write_text(
            json.dumps({"name": "gpus", "compose_file": "docker-compose.yml", **campaign})
        )
        done = subprocess.run(
            [sys.executable, "-m", "dockwarden", "run", str(file), "--runtime", "docker"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        lines = (self.path / "results/gpus/latest/results.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]


def container_of(service: str) -> str:
    listed = ["docker", "ps", "-q", "--filter", f"label=com.docker.compose.service={service}"]
    (found,) = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    path = tmp_path / f"gpus-{os.getpid()}"
    path.mkdir()
    return Folder(path)


@pytest.mark.parametrize("python", [True, False], ids=["nvml", "nvidia-smi"])
def test_a_server_that_loads_at_the_first_request_is_not_restarted(
    folder: Folder, *, python: bool
) -> None:
    # Without a Python on the path the probe asks nvidia-smi; the server has one of another name.
    hidden = "" if python else "rm -f /usr/bin/python3* /usr/bin/python;"
    main = f"cp -L /usr/bin/python3 /tmp/py; {hidden} PYTHONHOME=/usr exec /tmp/py /w/lazy.py"
    folder.services(ollama={"command": ["sh", "-c", main]})
    records = folder.campaign(
        experiments=[
            {
                "name": "ask",
                "backend": "ollama",
                "repeat": 3,
                "command": ["sh", "-c", f"[ -e /tmp/answer ] || {{ {REQUEST}; }}"],
            }
        ],
        backends={"ollama": {"backoff": "0s", "gpu_failing_after": 1}},
    )
    assert [(one["ending"], one["generation"]) for one in records] == [("exited", 1)] * 3


def test_a_leak_is_found_on_a_device_that_shares_the_machines_memory(folder: Folder) -> None:
    folder.bench.show(Gpus((UNIFIED,)))
    file = folder.services(vllm={"command": ["sleep", "infinity"]})
    policy = BackendPolicy(
        restart=RestartPolicy(backoff_s=0), health=HealthPolicy(gpu=GpuPolicy(failing_after=1))
    )
    with ContainerManager(file, runtime="docker", policies={"vllm": policy}) as manager:
        manager.start_services(["vllm"])
        before = manager.check_health("vllm")
        assert before.healthy
        assert "judged is what processes hold" in before.reason
        leak = subprocess.Popen(
            ["docker", "exec", container_of("vllm"), "python3", "-c", HOLD, UNIFIED.uuid, "20000"],
            stdout=subprocess.PIPE,
        )
        assert leak.stdout is not None
        assert leak.stdout.readline() == b"held\n"
        found = manager.check_health("vllm")
        assert not found.healthy
        assert "20000 MiB in use" in found.reason
        leak.communicate()


def test_a_warning_of_nvidia_smi_makes_no_device_unknown(folder: Folder) -> None:
    warns = folder.path / "nvidia-smi"
    warns.write_text(WARNS)
    warns.chmod(0o755)
    main = "rm -f /usr/bin/python3* /usr/bin/python; exec sleep infinity"
    mount = f"{warns}:/usr/local/bin/nvidia-smi:ro"
    file = folder.services(vllm={"command": ["sh", "-c", main], "gpus": [], "volumes": [mount]})
    policy = BackendPolicy(health=HealthPolicy(look_at_gpus=True))
    with ContainerManager(file, runtime="docker", policies={"vllm": policy}) as manager:
        manager.start_services(["vllm"])
        status = manager.check_health("vllm")
        assert status.verdict.value == "ok"
        assert status.gpu_memory_used_gb == 600 / 1024
        assert "infoROM is corrupted" in status.reason


def test_a_server_that_another_backend_has_loaded_is_not_waited_for(folder: Folder) -> None:
    lazy = {"command": ["python3", "/w/lazy.py"]}
    folder.services(ollama=lazy, tools={"command": ["sleep", "infinity"]})
    records = folder.campaign(
        experiments=[
            {"name": "ask", "backend": "ollama", "command": ["sh", "-c", REQUEST]},
            {"name": "use", "backend": "tools", "command": ["true"]},
        ],
        backends={"tools": {"look_every": "1ms", "wait_for_others": "5s"}},
    )
    told = [(one["run"], one["ending"], one["beside"]) for one in records]
    assert told == [("ollama-ask", "exited", []), ("tools-use", "exited", [])]
    assert records[1]["gpus_shared_with"] == ["ollama"]


def test_an_experiment_on_another_backend_is_named(folder: Folder) -> None:
    idle = {"command": ["sleep", "infinity"]}
    file = folder.services(vllm=idle, sglang=idle)
    hold = f"""
        import os, subprocess, sys, time
        held = subprocess.Popen([sys.executable, "-c", {HOLD!r}, {GPU.uuid!r}, "9000"], stdout=subprocess.PIPE)
        held.stdout.readline()
        open("/tmp/held", "w").close()
        while not os.path.exists("/tmp/stop"):
            time.sleep(0.05)
        held.kill()
    """
    with ContainerManager(file, runtime="docker") as manager:
        manager.start_services(["vllm", "sglang"])
        with ThreadPoolExecutor() as pool:
            command = ["python3", "-c", textwrap.dedent(hold)]
            running = pool.submit(manager.execute, "vllm", command)
            waited = ["sh", "-c", "until [ -e /tmp/held ]; do sleep 0.05; done"]
            subprocess.run(["docker", "exec", container_of("vllm"), *waited], check=True)
            status = manager.check_health("sglang", 10)
            assert status.action.value == "wait", status
            assert "backend vllm, in which an experiment runs, holds it" in status.reason
            stop = ["docker", "exec", container_of("vllm"), "touch", "/tmp/stop"]
            subprocess.run(stop, check=True)
            assert running.result().exit_code == 0


def test_three_backends_that_reserve_one_gpu_take_turns(folder: Folder) -> None:
    idle = {"command": ["sleep", "infinity"]}
    folder.services(a=idle, b=idle, c={**idle, "gpus": [{"count": 1}]}, d={**idle, "gpus": []})
    load = {"name": "load", "backend": ["a", "b", "c", "d"], "command": ["sleep", "0.5"]}
    records = folder.campaign(experiments=[{**load, "repeat": 2}])
    spans = {
        one["run"]: (one["ran_from"], one["ran_until"]) for one in records if one["backend"] != "d"
    }
    ordered = sorted(spans.values())
    assert all(before[1] < after[0] for before, after in pairwise(ordered))
    assert list(spans) == [f"{name}-load-r{n}" for name in "abc" for n in (1, 2)]
    assert any(one["beside"] for one in records if one["backend"] == "d")
    assert {tuple(one["gpus_shared_with"]) for one in records if one["backend"] == "a"} == {
        ("b", "c")
    }
