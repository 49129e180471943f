"""A GET request from this machine to a server in a container, which may answer anything."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

from attrs import frozen

__all__ = ["Reply", "get"]

_REDIRECTIONS: Final = 5
_REDIRECTS: Final = (301, 302, 303, 307, 308)

_Server = tuple[str | None, int]


@frozen
class Reply:
    """The answer of a server.

    Attributes:
        status: its status code.
        body: the beginning of its body.
    """

    status: int
    body: str


def get(url: str, *, within_s: float, most_bytes: int) -> Reply | str:
    """Ask a server, which is not trusted, and return its reply, or why there is none. Blocks.

    Redirections are followed on the same server only: a container must not choose which other server of this
    machine's network is asked. Proxies are not used.

    Args:
        within_s: how long each request may take, even while data arrives.
        most_bytes: so much of the body is read.
    """
    asked, to, servers = url, "", set[_Server]()
    for _ in range(_REDIRECTIONS + 1):
        try:
            asked = urljoin(asked, to)
            address = urlsplit(asked)
            servers.add(_server(address))
        except ValueError as error:
            return f"{to or asked} is no URL: {error}"
        if len(servers) > 1:
            return f"it redirects to another server, which is not asked: {asked}"
        reply = _request(address, within_s, most_bytes)
        if not isinstance(reply, _Redirection):
            return reply
        to = reply.to
    return f"it redirects more than {_REDIRECTIONS} times"


@frozen
class _Redirection:
    to: str


def _request(address: SplitResult, within_s: float, most_bytes: int) -> Reply | _Redirection | str:
    path = address.path or "/"
    target = f"{path}?{address.query}" if address.query else path
    late = threading.Event()
    try:
        with (
            closing(_connection(address, within_s)) as connection,
            _cut_off(connection.sock, within_s, late),
        ):
            connection.request("GET", target, headers={"Connection": "close"})
            answer = connection.getresponse()
            to = answer.getheader("Location") if answer.status in _REDIRECTS else None
            if to is not None:
                return _Redirection(to)
            body = answer.read(most_bytes).decode(errors="replace")
    except (OSError, HTTPException, ValueError) as error:
        return (
            _late(within_s) if late.is_set() else f"no answer: {str(error) or type(error).__name__}"
        )
    return _late(within_s) if late.is_set() else Reply(answer.status, body)


def _connection(address: SplitResult, within_s: float) -> HTTPConnection:
    kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
    connection = kind(address.hostname or "", address.port, timeout=within_s)
    connection.connect()
    return connection


@contextmanager
def _cut_off(connected: socket.socket, within_s: float, late: threading.Event) -> Iterator[None]:
    """Cut a connection off when its time is over: its own timeout begins again with every byte."""

    def cut() -> None:
        late.set()
        with suppress(OSError):
            socket.socket.shutdown(
                connected, socket.SHUT_RDWR
            )  # below TLS, which another thread uses

    timer = threading.Timer(within_s, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _late(within_s: float) -> str:
    return f"no answer within {within_s:g} s"


def _server(address: SplitResult) -> _Server:
    """Return the server that an address names."""
    default = 443 if address.scheme == "https" else 80
    return address.hostname, address.port or default
