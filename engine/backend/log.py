"""The log of a backend: what its main process writes, kept for each start, and quoted once where that failed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from attrs import define, field

from engine.backend.last_lines import Subject, quoted
from engine.errors import NotReady
from engine.runtimes.base import Container, Logging, Runtime
from engine.spool import MainLog, Spool
from engine.util.futures import forget

__all__ = ["BackendLog", "Logged"]


class Logged(Protocol):
    """The log's view of its backend."""

    spool: Spool
    container: Container | None
    generation: int

    @property
    def name(self) -> str:
        """The service."""


@define(eq=False)
class BackendLog:
    """The log of one backend.

    Args:
        backend: whose it is.
        runtime: keeps it, if it can.
        hide: takes secrets out of a text.

    Attributes:
        failed: where the output of the start that failed last is kept; None before any failed.
    """

    _backend: Logged
    _runtime: Runtime
    _hide: Callable[[str], str]
    failed: MainLog | None = field(default=None, init=False)
    _quoting: asyncio.Task[str] | None = field(default=None, init=False)

    def of(self, container: Container) -> MainLog | None:
        """The log of a container's latest start; None where none is written."""
        backend = self._backend
        if not backend.spool.kept:
            return None
        return MainLog.of(backend.spool.output, backend.name, backend.generation, container.id)

    def searchable(self, container: Container) -> MainLog | None:
        """The log to search since a container's start; None where none is written.

        Raises:
            NotReady: its runtime keeps no logs.
        """
        log = self.of(container)
        if log is not None and not isinstance(self._runtime, Logging):
            reason = (
                f"the {self._runtime.name} runtime keeps no log that ready.log could search; have it answer"
                " http, tcp, file or command instead"
            )
            raise NotReady(container.service, reason, curable=False)
        return log

    async def keep(self, container: Container) -> None:
        """Begin to keep what a container writes since its latest start."""
        log = self.of(container)
        if log is not None and isinstance(self._runtime, Logging):
            await self._runtime.keep_log(container, log)

    def subject(self) -> Subject | None:
        """The container whose last lines can be quoted; None where no log is kept."""
        container = self._backend.container
        log = None if container is None else self.of(container)
        if container is None or log is None:
            return None
        return Subject(container, log, self._backend.generation)

    def quote(self, subject: Subject, reason: str) -> None:
        """Begin to tell the last lines of a container, before it is started again or removed."""
        self.failed = subject.log
        telling = quoted(self._runtime, subject, reason, self._hide)
        self._quoting = asyncio.create_task(telling, name=f"quote {self._backend.name}")
        self._quoting.add_done_callback(forget)

    async def last_lines(self) -> str:
        """Return the last lines of the failed container, and the path of its log; empty if no fault asked for them."""
        if self._quoting is None:
            return ""
        await asyncio.wait({self._quoting})
        failed = self._quoting.cancelled() or self._quoting.exception() is not None
        return "" if failed else self._quoting.result()
