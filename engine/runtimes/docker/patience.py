"""Waiting out an engine that is away for a while: restarted, upgraded, its socket gone.

A request that found nobody to connect to has not been sent, so sending it again when the engine is back
is safe whatever it asks for. One that was cut off under way may have been heard: only what merely looks is
tried again then.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

import requests
from attrs import define, field
from docker.api import APIClient
from requests.adapters import BaseAdapter

__all__ = ["PATIENCE_S", "Patience", "be_patient"]

_LOG: Final = logging.getLogger(__name__)

PATIENCE_S: Final = 120.0
"""How long an engine may be away before what is asked of it fails; a restart takes much less."""

_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 2.0
_LOOKS: Final = ("GET", "HEAD")
_NOBODY_THERE: Final = (FileNotFoundError, ConnectionRefusedError)

T = TypeVar("T")


@define(eq=False)
class Patience:
    """What all calls of one runtime share: says once that the engine is away, and once that it is back."""

    _away: bool = field(default=False, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    def wait_out(
        self, attempt: Callable[[], T], given_up: threading.Event, *, looks: bool = True
    ) -> T:
        """Try until the engine is there.

        Args:
            given_up: set once nobody waits for the answer any more.
            looks: whether the attempt changes nothing, so that it can be made again in any case.

        Raises:
            Exception: whatever the last attempt has raised.
        """
        until_s = time.monotonic() + PATIENCE_S
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                answer = attempt()
            except Exception as error:
                out_of_time = given_up.is_set() or time.monotonic() >= until_s
                if out_of_time or not (_nobody_there(error) or (looks and _cut_off(error))):
                    raise
                self._say(away=True)
            else:
                self._say(away=False)
                return answer
            given_up.wait(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _say(self, *, away: bool) -> None:
        if away == self._away:  # nearly always: no lock for that
            return
        with self._lock:
            changed, self._away = away != self._away, away
        if changed and away:
            _LOG.warning("the Docker engine is away; waiting for it, for %g s at most", PATIENCE_S)
        elif changed:
            _LOG.warning("the Docker engine is back")


def be_patient(
    client: APIClient, patience: Patience, given_up: Callable[[], threading.Event]
) -> APIClient:
    """Let each request of a client wait for an engine that is away.

    Args:
        given_up: which event tells that nobody waits for the request that is made now.
    """
    client.mount(client.base_url, _Patient(client.get_adapter(client.base_url), patience, given_up))
    return client


class _Patient(BaseAdapter):
    """An adapter around a client's own."""

    def __init__(
        self, inner: BaseAdapter, patience: Patience, given_up: Callable[[], threading.Event]
    ) -> None:
        super().__init__()
        self._inner = inner
        self._patience = patience
        self._given_up = given_up
        self.socket_path = getattr(inner, "socket_path", None)

    def send(
        self, request: requests.PreparedRequest, *arguments: Any, **options: Any
    ) -> requests.Response:
        return self._patience.wait_out(
            lambda: self._inner.send(request, *arguments, **options),
            self._given_up(),
            looks=request.method in _LOOKS,
        )

    def close(self) -> None:
        self._inner.close()


def _nobody_there(error: BaseException) -> bool:
    return any(isinstance(one, _NOBODY_THERE) for one in _causes(error))


def _cut_off(error: BaseException) -> bool:
    return isinstance(error, requests.exceptions.ConnectionError)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
