"""Whose GPU memory it is, for a backend that runs: its own server's, an experiment's, another backend's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from attrs import evolve

from engine.controller import Controller
from engine.errors import DispatchError
from engine.model.container import ContainerProcesses
from engine.model.results import GpuLook
from engine.model.spec import GpuRequest, Project, ServiceSpec
from engine.policy import BackendPolicy, GpuPolicy, HealthPolicy, RestartPolicy, ServerMemory
from engine.runtimes.base import Container
from engine.util.virtual_clock import run
from tests.engine.watched import MIB, later, until
from tests.fake_runtime import FakeRuntime

SERVER, LEFT = 10, 30
GPU = "GPU-a"


def shown(used_mib: int | None, *processes: tuple[int, int]) -> str:
    """What the probe prints of one GPU, and of processes with what each holds, in MiB."""
    listed = [{"pid": pid, "memory_used_bytes": mib * MIB} for pid, mib in processes]
    used = None if used_mib is None else used_mib * MIB
    device = {"index": 0, "uuid": GPU, "memory_used_bytes": used, "processes": listed}
    return json.dumps({"source": "nvml", "devices": [device]})


class Attributed(FakeRuntime):
    """Tells a server's processes from those that were left beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.left: set[str] = set()

    async def processes(self, container: Container) -> ContainerProcesses | None:
        service = frozenset({SERVER})
        left = frozenset({LEFT}) if container.service in self.left else frozenset()
        return ContainerProcesses(service | left, service)


class Stage:
    """One server, or two, on one GPU, ready; 600 MiB are in use."""

    def __init__(self, of: Controller, runtime: Attributed) -> None:
        self.of, self.runtime = of, runtime
        self.looks: list[GpuLook] = []
        self._count = 0
        of.on_look(self.looks.append)

    def show(self, service: str, *texts: str) -> None:
        self.runtime.will_print(service, *texts)

    async def experiment(self, service: str = "alpha") -> None:
        self._count += 1
        ended = await self.of.execute(service, ["measure"], id=f"run-{self._count}")
        assert ended.succeeded

    def generation(self, service: str = "alpha") -> int:
        return self.of.backend(service).generation


@asynccontextmanager
async def stage(folder: Path, *names: str, **gpu: object) -> AsyncIterator[Stage]:
    services = {
        name: ServiceSpec(name, gpus=(GpuRequest(count=-1),)) for name in names or ("alpha",)
    }
    policy = BackendPolicy(
        restart=RestartPolicy(backoff_s=0, jitter=0),
        health=HealthPolicy(gpu=GpuPolicy(**gpu), wait_for_others_s=600),  # type: ignore[arg-type]
    )
    runtime = Attributed()
    of = Controller(
        Project("p", folder, (), services),
        runtime,
        folder,
        policies=dict.fromkeys(services, policy),
    )
    on = Stage(of, runtime)
    for name in services:
        on.show(name, shown(600, (SERVER, 600)))
    await of.start(services)
    yield on
    await of.teardown()


def test_a_server_that_loads_its_model_at_the_first_request_goes_on(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage(tmp_path) as on:
            on.show("alpha", shown(9600, (SERVER, 9600)))
            for _ in range(5):
                await on.experiment()
            assert on.generation() == 1
            assert on.looks[-1].health == "ok"
            assert "which server_memory allows" in on.looks[-1].reason

    run(story())


def test_one_that_may_not_is_restarted_and_the_setting_is_named(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage(tmp_path, server_memory=ServerMemory.BASELINE) as on:
            grown = shown(9600, (SERVER, 9600))
            on.show("alpha", grown, grown, shown(600, (SERVER, 600)))
            await on.experiment()
            await asyncio.sleep(60)
            assert on.generation() == 2
            cause = on.of.backend("alpha").restart_cause
            assert cause is not None
            assert "server_memory" in cause
            assert on.runtime.called("kill") == 0

    run(story())


def test_what_an_experiment_left_is_a_leak_beside_a_server_that_has_grown(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage(tmp_path) as on:
            on.runtime.left.add("alpha")
            on.show("alpha", shown(18600, (SERVER, 9600), (LEFT, 9000)))
            await on.experiment()
            await until(lambda: on.runtime.called("kill") >= 1)

    run(story())


@pytest.mark.parametrize("used_mib", [None, 20600])
def test_a_leak_is_found_on_a_device_that_tells_no_memory(
    tmp_path: Path, used_mib: int | None
) -> None:
    async def story() -> None:
        async with stage(tmp_path) as on:
            before = shown(used_mib and 600, (SERVER, 600))
            on.show("alpha", before)
            on.of.backend("alpha").restart("another device")
            await on.of.backend("alpha").settled()
            on.runtime.left.add("alpha")
            on.show("alpha", shown(used_mib, (SERVER, 600), (LEFT, 20_000)))
            await on.experiment()
            await asyncio.sleep(60)
            assert on.generation() > 2
            assert "20600 MiB in use" in str(on.of.backend("alpha").restart_cause)

    run(story())


def test_the_idle_server_of_another_backend_is_not_waited_for(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage(tmp_path, "alpha", "beta") as on:
            on.show("alpha", shown(9600, (SERVER, 9600)))
            await on.experiment("alpha")
            on.show("beta", shown(9600))  # the driver shows a container its own processes alone
            await asyncio.sleep(60)
            assert "the server of backend alpha holds it" in on.looks[-1].reason
            await asyncio.wait_for(on.experiment("beta"), 1)

    run(story())


def test_an_experiment_on_another_backend_is_waited_for_by_its_name(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage(tmp_path, "alpha", "beta") as on:
            on.runtime.will("execute", "alpha", later())
            busy = asyncio.create_task(on.experiment("alpha"))
            await until(lambda: on.of.backend("alpha").state == "busy")
            on.show("beta", shown(9600))
            await asyncio.sleep(60)
            with pytest.raises(DispatchError) as raised:
                await on.experiment("beta")
            assert "backend alpha, in which an experiment runs, holds it" in str(raised.value)
            busy.cancel()
            await asyncio.wait({busy})

    run(story())


def test_and_is_not_waited_for_where_gpus_are_shared(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage(tmp_path, "alpha", "beta", shared=True) as on:
            on.runtime.will("execute", "alpha", later())
            busy = asyncio.create_task(on.experiment("alpha"))
            await until(lambda: on.of.backend("alpha").state == "busy")
            on.show("beta", shown(9600))
            await asyncio.sleep(60)
            await asyncio.wait_for(on.experiment("beta"), 1)
            busy.cancel()
            await asyncio.wait({busy})

    run(story())


def test_a_campaign_that_shares_gpus_says_so_to_all_its_backends() -> None:
    from engine.policy.backend import sharing_gpus

    health = HealthPolicy(gpu=GpuPolicy(residual_mib=5))
    policy = sharing_gpus(evolve(BackendPolicy(), health=health))
    assert policy.health.gpu == GpuPolicy(residual_mib=5, shared=True)
