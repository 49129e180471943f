"""The scripts that ask a container whether its server is ready, with any of its programs."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from engine.runtimes.in_container import EXISTS, HTTP_GET, LISTENS

IPV6 = Path("/proc/net/if_inet6").exists() and "lo" in Path("/proc/net/if_inet6").read_text()
"""Whether this machine has an IPv6 address."""

CLIENTS = ("curl", "wget", "python3")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        moved = self.path == "/moved"
        self.send_response(302 if moved else 503 if self.path == "/loading" else 200)
        if moved:
            self.send_header("Location", "/health")
        self.end_headers()
        self.wfile.write(b"all is well")

    def log_message(self, *_arguments: object) -> None:
        """Nothing is printed."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(params=CLIENTS)
def only(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder of programs in which only one of the clients is."""
    return with_programs(tmp_path, "sh", request.param)


def with_programs(folder: Path, *names: str) -> Path:
    for name in names:
        found = sys.executable if name == "python3" else shutil.which(name)
        if found is None:
            pytest.skip(f"{name} is not installed; apt-get install {name}")
        (folder / name).symlink_to(found)
    return folder


def ask(path: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(path), "http_proxy": "http://127.0.0.1:1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def status(said: subprocess.CompletedProcess[str]) -> str:
    """The last status that was reported."""
    statuses: list[str] = re.findall(r"^\s*HTTP/\S+ (\d{3})", said.stderr, re.MULTILINE)
    return statuses[-1]


@pytest.mark.parametrize("page", ["health", "moved"])
def test_an_answer_is_its_status_and_its_body_whoever_asks(
    only: Path, port: int, page: str
) -> None:
    said = ask(only, *HTTP_GET, f"http://127.0.0.1:{port}/{page}", "5")
    assert said.returncode == 0, said.stderr
    assert said.stdout == "all is well"
    assert status(said) == "200"


def test_an_answer_that_is_an_error_tells_its_status(only: Path, port: int) -> None:
    said = ask(only, *HTTP_GET, f"http://127.0.0.1:{port}/loading", "5")
    assert status(said) == "503"


def test_without_any_client_it_says_so(tmp_path: Path, port: int) -> None:
    said = ask(with_programs(tmp_path, "sh"), *HTTP_GET, f"http://127.0.0.1:{port}/health", "5")
    assert (said.returncode, said.stderr) == (127, "no curl, wget or Python\n")


@pytest.mark.parametrize("address", ["127.0.0.1", *(["::1"] if IPV6 else [])])
def test_a_port_is_known_to_be_listened_on_without_a_connection(
    tmp_path: Path, address: str
) -> None:
    path = with_programs(tmp_path, "sh", "printf")
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as server:
        server.bind((address, 0))
        taken = str(server.getsockname()[1])
        assert ask(path, *LISTENS, taken).returncode == 1, "bound is not listening"
        server.listen()
        assert ask(path, *LISTENS, taken).returncode == 0
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert ask(path, *LISTENS, taken).returncode == 1


def test_a_path_is_there_or_not(tmp_path: Path) -> None:
    path = with_programs(tmp_path, "sh")
    assert ask(path, *EXISTS, str(tmp_path)).returncode == 0
    assert ask(path, *EXISTS, str(tmp_path / "no")).returncode == 1
