"""The engine goes away under what is asked of it: what a second time does no harm is asked again."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
import requests
from docker.api import APIClient
from requests.adapters import BaseAdapter

from engine.runtimes.docker.daemon.client import Calls, connect
from engine.runtimes.docker.daemon.retrying import GivenUp, Patience, be_patient

_VERSION = b"HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n" + b'{"ApiVersion":"1.41"}'
CUT_OFF = requests.exceptions.ConnectionError("Connection aborted.")


class _CutOff(BaseAdapter):
    """An engine that goes away under the first request, and has heard it."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str | None] = []

    def send(
        self, request: requests.PreparedRequest, *_arguments: object, **_options: object
    ) -> requests.Response:
        self.heard.append(request.method)
        if len(self.heard) == 1:
            raise CUT_OFF
        response = requests.Response()
        response.status_code = 204
        return response

    def close(self) -> None: ...


@pytest.fixture
def engine() -> _CutOff:
    return _CutOff()


@pytest.fixture
def client(engine: _CutOff) -> APIClient:
    client = APIClient(base_url="http://engine.test:2375", version="1.41")
    client.mount(client.base_url, engine)
    return be_patient(client, Patience(), GivenUp)


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_a_look_or_a_removal_that_is_cut_off_is_asked_again(
    client: APIClient, engine: _CutOff, method: str
) -> None:
    assert client.request(method, f"{client.base_url}/any").status_code == 204
    assert engine.heard == [method, method]


def test_what_makes_something_is_asked_once(client: APIClient, engine: _CutOff) -> None:
    with pytest.raises(requests.exceptions.ConnectionError):
        client.post(f"{client.base_url}/any")
    assert engine.heard == ["POST"]


def test_an_engine_that_cuts_off_a_new_client_is_waited_for(tmp_path: Path) -> None:
    """As one does that is killed just then: the client is not made, but what is asked by it is not lost."""
    way = tmp_path / "docker.sock"
    heard: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(way))
        listening.listen()

        def answer() -> None:
            for answered in (b"", _VERSION):
                opened, _ = listening.accept()
                with opened:
                    heard.append(opened.recv(65536).split()[1])
                    opened.sendall(answered)

        engine = threading.Thread(target=answer)
        engine.start()
        attempt = partial(connect, {"DOCKER_HOST": f"unix://{way}"})
        with closing(Patience().wait_out(attempt, GivenUp())) as client:
            assert client.api_version == "1.41"
        engine.join()
    assert heard == [b"/version", b"/version"]


def _cut_off_once() -> tuple[Callable[[APIClient], int], list[int]]:
    times: list[int] = []

    def call(_client: APIClient) -> int:
        times.append(threading.get_ident())
        if len(times) == 1:
            raise CUT_OFF
        return len(times)

    return call, times


def _calls() -> Calls:
    return Calls(lambda: APIClient(base_url="http://engine.test:2375", version="1.41"))


def test_a_call_that_looks_first_is_done_again_from_its_beginning() -> None:
    call, _ = _cut_off_once()
    with closing(_calls()) as calls:
        assert asyncio.run(calls(call, repeatable=True)) == 2


def test_any_other_call_is_done_once() -> None:
    call, times = _cut_off_once()
    with closing(_calls()) as calls, pytest.raises(requests.exceptions.ConnectionError):
        asyncio.run(calls(call))
    assert len(times) == 1
