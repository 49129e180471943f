"""Waiting out an engine that is away for a while: restarted, upgraded, its socket gone.

A request that could not connect has not been sent, so sending it again when the engine is back
is always safe. One that was cut off under way may have been received: it is tried again only where
a second time changes nothing: where it only reads, or removes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeVar

import requests
from attrs import define, field
from docker.api import APIClient
from requests.adapters import BaseAdapter

__all__ = ["PATIENCE_S", "GivenUp", "Patience", "be_patient"]

_LOG: Final = logging.getLogger(__name__)

PATIENCE_S: Final = 120.0
"""How long an engine may be away before what is asked of it fails; a restart takes much less."""

_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 2.0
_NOTICEABLE_S: Final = 0.5
_REPEATABLE: Final = ("GET", "HEAD", "DELETE")
"""A removal that was received after all is answered with 404, like one by another process."""
_BROKEN: Final = (
    requests.exceptions.ConnectionError,
    requests.exceptions.ChunkedEncodingError,  # under the answer
)
_NOBODY_THERE: Final = (FileNotFoundError, ConnectionRefusedError)

T = TypeVar("T")


class GivenUp(threading.Event):
    """Set once no caller waits for a call's answer any more; it can also cut the call off."""

    def __init__(self) -> None:
        super().__init__()
        self._cuts: list[Callable[[], None]] = []
        self._is_cut = False
        self._guard = threading.Lock()

    def on_cut(self, cut: Callable[[], None]) -> None:
        """Call this when the call is cut off, or now if it has been."""
        with self._guard:
            if not self._is_cut:
                self._cuts.append(cut)
                return
        cut()

    def cut(self) -> None:
        """Cut the call off: end what it waits for."""
        with self._guard:
            self._is_cut, cuts, self._cuts = True, self._cuts, []
        for cut in cuts:
            cut()


@define(eq=False)
class Patience:
    """Shared by all calls of one runtime: logs once that the engine is away, and once that it is back."""

    _broken_off: bool = field(default=False, init=False)
    _back_ns: int | None = field(default=None, init=False)
    _away: bool = field(default=False, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    def wait_out(
        self, attempt: Callable[[], T], given_up: threading.Event, *, repeatable: bool = True
    ) -> T:
        """Try until the engine is there.

        Args:
            given_up: set once no caller waits for the answer any more.
            repeatable: whether the attempt can always be made again: a second one changes nothing.

        Raises:
            Exception: that of the last attempt.
        """
        until_s = time.monotonic() + PATIENCE_S
        pause_s = _FIRST_PAUSE_S
        waited = False
        while True:
            began_ns = time.time_ns()
            try:
                answer = attempt()
            except Exception as error:
                out_of_time = given_up.is_set() or time.monotonic() >= until_s
                if out_of_time or not (_nobody_there(error) or (repeatable and _cut_off(error))):
                    raise
                with self._lock:
                    if not self.away_since(began_ns):  # else others have waited it out meanwhile
                        self._say_away()
                waited = True
            else:
                # An engine on its way out still answers those whose connection is open.
                if waited:
                    with self._lock:
                        self._say_back()
                return answer
            given_up.wait(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def broke_off(self) -> None:
        """Take note that the engine has ended a connection that stays open for as long as it lives.

        It is called away once it has not taken up another one for a moment: what lies between it and us
        may end connections too.
        """
        self._broken_off = True
        noticeable = threading.Timer(_NOTICEABLE_S, self._missed)
        noticeable.daemon = True
        noticeable.start()

    def found_back(self) -> None:
        """Take note that it has taken up another one."""
        with self._lock:
            self._broken_off = False
            self._say_back()

    def away_since(self, moment_ns: int) -> bool:
        """Whether the engine has been away since then, which is what a restart of it looks like.

        Args:
            moment_ns: in nanoseconds since the epoch.
        """
        return self._broken_off or (self._back_ns is not None and moment_ns <= self._back_ns)

    def _missed(self) -> None:
        with self._lock:
            if self._broken_off:
                self._say_away()

    def _say_away(self) -> None:
        if not self._away:
            self._away = True
            _LOG.warning("the Docker engine is away; waiting for it, for %g s at most", PATIENCE_S)

    def _say_back(self) -> None:
        self._back_ns = time.time_ns()
        if self._away:
            self._away = False
            _LOG.warning("the Docker engine is back")


def be_patient(client: APIClient, patience: Patience, given_up: Callable[[], GivenUp]) -> APIClient:
    """Let each request of a client wait for an engine that is away.

    Args:
        given_up: the event that is set when no caller waits for the present request any more.
    """
    client.mount(client.base_url, _Patient(client.get_adapter(client.base_url), patience, given_up))
    return client


class _Patient(BaseAdapter):
    """An adapter around a client's own."""

    def __init__(
        self, inner: BaseAdapter, patience: Patience, given_up: Callable[[], GivenUp]
    ) -> None:
        super().__init__()
        self._inner = inner
        self._patience = patience
        self._given_up = given_up
        self.socket_path = getattr(inner, "socket_path", None)

    def send(
        self, request: requests.PreparedRequest, *arguments: Any, **options: Any
    ) -> requests.Response:
        given_up = self._given_up()
        response = self._patience.wait_out(
            lambda: self._inner.send(request, *arguments, **options),
            given_up,
            repeatable=request.method in _REPEATABLE,
        )
        if options.get("stream"):  # a build or a pull, which the engine gives up with its reader
            given_up.on_cut(partial(_end, response))
        return response

    def close(self) -> None:
        self._inner.close()


def _end(response: requests.Response) -> None:
    """End a response that another thread reads."""
    with suppress(OSError, ValueError, RuntimeError):  # it has been read to its end
        response.raw.shutdown()


def _nobody_there(error: BaseException) -> bool:
    return any(isinstance(one, _NOBODY_THERE) for one in _causes(error))


def _cut_off(error: BaseException) -> bool:
    """Whether a connection broke, be it the first of a new client, whose error says so only in its cause."""
    return any(isinstance(one, _BROKEN) for one in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
