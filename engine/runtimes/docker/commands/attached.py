"""An exec whose input and output are the user's own, for work by hand.

What the SDK offers for this loses what the engine sends together with its answer's headers, so the stream is read
from the buffer that holds both.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import socket
import ssl
import sys
import termios
import threading
import time
import tty
import uuid
from collections.abc import Iterator, Mapping, Sequence
from io import BufferedReader
from typing import Any, Final

import docker.errors
import requests
from docker.api import APIClient

from engine.runtimes.docker.daemon.client import ENGINE_ERRORS
from engine.runtimes.in_container import END, MARK

__all__ = ["run_attached"]

_CHUNK_BYTES: Final = 2**16
_HEADER_BYTES: Final = 8
_STDERR: Final = 2
_END_WITHIN_S: Final = 10.0
"""How long an exec may take to end after its output has."""

_AGAIN_S: Final = 0.02
_GRACE_TENTHS: Final = "20"


def run_attached(
    client: APIClient,
    container_id: str,
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    user: str | None,
    working_dir: str | None,
    terminal: bool,
) -> int:
    """Run a command in a container with this process's input and output, and return its exit code.

    Ctrl+C is the command's where it has the terminal. Else the command is ended, and ``KeyboardInterrupt``
    goes on.

    Args:
        client: for this alone.
        terminal: whether the command has this process's terminal.

    Raises:
        docker.errors.APIError: the engine refuses.
        requests.exceptions.RequestException: the engine does not answer.
    """
    mark, began_s = f"by-hand-{uuid.uuid4().hex}", time.monotonic()
    created = client.exec_create(
        container_id,
        list(command),
        stdin=True,
        tty=terminal,
        environment={**environment, MARK: mark},
        user=user or "",
        workdir=working_dir,
    )
    exec_id: str = created["Id"]
    stream = _Stream.start(client, exec_id, terminal=terminal)
    try:
        with _raw_terminal(client, exec_id) if terminal else contextlib.nullcontext():
            threading.Thread(target=stream.send_input, name="input", daemon=True).start()
            stream.print_output()
    except KeyboardInterrupt:
        _end(client, container_id, mark, time.monotonic() - began_s)
        raise
    finally:
        stream.close()
    return _exit_code(client, exec_id)


class _Stream:
    """The connection that carries an exec's input and output."""

    def __init__(self, answer: requests.Response, connection: Any, *, terminal: bool) -> None:
        self._answer = answer
        self._connection = connection
        self._output: BufferedReader = _buffer(answer)
        self._terminal = terminal

    @classmethod
    def start(cls, client: APIClient, exec_id: str, *, terminal: bool) -> _Stream:
        """Start an exec, attached."""
        answer = client.post(
            f"{client.base_url}/v{client.api_version}/exec/{exec_id}/start",
            headers={"Connection": "Upgrade", "Upgrade": "tcp"},
            json={"Tty": terminal, "Detach": False},
            stream=True,
            timeout=(client.timeout, None),
        )
        try:
            answer.raise_for_status()
        except requests.HTTPError as error:
            raise docker.errors.create_api_error_from_http_exception(error) from error
        return cls(answer, _connection(answer), terminal=terminal)

    def send_input(self) -> None:
        """Send what this process reads, to its end; the command then reads the end as well."""
        with contextlib.suppress(OSError):  # the command has ended meanwhile
            while chunk := os.read(0, _CHUNK_BYTES):
                self._connection.sendall(chunk)
            if hasattr(self._connection, "shutdown_write"):  # of SSH
                self._connection.shutdown_write()
            elif not isinstance(self._connection, ssl.SSLSocket):  # which Python closes both ways
                self._connection.shutdown(socket.SHUT_WR)

    def print_output(self) -> None:
        """Print what the command writes, until nothing more comes."""
        with contextlib.suppress(
            ConnectionError
        ):  # the engine has gone; what is known of the end counts
            if self._terminal:
                receive = getattr(self._output, "read1", None) or self._connection.recv  # of SSH
                while chunk := receive(_CHUNK_BYTES):
                    _print(1, chunk)
                return
            while len(header := self._output.read(_HEADER_BYTES)) == _HEADER_BYTES:
                frame = self._output.read(int.from_bytes(header[4:]))
                _print(2 if header[0] == _STDERR else 1, frame)

    def close(self) -> None:
        """Let go of the connection."""
        self._answer.close()


def _buffer(answer: requests.Response) -> Any:
    """The stream of an answer. It holds what the engine sent together with the headers."""
    raw: Any = answer.raw
    return raw._fp.fp  # noqa: SLF001 - nothing public leads there


def _connection(answer: requests.Response) -> Any:
    """The socket of an answer, to write to; of SSH, its channel."""
    buffer = _buffer(answer)
    return buffer.channel if hasattr(buffer, "channel") else buffer.raw._sock  # noqa: SLF001


def _print(descriptor: int, text: bytes) -> None:
    (sys.stdout, sys.stderr)[descriptor - 1].flush()
    view = memoryview(text)
    while view:
        view = view[os.write(descriptor, view) :]


@contextlib.contextmanager
def _raw_terminal(client: APIClient, exec_id: str) -> Iterator[None]:
    """Hand the terminal's keys on as they are, and its size whenever that changes."""

    def resize(*_: object) -> None:
        size = os.get_terminal_size(0)
        with contextlib.suppress(*ENGINE_ERRORS):
            client.exec_resize(exec_id, height=size.lines, width=size.columns)

    before = termios.tcgetattr(0)
    handler = signal.signal(signal.SIGWINCH, resize)
    try:
        tty.setraw(0, termios.TCSADRAIN)  # what has been typed already is the command's
        resize()
        yield
    finally:
        signal.signal(signal.SIGWINCH, handler)
        termios.tcsetattr(0, termios.TCSADRAIN, before)


def _end(client: APIClient, container_id: str, mark: str, age_s: float) -> None:
    """End a command that is so old, and what it started, as far as that still carries its mark."""
    hundredths = str(100 * math.ceil(age_s + 1))
    marked = [f"{MARK}={mark}", "-", hundredths, _GRACE_TENTHS, "host"]
    end = ["/bin/sh", "-c", END, "dockwarden", *marked]
    with contextlib.suppress(*ENGINE_ERRORS):  # a container without a shell: the command runs on
        client.exec_start(client.exec_create(container_id, end, user="0")["Id"])


def _exit_code(client: APIClient, exec_id: str) -> int:
    """How an exec ended whose output has; its end may come a moment later."""
    until_s = time.monotonic() + _END_WITHIN_S
    while True:
        found = client.exec_inspect(exec_id)
        if not found["Running"] and found["ExitCode"] is not None:
            return int(found["ExitCode"])
        if time.monotonic() >= until_s:
            raise docker.errors.DockerException("the engine does not say how the command ended")
        time.sleep(_AGAIN_S)
