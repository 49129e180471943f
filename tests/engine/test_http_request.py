"""A server that is asked from this machine may answer anything: the asking ends, and says what came."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import pytest

from engine.health.http_request import Reply, get

_LONG_S = 60.0
"""Nothing here comes near it, but for a test that hangs."""

Answers = Callable[[socket.socket], None]


@contextmanager
def served(answers: Answers) -> Iterator[tuple[str, list[bytes]]]:
    """A server on this machine, and the first line of each request that came to it."""
    asked: list[bytes] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:

        def serve() -> None:
            while True:
                try:
                    connected, _ = listening.accept()
                except OSError:
                    return
                with connected, suppress(OSError):
                    asked.append(connected.recv(2**16).partition(b"\r\n")[0])
                    answers(connected)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", asked
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()


def says(words: bytes) -> Answers:
    return lambda connected: connected.sendall(words)


def without_an_end(begin: bytes, again: bytes, *, pause_s: float = 0.01) -> Answers:
    def answers(connected: socket.socket) -> None:
        connected.sendall(begin)
        connected.settimeout(pause_s)
        while True:  # until the other side closes
            connected.sendall(again)
            with suppress(TimeoutError):
                if not connected.recv(1):
                    return

    return answers


def asked(url: str, *, within_s: float = _LONG_S) -> Reply | str:
    return get(url, within_s=within_s, most_bytes=100)


def test_status_and_body_are_the_reply() -> None:
    with served(says(b"HTTP/1.0 503 Busy\r\n\r\nloading")) as (url, requests):
        assert asked(f"{url}/health?full=1") == Reply(503, "loading")
    assert requests == [b"GET /health?full=1 HTTP/1.1"]


def test_a_body_without_an_end_is_read_to_its_bound() -> None:
    with served(without_an_end(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 1000)) as (url, _):
        assert asked(url) == Reply(200, "x" * 100)


@pytest.mark.parametrize(
    ("begin", "again"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nlong: ", b"x"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx", b""),
    ],
    ids=["continues", "header", "body", "silence"],
)
def test_an_answer_that_drips_is_cut_off(begin: bytes, again: bytes) -> None:
    """Every byte is in time, and all of them together are not."""
    with served(without_an_end(begin, again, pause_s=0.05)) as (url, _):
        assert asked(url, within_s=1.0) in ("no answer within 1 s", "no answer: timed out")


@pytest.mark.parametrize(
    "words",
    [
        b"",
        b"no HTTP\r\n",
        b"HTTP/1.1 999999999999 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x" * 2**17,
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno number\r\n",
        b"\xff\x00" * 1000,
    ],
)
def test_what_is_no_answer_is_said(words: bytes) -> None:
    with served(says(words)) as (url, _):
        reply = asked(url)
    assert isinstance(reply, str)
    assert reply.startswith("no answer: ")


def test_redirections_on_the_same_server_are_followed() -> None:
    def answers(connected: socket.socket) -> None:
        first = len(requests) == 1
        connected.sendall(
            b"HTTP/1.0 302 Found\r\nLocation: /there\r\n\r\n"
            if first
            else b"HTTP/1.0 200 OK\r\n\r\n"
        )

    with served(answers) as (url, requests):
        assert asked(url) == Reply(200, "")
    assert requests == [b"GET / HTTP/1.1", b"GET /there HTTP/1.1"]


def test_no_other_server_is_asked_because_one_redirects_to_it() -> None:
    with served(says(b"HTTP/1.0 200 OK\r\n\r\ninside")) as (other, requests):
        to = f"HTTP/1.0 302 Found\r\nLocation: {other}/admin\r\n\r\n".encode()
        with served(says(to)) as (url, _):
            reply = asked(url)
    assert reply == f"it redirects to another server, which is not asked: {other}/admin"
    assert requests == []


@pytest.mark.parametrize(
    ("to", "reply"),
    [
        ("/again", "it redirects more than 5 times"),
        ("http://[", "is no URL"),
        ("http://127.0.0.1:no/", "is no URL"),
        ("file:///etc/hostname", "another server"),
    ],
)
def test_a_redirection_that_leads_nowhere_is_said(to: str, reply: str) -> None:
    with served(says(f"HTTP/1.0 302 Found\r\nLocation: {to}\r\n\r\n".encode())) as (url, _):
        assert reply in str(asked(url))
