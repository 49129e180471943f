"""Commands when the engine's answers are lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from unittest.mock import AsyncMock, Mock

import docker.errors
import pytest
import requests

from engine.errors import ContainerLost, ExecFailed
from engine.runtimes.base import Container, ExecRequest
from engine.runtimes.docker.commands.execs import Execs
from engine.runtimes.docker.commands.output import SharedOutput
from engine.runtimes.docker.commands.starting import Unheard
from engine.runtimes.docker.containers.provisioner import INSIDE
from engine.runtimes.docker.daemon.client import Calls
from engine.runtimes.docker.daemon.retrying import Patience
from engine.runtimes.exit_status import ENDED
from engine.runtimes.in_container import RUN
from engine.util import virtual_clock

CONTAINER = Container("alpha", "c1", "now")
STATE = {"HostConfig": {}, "State": {"Running": True, "Pid": 2**30, "StartedAt": "now"}}


class Client:
    """An engine whose container runs, and whose answers the test decides."""

    def __init__(
        self,
        *,
        start: Exception | None = None,
        look: Any = None,
        processes: Callable[[], list[list[str]]] = list,
    ) -> None:
        self.start, self.look, self.processes = start, look, processes

    def exec_create(self, *_: Any, **__: Any) -> dict[str, str]:
        return {"Id": "e1"}

    def exec_start(self, *_: Any, **__: Any) -> None:
        if self.start is not None:
            raise self.start

    def exec_inspect(self, _exec_id: str) -> Any:
        if isinstance(self.look, Exception):
            raise self.look
        return self.look

    def inspect_container(self, _container_id: str) -> Any:
        return STATE

    def top(self, _container_id: str, columns: str = "") -> Any:
        return {"Processes": [] if columns else self.processes()}


def execs(client: Client) -> Execs:
    async def calls(call: Callable[[Any], Any], **_: Any) -> Any:
        return call(client)

    return Execs(cast("Calls", Mock(side_effect=calls, knock=AsyncMock(), patience=Patience())))


def run(client: Client) -> int:
    async def story() -> int:
        return await execs(client)._starts.run(CONTAINER, ["true"], None)

    return asyncio.run(story())


LOST = requests.exceptions.ConnectionError("connection reset by peer")


def test_a_command_whose_start_got_no_answer_is_looked_up() -> None:
    assert run(Client(start=LOST, look={"Running": False, "ExitCode": 3})) == 3


def test_a_command_that_did_not_start_is_said_so() -> None:
    with pytest.raises(ExecFailed, match="connection reset"):
        run(Client(start=LOST, look={"Running": False, "ExitCode": None}))


def test_a_command_that_a_restarted_engine_has_forgotten_may_run_on() -> None:
    with pytest.raises(Unheard):
        run(Client(start=LOST, look=docker.errors.NotFound("no such exec instance")))


def test_where_nobody_says_whether_it_runs_nothing_else_may_run_there() -> None:
    with pytest.raises(ContainerLost, match="does not say whether its command runs"):
        run(Client(start=LOST, look=LOST))


def test_success_is_not_believed_of_an_engine_that_says_it_of_what_never_ran() -> None:
    """As Podman does; Docker has no exit code for such an exec."""
    with pytest.raises(ContainerLost, match="does not say whether its command has run"):
        run(Client(start=LOST, look={"Running": False, "ExitCode": 0}))


class Unannounced(Client):
    """An engine that announces no end: only a look shows it."""

    looks = 0

    def exec_inspect(self, _exec_id: str) -> Any:
        self.looks += 1
        return {"Running": self.looks < 4, "ExitCode": 5}


def test_an_end_that_is_not_announced_is_seen() -> None:
    client = Unannounced()

    async def story() -> int:
        return await execs(client)._starts.run(CONTAINER, ["true"], None)

    assert virtual_clock.run(story()) == 5


def test_an_engine_that_has_announced_an_end_is_not_asked() -> None:
    client = Unannounced()

    async def story() -> int:
        ours = execs(client)
        died = {"ID": CONTAINER.id, "Attributes": {"execID": "e1", "exitCode": "3"}}
        ours.on_event({"Action": "exec_die", "Actor": died})
        running = asyncio.create_task(ours._starts.run(CONTAINER, ["true"], None))
        await asyncio.sleep(60)
        ours.on_event({"Action": "exec_die", "Actor": died})
        return await running

    assert virtual_clock.run(story()) == 3
    assert client.looks == 0


FAILED = docker.errors.APIError(
    "500 Server Error",
    Mock(status_code=500),
    "transport is closing: unavailable",
)


def execute(
    client: Client, tmp_path: Path, *, meanwhile: Callable[[Execs], None] = lambda _: None
) -> int:
    """The exit code of a request, which is noted in the end; its output lies in a shared folder."""
    request = ExecRequest("one", ("true",), tmp_path / "one")
    request.folder.mkdir()

    async def story() -> int:
        ours = execs(client)
        ending = asyncio.create_task(ours.execute(CONTAINER, request, SharedOutput(tmp_path)))
        await asyncio.sleep(5)
        meanwhile(ours)
        await asyncio.sleep(5)
        (request.folder / ENDED).write_text("3\n")
        return (await ending).exit_code

    return virtual_clock.run(story())


LISTED = [["1", f"/bin/sh -c {RUN} dockwarden {INSIDE}/one 1 true"]]


def test_a_command_that_an_engine_on_its_way_out_says_has_failed_may_run(tmp_path: Path) -> None:
    client = Client(start=FAILED, processes=lambda: LISTED)
    assert execute(client, tmp_path) == 3


def test_one_that_really_did_not_start_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ExecFailed, match="transport is closing"):
        execute(Client(start=FAILED), tmp_path)


def test_a_command_that_runs_on_is_waited_for_however_often_the_engine_is_away(
    tmp_path: Path,
) -> None:
    forgotten = docker.errors.NotFound("no such exec instance")
    client = Client(start=LOST, look=forgotten, processes=lambda: LISTED)
    assert execute(client, tmp_path, meanwhile=Execs.on_blind) == 3


def test_two_commands_may_wait_for_the_death_of_one_container(tmp_path: Path) -> None:
    async def story() -> None:
        both = execs(Client())
        requests = (ExecRequest(name, ("true",), tmp_path) for name in ("one", "two"))
        await asyncio.gather(*(both._await_death(CONTAINER, one) for one in requests))

    virtual_clock.run(story())
