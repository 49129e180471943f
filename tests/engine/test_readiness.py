"""A backend is ready once it has answered what it has to answer; why it is not yet, is said."""

from __future__ import annotations

import json
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from engine import BackendPolicy, ContainerManager, HealthPolicy, RestartPolicy
from engine.errors import StartError
from engine.policy import HttpAnswer, Ready

SERVER = """
import http.server, os, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        loaded = os.path.exists(sys.argv[2])
        if not loaded:
            open(sys.argv[2] + ".asked", "w").close()
        self.send_response(200 if loaded else 503)
        self.end_headers()
        self.wfile.write(b'{"model": "loaded"}' if loaded else b"loading the model")

    def log_message(self, *_):
        pass

http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


class Server:
    """A server that answers 503 until its model is there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model = folder / "model"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/health"
        command = [sys.executable, "-c", SERVER, str(self.port), str(self.model)]
        self.file = folder / "compose.yml"
        services = {"server": {"image": "none", "command": command}}
        self.file.write_text(json.dumps({"services": services}))

    def manager(self, *, within_s: float = 60.0, **ready: Any) -> ContainerManager:
        policy = BackendPolicy(
            restart=RestartPolicy(max_restarts=0),
            ready_within_s=within_s,
            health=HealthPolicy(ready=Ready(**ready)),
        )
        return ContainerManager(
            self.file,
            runtime="process",
            policies={"server": policy},
            output_dir=self.folder / "output",
        )

    def load_once_asked(self) -> threading.Thread:
        """Load the model at the first request for it, and not before."""
        asked = Path(f"{self.model}.asked")

        def load() -> None:
            tick = threading.Event()
            while not asked.exists():
                tick.wait(0.01)
            self.model.touch()

        thread = threading.Thread(target=load)
        thread.start()
        return thread


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


@pytest.mark.parametrize("outside", [False, True])
def test_a_server_is_ready_once_it_answers(server: Server, *, outside: bool) -> None:
    loading = server.load_once_asked()
    http = HttpAnswer(server.url, contains="loaded", outside=outside)
    with server.manager(http=http, tcp=server.port) as manager:
        manager.start_services(["server"])
        assert server.model.exists()
    loading.join()


def test_a_server_that_is_not_ready_in_time_is_quoted(server: Server) -> None:
    with (
        server.manager(within_s=3, http=HttpAnswer(server.url)) as manager,
        pytest.raises(StartError) as raised,
    ):
        manager.start_services(["server"])
    assert (
        f"not ready within 3 s; it was waited for {server.url}: it answered 503: loading the model;"
        " raise ready_within" in str(raised.value)
    )


def test_an_answer_with_other_words_is_no_readiness(server: Server) -> None:
    server.model.touch()
    http = HttpAnswer(server.url, contains="ok")
    with (
        server.manager(within_s=3, http=http) as manager,
        pytest.raises(StartError, match=r"its answer does not contain 'ok': {\"model\""),
    ):
        manager.start_services(["server"])


def test_a_status_can_be_named(server: Server) -> None:
    with server.manager(http=HttpAnswer(server.url, status=503)) as manager:
        manager.start_services(["server"])


def test_a_command_that_fails_is_quoted(server: Server) -> None:
    command = ("sh", "-c", "echo no such model >&2; exit 4")
    with (
        server.manager(within_s=2, command=command) as manager,
        pytest.raises(StartError, match="the command sh: it ended with exit code 4: no such"),
    ):
        manager.start_services(["server"])


def test_a_file_is_waited_for(server: Server) -> None:
    with (
        server.manager(within_s=2, file=str(server.model)) as manager,
        pytest.raises(StartError, match=f"the file {server.model}: it is not there"),
    ):
        manager.start_services(["server"])
    server.model.touch()
    with server.manager(file=str(server.model)) as manager:
        manager.start_services(["server"])


def test_a_backend_is_warmed_up_once_it_is_ready(server: Server) -> None:
    server.model.touch()
    count = ("sh", "-c", f"echo warm >>{server.folder}/warmed")
    with server.manager(http=HttpAnswer(server.url), warm_up=count) as manager:
        manager.start_services(["server"])
        manager.execute("server", ["true"])
        assert (server.folder / "warmed").read_text() == "warm\n"
        manager.restart_service("server")
        assert (server.folder / "warmed").read_text() == "warm\nwarm\n"


def test_a_warm_up_that_fails_is_quoted(server: Server) -> None:
    with (
        server.manager(warm_up=("sh", "-c", "echo cold >&2; exit 3")) as manager,
        pytest.raises(StartError, match="its warm-up failed: it ended with exit code 3: cold"),
    ):
        manager.start_services(["server"])
