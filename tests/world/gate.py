"""A way to an engine that can be barred and opened again, as if the engine had gone and come back."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import suppress
from pathlib import Path

from attrs import define, field

__all__ = ["Gate"]

_BYTES = 65536


@define(eq=False)
class Gate:
    """A Unix socket in front of an engine's own. While it is barred there is no socket at all.

    Args:
        way: where it is; short, as a socket's path must be.
        engine: the engine's socket.

    Attributes:
        withheld: set once a request was withheld from the engine.
    """

    way: Path
    engine: Path
    _listening: socket.socket | None = field(default=None, init=False)
    withheld: threading.Event = field(factory=threading.Event, init=False)
    _stopped: re.Pattern[bytes] | None = field(default=None, init=False)
    _open: set[socket.socket] = field(factory=set, init=False)

    @property
    def environment(self) -> dict[str, str]:
        """What leads a client through here."""
        return {"DOCKER_HOST": f"unix://{self.way}"}

    def open(self) -> None:
        """Let everybody through."""
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(self.way))
        listening.listen(64)
        self._listening = listening
        threading.Thread(target=self._let_in, args=(listening,), daemon=True).start()

    def withhold(self, request: re.Pattern[bytes] | None) -> None:
        """Pass no request like this one to the engine, nor answer it; None to pass all."""
        self._stopped = request

    def bar(self) -> None:
        """Let no connection through any more, and close the open ones."""
        self.way.unlink(missing_ok=True)
        if self._listening is not None:
            with suppress(OSError):
                self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()
            self._listening = None
        for one in list(self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _let_in(self, listening: socket.socket) -> None:
        with suppress(OSError):  # it is barred
            while True:
                client, _ = listening.accept()
                engine = socket.socket(socket.AF_UNIX)
                engine.connect(str(self.engine))
                for source, target in ((client, engine), (engine, client)):
                    self._open.add(source)
                    threading.Thread(target=self._pass, args=(source, target), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while some := source.recv(_BYTES):
                if self._stopped is not None and self._stopped.search(some):
                    self.withheld.set()
                    continue
                target.sendall(some)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)
        self._open.discard(source)
