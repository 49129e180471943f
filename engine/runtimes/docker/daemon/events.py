"""The engine's event stream: who died, whose health changed, which exec ended.

One thread reads it, blocked while nothing happens. Events only wake us: the stream ends silently when
the daemon restarts, so it is taken up again from the last event seen, as soon as the engine is back, and
then all waiting commands are ordered to inspect.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any, Final

from docker.api import APIClient
from docker.types.daemon import CancellableStream

from engine.errors import RuntimeUnavailable
from engine.runtimes.docker.daemon.client import ENGINE_ERRORS
from engine.runtimes.docker.daemon.retrying import Patience

__all__ = ["EventStream"]

_LOG: Final = logging.getLogger(__name__)
_KINDS: Final = [
    *("die", "oom", "kill", "health_status", "exec_start", "exec_die"),
    *("pause", "unpause", "destroy"),
]
_PODMANS: Final = {"exec_died": "exec_die", "remove": "destroy"}
"""Podman's names of some of them."""

_RETRY_S: Final = 0.2
_RETRY_MAX_S: Final = 5.0


class EventStream:
    """Reads the events of one project's containers.

    Args:
        filters: the engine's event filters, besides the kinds of event.
        on_event: called on the event loop with each event, as the engine sends it.
        on_blind: called on the event loop after a gap in the stream.
        patience: with which an engine that is away is waited for.
        connect: makes the client that reads.
    """

    def __init__(
        self,
        filters: Mapping[str, Any],
        on_event: Callable[[dict[str, Any]], None],
        on_blind: Callable[[], None],
        patience: Patience,
        connect: Callable[[], APIClient],
    ) -> None:
        self._patience = patience
        self._connect = connect
        self._filters = {**filters, "type": "container", "event": [*_KINDS, *_PODMANS]}
        self._on_event = on_event
        self._on_blind = on_blind
        self._loop = asyncio.get_running_loop()
        self._closing = threading.Event()
        self._stream: CancellableStream[dict[str, Any]] | None = None
        self._thread = threading.Thread(target=self._read, name="docker-events", daemon=True)

    def start(self, since: int) -> None:
        """Begin to read.

        Args:
            since: the engine's time to begin at, in whole seconds since the epoch. Events of that
                second may come twice, which does no harm to hints.
        """
        self._since = since
        self._thread.start()

    def close(self) -> None:
        """Stop reading; does not wait for the thread."""
        self._closing.set()
        stream = self._stream
        if stream is not None:
            try:
                stream.close()
            except ENGINE_ERRORS:
                _LOG.debug("the event stream was closed already", exc_info=True)

    def _read(self) -> None:
        blind = False
        wait_s = _RETRY_S
        while True:
            try:
                with closing(self._patience.wait_out(self._connect, self._closing)) as client:
                    stream = client.events(since=self._since, filters=self._filters, decode=True)
                    self._stream = stream
                    if blind:
                        self._patience.found_back()
                        self._tell(self._on_blind)
                    blind, wait_s = False, _RETRY_S
                    for event in stream:
                        self._since = event["time"]
                        action = _PODMANS.get(event["Action"], event["Action"])
                        self._tell(self._on_event, {**event, "Action": action})
            except (*ENGINE_ERRORS, RuntimeUnavailable, ValueError) as error:
                _LOG.debug("the engine's event stream broke off: %s", error)
            if self._closing.is_set():
                return
            if not blind:
                self._patience.broke_off()
            blind = True
            self._closing.wait(wait_s)
            wait_s = min(wait_s * 2, _RETRY_MAX_S)

    def _tell(self, callback: Callable[..., None], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:  # the loop is closed: no listener is left
            self._closing.set()
