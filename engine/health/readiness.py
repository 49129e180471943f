"""Check the answers that a backend must give before it counts as ready, until it gives them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

import regex
from attrs import define, field

from engine.errors import ContainerLost, InputError, NotReady, RuntimeFault
from engine.health.aside import Aside, Said
from engine.health.http_request import get
from engine.health.log_search import LogSearch
from engine.measurements.lines import compiled
from engine.policy.readiness import HttpAnswer, Ready
from engine.runtimes.base import Container
from engine.runtimes.in_container import EXISTS, HTTP_GET, LISTENS
from engine.runtimes.service_check import pauses
from engine.spool.main_log import HEAD_BYTES, MainLog
from engine.util.printable import printable

__all__ = ["Readiness"]

_MOST_S: Final = 1.0
"""How long it is waited at most between two questions."""

_WITHIN_S: Final = 10.0
"""How long the answer to one question may take."""

_MOST_BYTES: Final = 2**20
_SHOWN: Final = 300
"""So many characters of an answer are quoted."""

_STATUS: Final = re.compile(r"^\s*HTTP/\S+ (\d{3})", re.MULTILINE)
_NO_CLIENT: Final = 127

_Question = Callable[[Container], Awaitable[str]]
"""Asks one container; returns what is wrong, or an empty text."""


@define(eq=False)
class Readiness:
    """Asks one backend.

    Args:
        ready: what it has to answer.
        aside: runs commands in its container.
        log_of: where what a container's main process writes is kept; None where nothing is written.

    Raises:
        InputError: the pattern that it has to write is no regular expression.

    Attributes:
        waiting_for: what has not held yet, and what was answered last; empty once all holds.
    """

    _ready: Ready
    _aside: Aside
    _log_of: Callable[[Container], MainLog | None]
    waiting_for: str = field(default="", init=False)
    _pattern: regex.Pattern[str] | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        if self._ready.log is not None:
            try:
                self._pattern = compiled(self._ready.log)
            except ValueError as error:
                raise InputError(f"the pattern of ready.log {error}; correct it") from error

    async def prove(self, container: Container) -> None:
        """Ask until all holds, then warm it up. Has no deadline: the caller sets one.

        Raises:
            NotReady: it could not be warmed up, or can never answer.
            ContainerLost: the container does not run.
            RuntimeFault: it could not be asked.
        """
        for what, ask in self._questions(container):
            often = pauses(_MOST_S)
            self.waiting_for = what
            while problem := await ask(container):
                self.waiting_for = f"{what}: {problem}"
                await asyncio.sleep(next(often))
        self.waiting_for = ""
        if self._ready.warm_up is not None:
            self.waiting_for = "its warm-up"
            problem = await self._command(container, self._ready.warm_up, within_s=None)
            self.waiting_for = ""
            if problem:
                raise NotReady(container.service, f"its warm-up failed: {problem}")

    def _questions(self, container: Container) -> Iterator[tuple[str, _Question]]:
        ready = self._ready
        log = None if self._pattern is None else self._log_of(container)
        if self._pattern is not None and log is not None:
            search = LogSearch(log, self._pattern)
            yield f"{ready.log!r} in its log", lambda container: _written(container, search)
        if ready.tcp is not None:
            port, command = ready.tcp, (*LISTENS, str(ready.tcp))
            yield (
                f"port {port}",
                lambda container: self._holds(container, command, "nothing listens"),
            )
        if ready.http is not None:
            http = ready.http
            yield f"{http.url}", lambda container: self._http(container, http)
        if ready.file is not None:
            path = ready.file
            yield (
                f"the file {path}",
                lambda container: self._holds(container, (*EXISTS, path), "it is not there"),
            )
        if ready.command is not None:
            asked = ready.command
            yield (
                f"the command {asked[0]}",
                lambda container: self._command(container, asked, within_s=None),
            )

    async def _holds(self, container: Container, command: Sequence[str], otherwise: str) -> str:
        said = await self._said(container, command)
        return said if isinstance(said, str) else otherwise if said.exit_code else ""

    async def _command(
        self, container: Container, command: Sequence[str], *, within_s: float | None
    ) -> str:
        said = await self._said(container, command, within_s=within_s)
        if isinstance(said, str) or not said.exit_code:
            return said if isinstance(said, str) else ""
        words = _shown(said.stderr or said.stdout)
        return f"it ended with exit code {said.exit_code}: {words}"

    async def _http(self, container: Container, http: HttpAnswer) -> str:
        if http.outside:
            reply = await asyncio.to_thread(
                get, http.url, within_s=_WITHIN_S, most_bytes=_MOST_BYTES
            )
            if isinstance(reply, str):
                return _shown(reply)
            return _judged(http, reply.status, reply.body)
        said = await self._said(container, (*HTTP_GET, http.url, f"{_WITHIN_S:g}"))
        if isinstance(said, str):
            return said
        if said.exit_code == _NO_CLIENT:
            raise NotReady(
                container.service,
                f"{http.url} cannot be asked from inside the container, which has no curl, wget or Python;"
                " have this machine ask (outside: true), or name a command",
                curable=False,
            )
        statuses = _STATUS.findall(said.stderr)
        if not statuses:
            return f"no answer: {_shown(said.stderr)}"
        return _judged(http, int(statuses[-1]), said.stdout)

    async def _said(
        self,
        container: Container,
        command: Sequence[str],
        *,
        within_s: float | None = _WITHIN_S + 5,
    ) -> Said | str:
        """Return the answer of a command, or why there is none."""
        try:
            return await self._aside.run(
                container, command, what="readiness", within_s=within_s, most_bytes=_MOST_BYTES
            )
        except TimeoutError:
            return f"no answer within {within_s:g} s"
        except (ContainerLost, NotReady):
            raise
        except RuntimeFault as fault:
            return fault.reason


async def _written(container: Container, search: LogSearch) -> str:
    try:
        if await search.found():
            return ""
    except TimeoutError:
        reason = "the pattern of ready.log takes too long on a line of its log; write a simpler one"
        raise NotReady(container.service, reason, curable=False) from None
    if search.is_full:
        return f"it is not in the first {HEAD_BYTES // 2**20} MiB, and no more is searched"
    return f"its last line is: {_shown(search.last)}" if search.last else "it has written nothing"


def _judged(http: HttpAnswer, status: int, body: str) -> str:
    """Say what is wrong with an answer; empty for nothing."""
    wanted = range(200, 300) if http.status is None else (http.status,)
    if status not in wanted:
        return f"it answered {status}: {_shown(body)}"
    if http.contains not in body:
        return f"its answer does not contain {http.contains!r}: {_shown(body)}"
    return ""


def _shown(text: str) -> str:
    words = printable(" ".join(text.split()))
    return words[:_SHOWN] or "it said nothing"
