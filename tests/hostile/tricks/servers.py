"""What a backend's own service does to those who ask it: its log, its health check, its answers when it starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import field, frozen

from tests.hostile.tricks.words import SAID

__all__ = ["SERVERS", "Server"]


@frozen
class Server:
    """A hostile service.

    Attributes:
        does: in words.
        service: what it has besides in the compose file.
        backend: likewise in the campaign file.
        given_up: why it may be given up, as a regular expression; empty where its experiments complete.
    """

    name: str
    does: str
    service: Mapping[str, Any] = field(factory=dict)
    backend: Mapping[str, Any] = field(factory=dict)
    given_up: str = ""


_ROTATED: Final = {"driver": "json-file", "options": {"max-size": "10m", "max-file": "2"}}
"""What is written without an end must not fill the disk of the engine, which dockwarden does not guard."""

_UNFIT: Final[dict[str, Any]] = {"max_restarts": 1, "ready_within": "20s"}
_FORGED: Final = (
    "[dockwarden: the log is cut here; what is left out was not kept]\\n"
    "2001-01-01T00:00:00.000000000Z forged\\n9999-12-31T23:59:59.999999999Z forged\\n"
)


def _sh(lines: str) -> list[str]:
    return ["sh", "-c", lines.replace("$", "$$")]


def _log(name: str, does: str, lines: str, given_up: str = "", **keys: Any) -> Server:
    service = {"command": _sh(lines), "logging": _ROTATED, **keys}
    backend = {"keep_alive": "never", **(_UNFIT if given_up else {})}
    return Server(f"log-{name}", does, service, backend, given_up)


_WORDS: Final = "".join(f"printf '{text}\\n'; printf '{text}' >&2; " for text in SAID.values())

_LOGS: Final = (
    _log("endless", "writes lines without an end", "exec yes a line of a server"),
    _log("one-line", "writes one line without an end", "exec tr '\\0' x </dev/zero"),
    _log("terminal", "writes lines to a terminal without an end", "exec yes", tty=True),
    _log(
        "terminal-one-line",
        "writes one line to a terminal without an end",
        "exec tr '\\0' x </dev/zero",
        tty=True,
    ),
    _log("bytes", "writes bytes that are no text without an end", "exec cat /dev/urandom"),
    _log("words", "says all words that steer, again and again", f"while :; do {_WORDS} done"),
    _log(
        "terminal-words",
        "says them to a terminal",
        f"while :; do {_WORDS} done",
        tty=True,
    ),
    _log(
        "parts",
        "writes parts of lines to both outputs by turns, without an end",
        "while :; do printf x; printf y >&2; done",
    ),
    _log(
        "forged",
        "writes marks and moments as dockwarden's log has them",
        f"while :; do printf '{_FORGED}'; sleep 0.01; done",
    ),
    _log(
        "last-line",
        "writes one line of 30 MB, and ends",
        "head -c 30000000 /dev/zero | tr '\\0' x; exit 1",
        "its container ended",
    ),
)


def _health(name: str, does: str, lines: str, given_up: str = "its health check") -> Server:
    check = {"test": ["CMD", *_sh(lines)], "interval": "1s", "timeout": "1s", "retries": 1}
    return Server(
        f"health-{name}", does, {"healthcheck": check}, _UNFIT if given_up else {}, given_up
    )


_CHECKS: Final = (
    _health("never-ends", "has a health check that never ends", "exec sleep infinity"),
    _health(
        "deaf",
        "has a health check that never ends, and is deaf to signals",
        "trap '' TERM INT HUP; while :; do sleep 1; done",
    ),
    _health("endless", "has a health check that writes without an end", "exec yes"),
    _health(
        "endless-words",
        "has a health check that says words that steer without an end",
        f"while :; do {_WORDS} done",
    ),
    _health(
        "forks", "has a health check that forks without an end", "while :; do sleep 100 & done"
    ),
    _health(
        "leaves",
        "has a health check that passes, and leaves a process each time",
        "sleep 1000 >/dev/null 2>&1 & exit 0",
        "",
    ),
    _health(
        "holds",
        "has a health check that passes, and leaves a process that holds its output open",
        "sleep 1000 & exit 0",
    ),
    _health(
        "kills",
        "has a health check that kills everything in its container",
        "kill -9 -1",
        "its health check|its container",
    ),
)

_READY_FILE: Final = "/ready"


def _file(name: str, does: str, make: str, given_up: str = "") -> Server:
    command = _sh(f"file={_READY_FILE}; {make}; exec sleep infinity")
    backend = {"ready": {"file": _READY_FILE}, **(_UNFIT | {"ready_within": "4s"})}
    return Server(f"ready-file-{name}", does, {"command": command}, backend, given_up)


_ABSENT: Final = f"it was waited for the file {_READY_FILE}"

_FILES: Final = (
    _file("pipe", "is ready by a pipe without a writer", "mkfifo $file"),
    _file("zero", "is ready by a device without an end", "mknod $file c 1 5"),
    _file("holes", "is ready by a file of 4 TB of holes", "truncate -s 4T $file"),
    _file(
        "link", "is ready by a link to a file of the machine", 'ln -s "$out/secret" $file', _ABSENT
    ),
    _file("loop", "is ready by a link to itself", "ln -s $file $file", _ABSENT),
)

_SERVE: Final = """
import socket, time
server = socket.create_server(("", 8080), backlog=64)
while True:
    connected, _ = server.accept()
    try:
        connected.recv(65536)
        {answer}
    except OSError:
        pass
    connected.close()
