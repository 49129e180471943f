"""The lab's engine as if it ran on another machine: behind a TCP address, blind for our folders."""

import contextlib
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .engine import Engine
from .layout import current_layout
from .packages import find_program
from .room import inside, open_room

__all__ = ["behind_tcp", "hidden_from_engine"]

_CHUNK = 2**16


@contextmanager
def hidden_from_engine(folder: Path) -> Iterator[None]:
    """Let the engine find another, empty folder where there is this one for everybody else."""
    keeper = open_room(current_layout())
    mount = [find_program("mount"), "-t", "tmpfs", "elsewhere", str(folder)]
    subprocess.run(inside(keeper, mount), check=True)
    try:
        yield
    finally:
        umount = [find_program("umount"), "--lazy", str(folder)]
        subprocess.run(inside(keeper, umount), check=True)


@contextmanager
def behind_tcp(engine: Engine) -> Iterator[str]:
    """A TCP address on this machine that leads to the engine, as a tunnel to another machine does.

    Yields:
        the value of `DOCKER_HOST`.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(listener, engine.socket), daemon=True).start()
    try:
        yield f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()


def _accept(listener: socket.socket, target: Path) -> None:
    with contextlib.suppress(OSError):  # closed: that is the end
        while True:
            client, _ = listener.accept()
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(target))
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Pass on what comes, and then that nothing more will."""
    with contextlib.suppress(OSError):
        while chunk := source.recv(_CHUNK):
            sink.sendall(chunk)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
