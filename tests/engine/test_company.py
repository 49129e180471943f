"""What a command needs besides its own container: what that depends on, and the servers that it measures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from engine.controller import Controller
from engine.errors import DispatchError
from engine.model.results import Ended, Ending
from engine.model.spec import Condition, Dependency, GpuRequest, Project, ServiceSpec
from engine.policy import BackendPolicy, RestartPolicy
from engine.runtimes.base import Checked
from engine.util.virtual_clock import run
from tests.engine.test_service_check import CheckedRuntime
from tests.engine.watched import BLIND, later, until

SERVER = ServiceSpec("server")
CLIENT = ServiceSpec("client", depends_on={"server": Dependency(Condition.HEALTHY)})
RESTARTED = ServiceSpec(
    "client", depends_on={"server": Dependency(Condition.HEALTHY, restart=True)}
)
QUICK = BackendPolicy(restart=RestartPolicy(max_restarts=1, backoff_s=60, jitter=0))
SICK = Checked("exit code 1: no")


class Stage:
    """A server and its client, ready, on a fake runtime whose containers pass their health checks."""

    def __init__(self, of: Controller, runtime: CheckedRuntime) -> None:
        self.of, self.runtime, self._count = of, runtime, 0

    @property
    def server(self) -> Any:
        return self.of.backend("server")

    def execute(
        self, *targets: str, service: str = "client", takes: Any = 0, **limits: Any
    ) -> asyncio.Task[Ended]:
        """Begin a command that ends as ``takes`` says."""
        self._count += 1
        self.runtime.will("execute", service, takes)
        command = self.of.execute(
            service, ["measure"], id=f"run-{self._count}", targets=targets, **limits
        )
        return asyncio.create_task(command)

    async def busy(self, service: str = "client") -> None:
        await until(lambda: self.of.backend(service).state == "busy")


@asynccontextmanager
async def stage(
    folder: Path, client: ServiceSpec = CLIENT, *more: ServiceSpec
) -> AsyncIterator[Stage]:
    services = {one.name: one for one in (SERVER, client, *more)}
    runtime = CheckedRuntime()
    of = Controller(
        Project("p", folder, (), services),
        runtime,
        folder,
        policies=dict.fromkeys(services, QUICK),
    )
    await of.start(services)
    yield Stage(of, runtime)
    await of.teardown()


def test_nothing_is_dispatched_while_what_it_depends_on_is_restarted(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage(tmp_path) as on:
            on.runtime.die("server")
            await until(lambda: on.server.state == "restarting")
            running = on.execute()
            await asyncio.sleep(59)
            assert on.runtime.called("execute") == 0
            assert (await running).succeeded
            assert on.server.state == "ready"

    run(story())


def test_nothing_is_dispatched_once_what_it_depends_on_is_given_up(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage(tmp_path) as on:
            for _ in range(2):
                on.runtime.die("server", 3)
                await on.server.settled()
                await until(lambda: on.server.state in ("restarting", "exhausted"))
                await on.server.settled()
            with pytest.raises(DispatchError) as raised:
                await on.execute()
            assert str(raised.value).startswith(
                "client takes no experiment: server, which it depends on, is exhausted: "
            )

    run(story())


async def restart_of_the_server(on: Stage) -> None:
    on.runtime.die("server")
    await until(lambda: on.server.state == "restarting")
    await on.server.settled()


def test_a_client_is_checked_again_after_a_restart_of_its_server(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage(tmp_path) as on:
            await restart_of_the_server(on)
            checks = on.runtime.called("check", "client")
            await on.execute()
            assert on.runtime.called("check", "client") == checks + 1
            await on.execute()
            assert on.runtime.called("check", "client") == checks + 1, "once"
            assert on.runtime.called("restart", "client") == 0

    run(story())


def test_a_client_is_restarted_with_its_server_where_its_file_says_so(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage(tmp_path, RESTARTED) as on:
            await restart_of_the_server(on)
            ended = await on.execute()
            assert ended.restart_cause == "server, which it depends on, was started again"
            assert on.runtime.called("restart", "client") == 1
            assert on.of.backend("client").history.spent == 0, "free of charge"
            await on.execute()
            assert on.runtime.called("restart", "client") == 1

    run(story())


def test_a_target_is_left_alone_while_it_is_measured(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage(tmp_path) as on:
            checks, end = on.runtime.called("check", "server"), later()
            running = on.execute("server", takes=end)
            other = on.execute(service="server")
            await on.busy()
            await asyncio.sleep(600)
            assert on.runtime.called("check", "server") == checks
            assert not other.done(), "nothing runs in it meanwhile"
            end.set_result(0)
            (target,) = (await running).targets
            assert (target.backend, target.generation) == ("server", 1)
            assert target.container_id == on.server.container.id
            await other

    run(story())


def test_a_command_is_lost_with_the_server_that_it_measures(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage(tmp_path) as on:
            running = on.execute("server", takes=later())
            await on.busy()
            on.runtime.die("server", 3)
            ended = await running
            assert ended.ending is Ending.LOST
            assert ended.reason == (
                "server, which it measures, was lost: its container's main process ended (exit code 3)"
            )
            client = on.of.backend("client")
            assert (client.state, client.generation) == ("ready", 1), "it is not at fault"
            assert on.runtime.called("kill", "client") == 1
            assert (await on.execute("server")).targets[0].generation == 2

    run(story())


def test_a_command_that_fails_beside_a_sick_server_is_lost(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage(tmp_path) as on:
            on.runtime.will("check", "server", SICK)
            ended = await on.execute("server", takes=1)
            assert (ended.ending, ended.exit_code) == (Ending.LOST, 1)
            assert ended.reason == (
                "server, which it measures, was at fault: its health check: exit code 1: no"
            )

    run(story())


def test_a_command_that_fails_beside_a_sound_server_has_failed(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage(tmp_path) as on:
            ended = await on.execute("server", takes=1)
            assert (ended.ending, ended.exit_code) == (Ending.EXITED, 1)

    run(story())


def test_those_who_measure_each_other_take_turns(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage(tmp_path) as on:
            both = [
                *(on.execute("server") for _ in range(3)),
                *(on.execute("client", service="server") for _ in range(3)),
            ]
            assert all(one.succeeded for one in await asyncio.gather(*both))

    run(story())


def test_two_clients_measure_one_server_one_after_the_other(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage(tmp_path, CLIENT, ServiceSpec("other")) as on:
            end = later()
            one = on.execute("server", takes=end)
            await on.busy()
            two = on.execute("server", service="other")
            await asyncio.sleep(60)
            assert on.of.backend("other").state == "ready"
            end.set_result(0)
            await asyncio.gather(one, two)

    run(story())


def test_a_server_that_does_not_recover_is_named_by_who_measures_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage(tmp_path, ServiceSpec("client")) as on:
            on.runtime.will("check", "server", *[SICK] * 1000)
            await asyncio.sleep(600)
            assert on.server.state == "exhausted"
            with pytest.raises(DispatchError, match="server takes no experiment, it is exhausted"):
                await on.execute("server")

    run(story())


def test_a_server_whose_gpus_show_nothing_is_looked_at_once_for_a_command(tmp_path: Path) -> None:
    async def story() -> None:
        blind = evolve(SERVER, gpus=(GpuRequest(count=-1),))
        async with stage(tmp_path, CLIENT, blind) as on:
            on.runtime.will_print("server", BLIND)
            before = on.runtime.called("look", "server")
            ended = await asyncio.wait_for(on.execute("server"), 600)
            assert ended.succeeded
            assert on.runtime.called("look", "server") == before + 1

    run(story())
