"""Follow one container's output from a start of it to its end, on a separate thread.

The thread sleeps in the kernel while nothing is written. Once as much of the beginning is there as is kept, it
lets go of the engine, and reads the last lines when the container has ended: a container that writes without end
costs no more than that.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Final

from attrs import define, field
from docker.api import APIClient
from docker.types.daemon import CancellableStream

from engine.errors import RuntimeUnavailable
from engine.runtimes.docker.daemon.client import ENGINE_ERRORS, said
from engine.runtimes.docker.daemon.retrying import Patience
from engine.runtimes.docker.logs.reading import BEGINNING, Piece, Place, pieces
from engine.runtimes.docker.logs.writing import LogWriter, place_in
from engine.spool.main_log import MainLog, logs_of

__all__ = ["Follower", "read_rest"]

_LOG: Final = logging.getLogger(__name__)

_RETRY_S: Final = 0.1
_RETRY_MAX_S: Final = 2.0
_LAST_LINES: Final = 10_000
"""So many last lines are asked for of an output that is not kept whole."""

_LAST_READ_S: Final = 20.0
"""How long the last read may take, once nothing more is awaited."""

_GONE: Final = (404, 409)
_UNREADABLE: Final = (400, 501)
"""Answers of engines where the container's logging driver keeps nothing that can be read."""

_BROKEN: Final = (*ENGINE_ERRORS, RuntimeUnavailable, ValueError, AttributeError)
"""A stream that is cut from another thread breaks off in any of these ways."""


@define(eq=False)
class Follower:
    """Brings what a container writes into a log.

    Args:
        connect: makes the client that reads.
        patience: with which an engine that is away is waited for.
        since: where to begin in an output that has not been read before.
    """

    log: MainLog
    _container_id: str
    _connect: Callable[[], APIClient]
    _patience: Patience
    _since: Place = BEGINNING
    _over: threading.Event = field(factory=threading.Event, init=False)
    _cut: threading.Event = field(factory=threading.Event, init=False)
    _stream: CancellableStream[list[Piece]] | None = field(default=None, init=False)
    _thread: threading.Thread = field(init=False)

    def __attrs_post_init__(self) -> None:
        name = f"log {self.log.service}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def finish(self, *, within_s: float) -> None:
        """See that all is in the log that has been written; nothing is added to it afterwards. Blocks.

        Args:
            within_s: how long the container's end may take to come through; 0 for one that runs on.
        """
        self._over.set()
        self._thread.join(within_s)
        if self._thread.is_alive():
            self.let_go()
            self._thread.join(_LAST_READ_S)

    def let_go(self) -> None:
        """Follow no more; what has been written by now is still read. Does not wait."""
        self._over.set()
        self._cut.set()
        stream = self._stream
        if stream is not None:
            with suppress(*_BROKEN):
                stream.close()

    def _run(self) -> None:
        try:
            with self.log.opened() as file:
                place = place_in(file)
                self._follow(LogWriter(file, self._before() if place == BEGINNING else place))
        except OSError as error:
            _LOG.warning("%s: its log %s cannot be written: %s", *self._names(), error)
        except _BROKEN as error:
            _LOG.info("%s: its log %s may lack its end: %s", *self._names(), said(error))

    def _names(self) -> tuple[str, str]:
        return self.log.service, str(self.log.path)

    def _before(self) -> Place:
        """Up to where earlier starts of the same container have been read."""
        places = [place_of(one) for one in siblings(self.log) if one != self.log]
        return max(places, key=lambda place: place.ns, default=self._since)

    def _follow(self, writer: LogWriter) -> None:
        pause_s = _RETRY_S
        while True:
            before = writer.place
            try:
                with closing(self._patience.wait_out(self._connect, self._cut)) as client:
                    ended = self._cut.is_set() or writer.full or not self._runs(client)
                    if ended:
                        read_rest(client, self._container_id, writer)
                        return
                    read(client, self._container_id, writer, on_stream=self._streams)
            except _BROKEN as error:
                if self._cut.is_set() or self._is_final(error):
                    return
            if writer.full:
                self._over.wait()
            pause_s = _RETRY_S if writer.place != before else min(2 * pause_s, _RETRY_MAX_S)
            self._cut.wait(pause_s)

    def _is_final(self, error: Exception) -> bool:
        """Whether there is nothing to be read any more, or never was."""
        answer = getattr(error, "response", None)
        code = getattr(answer, "status_code", None)
        if code in _UNREADABLE:
            _LOG.warning(
                "%s: what its main process writes is not kept: its logging driver does not let it be read",
                self.log.service,
            )
        return code in (*_GONE, *_UNREADABLE)

    def _runs(self, client: APIClient) -> bool:
        running: bool = client.inspect_container(self._container_id)["State"]["Running"]
        return running

    def _streams(self, stream: CancellableStream[list[Piece]]) -> None:
        self._stream = stream
        if self._cut.is_set():
            self.let_go()


def read(
    client: APIClient,
    container_id: str,
    writer: LogWriter,
    *,
    follow: bool = True,
    on_stream: Callable[[CancellableStream[list[Piece]]], None] = lambda _stream: None,
) -> None:
    """Read on, until the container ends, or until as much is there as is kept of the beginning."""
    writer.begin_again()
    with closing(pieces(client, container_id, since=writer.place, follow=follow)) as stream:
        on_stream(stream)
        for some in stream:
            writer.add(some)
            if writer.full:
                return


def read_rest(client: APIClient, container_id: str, writer: LogWriter) -> None:
    """Read what has been written by now, and of what is too much the end."""
    if not writer.full:
        read(client, container_id, writer, follow=False)
    if writer.full:
        writer.begin_again()
        with closing(
            pieces(client, container_id, since=writer.place, follow=False, last=_LAST_LINES)
        ) as stream:
            writer.add_end(piece for some in stream for piece in some)


def siblings(log: MainLog) -> list[MainLog]:
    """The logs of all starts of the same container."""
    return [one for one in logs_of(log.output, log.service) if one.container == log.container]


def place_of(log: MainLog) -> Place:
    """Up to where a log goes."""
    with log.opened() as file:
        return place_in(file)
