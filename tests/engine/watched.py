"""A backend with GPUs on a fake runtime, for the tests of its watch."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

from engine.backend import Backend
from engine.backend.machine import Machine
from engine.health import HealthPolicy
from engine.health.gpu import GpuPolicy
from engine.model.results import GpuLook, Transition
from engine.model.spec import GpuRequest, ServiceSpec
from engine.policy import BackendPolicy, RestartPolicy
from engine.runtimes.base import ExecRequest
from states import BACKEND
from tests.engine.spools import spool_in
from tests.fake_runtime import FakeRuntime

MACHINE = Machine(BACKEND)
MIB = 1024 * 1024


def shown(used_mib: int = 600, *, pids: tuple[int, ...] = (), uuid: str = "GPU-a") -> str:
    """What the probe prints of one GPU."""
    processes = [{"pid": pid, "memory_used_bytes": None} for pid in pids]
    device = {"index": 0, "uuid": uuid, "memory_used_bytes": used_mib * MIB}
    return json.dumps({"source": "nvml", "devices": [device | {"processes": processes}]})


def nvml(code: int) -> str:
    """What the probe prints when NVML does not answer."""
    return json.dumps({"source": "nvml", "error": {"code": code, "message": "no"}})


FIT = shown()
LEAK = shown(9000)
BLIND = "none usable"

UP = "starting proved_ready ready"
FAULT = "ready fault unhealthy"
AGAIN = ["unhealthy recover restarting", "restarting proved_ready ready"]
OVER = "unhealthy recover exhausted"


class Scene:
    """A backend with a GPU that shows what the test says, on a fake runtime."""

    def __init__(self, folder: Path) -> None:
        self.spool = spool_in(folder)
        self.folder = self.spool.folder
        self.runtime = FakeRuntime()
        self.runtime.will_print("alpha", FIT)
        self.taken: list[Transition] = []
        self.seen: list[GpuLook] = []

    def make(self, *, gpus: bool = True, recover: bool = True, **health: Any) -> Backend:
        health = {"gpu": GpuPolicy(failing_after=2, unknown_after=3), **health}
        backend = Backend(
            spec=ServiceSpec("alpha", gpus=(GpuRequest(count=-1),) if gpus else ()),
            runtime=self.runtime,
            machine=MACHINE,
            policy=BackendPolicy(
                restart=RestartPolicy(jitter=0), recover=recover, health=HealthPolicy(**health)
            ),
            spool=self.spool,
            on_transition=self.taken.append,
            on_look=self.seen.append,
            rng=random.Random(1),
        )
        self.runtime.notify = backend.observe
        return backend

    async def ready(self, **options: Any) -> Backend:
        backend = self.make(**options)
        backend.start()
        assert await backend.settled() == "ready"
        return backend

    def request(self) -> ExecRequest:
        name = f"request-{len(self.runtime.requests)}"
        return ExecRequest(name, ("true",), self.folder / name)

    def show(self, *texts: str) -> None:
        self.runtime.will_print("alpha", *texts)

    @property
    def looks(self) -> int:
        return self.runtime.called("look")

    @property
    def path(self) -> list[str]:
        return [f"{step.source} {step.event} {step.target}" for step in self.taken]


def later() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()


async def until(holds: Any) -> None:
    for _ in range(1000):
        if holds():
            return
        await asyncio.sleep(0)
    raise AssertionError("it does not come about")
