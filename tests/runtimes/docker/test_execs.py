"""What becomes of a command when the engine's answers are lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock

import docker.errors
import pytest
import requests

from engine.errors import ContainerLost, ExecFailed
from engine.runtimes.base import Container, ExecRequest
from engine.runtimes.docker.client import Calls
from engine.runtimes.docker.execs import Execs, _Forgotten
from engine.runtimes.docker.patience import Patience
from engine.testing import clock

CONTAINER = Container("alpha", "c1", "now")
STATE = {"State": {"Running": True, "StartedAt": "now"}}


class Client:
    """An engine whose container runs, and whose answers the test decides."""

    def __init__(self, *, start: Exception | None = None, look: Any = None) -> None:
        self.start, self.look = start, look

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


def execs(client: Client) -> Execs:
    async def calls(call: Callable[[Any], Any], **_: Any) -> Any:
        return call(client)

    return Execs(cast("Calls", Mock(side_effect=calls, patience=Patience())))


def run(client: Client) -> int:
    async def story() -> int:
        return await execs(client)._run(CONTAINER, ["true"])

    return asyncio.run(story())


LOST = requests.exceptions.ConnectionError("connection reset by peer")


def test_a_command_whose_start_got_no_answer_is_looked_up() -> None:
    assert run(Client(start=LOST, look={"Running": False, "ExitCode": 3})) == 3


def test_a_command_that_did_not_start_is_said_so() -> None:
    with pytest.raises(ExecFailed, match="connection reset"):
        run(Client(start=LOST, look={"Running": False, "ExitCode": None}))


def test_a_command_that_a_restarted_engine_has_forgotten_may_run_on() -> None:
    with pytest.raises(_Forgotten):
        run(Client(start=LOST, look=docker.errors.NotFound("no such exec instance")))


def test_where_nobody_says_whether_it_runs_nothing_else_may_run_there() -> None:
    with pytest.raises(ContainerLost, match="does not say whether its command runs"):
        run(Client(start=LOST, look=LOST))


def test_two_commands_may_wait_for_the_death_of_one_container(tmp_path: Path) -> None:
    async def story() -> None:
        both = execs(Client())
        requests = (ExecRequest(name, ("true",), tmp_path) for name in ("one", "two"))
        await asyncio.gather(*(both._await_death(CONTAINER, one) for one in requests))

    clock.run(story())
