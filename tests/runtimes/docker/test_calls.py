"""Calls to the engine: each has a client for itself, and none is left open."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from docker.api import APIClient

from engine.runtimes.docker.daemon.client import Calls


class Client(APIClient):
    """A client that no engine has to be there for."""

    def __init__(self) -> None:
        super().__init__("unix:///nowhere/docker.sock", version="1.41")
        self.closed = 0

    def close(self) -> None:
        self.closed += 1
        super().close()


@pytest.fixture
def made() -> list[Client]:
    return []


@pytest.fixture
def calls(made: list[Client]) -> Calls:
    def connect() -> Client:
        made.append(Client())
        return made[-1]

    return Calls(connect)


def test_one_after_the_other_they_share_a_client(calls: Calls, made: list[Client]) -> None:
    async def one_after_the_other() -> None:
        for _ in range(5):
            assert await calls(lambda client: client) is made[0]
        calls.close()

    asyncio.run(one_after_the_other())
    assert [client.closed for client in made] == [1]


def test_side_by_side_each_has_its_own(calls: Calls, made: list[Client]) -> None:
    together = threading.Barrier(4)

    def meet(client: APIClient) -> APIClient:
        together.wait()
        return client

    async def side_by_side() -> None:
        used = await asyncio.gather(*(calls(meet) for _ in range(4)))
        assert len({*map(id, used)}) == 4
        calls.close()

    asyncio.run(side_by_side())
    assert [client.closed for client in made] == [1] * 4


def test_what_is_in_use_when_they_end_is_closed_after_it(calls: Calls, made: list[Client]) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def lasting(client: APIClient) -> None:
        begun.set()
        go_on.wait()
        assert isinstance(client, Client)
        assert not client.closed

    async def close_meanwhile(loop_threads: ThreadPoolExecutor) -> None:
        call = asyncio.create_task(calls(lasting))
        await asyncio.get_running_loop().run_in_executor(loop_threads, begun.wait)
        calls.close()
        go_on.set()
        await call

    with ThreadPoolExecutor(1) as threads:
        asyncio.run(close_meanwhile(threads))
    assert [client.closed for client in made] == [1]