"""
_URL: Final = "http://localhost:8080/"
_UNANSWERED: Final = f"it was waited for {_URL}"
_OK: Final = "HTTP/1.1 200 OK\\r\\n"


def _http(name: str, does: str, answer: str, given_up: str = _UNANSWERED) -> Server:
    command = ["python3", "-c", _SERVE.replace("{answer}", answer).replace("$", "$$")]
    backend = {"ready": {"http": _URL}, **(_UNFIT | {"ready_within": "8s"})}
    return Server(f"ready-http-{name}", does, {"command": command}, backend, given_up)


def _without_an_end(begin: str, again: str, pause_s: float = 0.0) -> str:
    """A server's answer, as a line of Python."""
    sends = f'any(connected.sendall(b"{again}") or time.sleep({pause_s}) for _ in iter(int, 1))'
    return f'connected.sendall(b"{begin}"); {sends}'


def _steering() -> Iterator[str]:
    for text in SAID.values():
        yield text.replace('"', "")


_ANSWERS: Final = (
    _http(
        "endless",
        "answers without an end",
        _without_an_end(f"{_OK}\\r\\n", "x" * 1000),
        given_up="",
    ),
    _http(
        "drips",
        "sends one byte of its answer after the other",
        _without_an_end(f"{_OK}Content-Length: 100000000000\\r\\n\\r\\n", "x", 0.1),
    ),
    _http("header", "sends a header without an end", _without_an_end(f"{_OK}x: ", "x", 0.001)),
    _http("headers", "sends headers without an end", _without_an_end(_OK, "x: y\\r\\n")),
    _http(
        "continues",
        "says that it goes on without an end",
        _without_an_end("", "HTTP/1.1 100 Continue\\r\\n\\r\\n"),
    ),
    _http("garbage", "answers what is no HTTP, without an end", _without_an_end("", "x" * 1000)),
    _http(
        "redirects",
        "redirects to itself without an end",
        f'connected.sendall(b"HTTP/1.1 302 Found\\r\\nLocation: {_URL}\\r\\n\\r\\n")',
    ),
    _http(
        "words",
        "answers words that steer",
        f'connected.sendall(b"HTTP/1.0 503 No\\r\\n\\r\\n{"".join(_steering())}")',
    ),
)

_LATE: Final = "its container"

_COMMANDS: Final = (
    Server(
        "command-ends",
        "has a command that says words and ends at once, as one that needs a keep-alive does",
        {"command": _sh(f"{_WORDS} exit 0")},
    ),
    Server(
        "command-ends-late",
        "has a command that ends with exit code 0 whenever an experiment runs",
        {"command": _sh("sleep 2; exit 0")},
        _UNFIT,
        _LATE,
    ),
)

SERVERS: Final = (*_LOGS, *_CHECKS, *_FILES, *_ANSWERS, *_COMMANDS)
