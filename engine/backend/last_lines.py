"""The last lines of a failed container's own output, quoted once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from attrs import frozen

from engine.runtimes.base import Container, Logging, Runtime
from engine.spool.main_log import MainLog
from engine.util.printable import printable

__all__ = ["Subject", "quoted"]

_LOG: Final = logging.getLogger(__name__)

_LINES: Final = 20
_CHARACTERS: Final = 300
"""So much of a line is quoted."""

_READ_BYTES: Final = 2**16


@frozen
class Subject:
    """One start of a container, and where its output is kept."""

    container: Container
    log: MainLog
    generation: int


async def quoted(
    runtime: Runtime, subject: Subject, reason: str, hide: Callable[[str], str]
) -> str:
    """Log why a container failed, with the last lines of what it wrote, and return these with their source.

    Args:
        hide: takes secrets out of a text.
    """
    log, service = subject.log, subject.container.service
    if isinstance(runtime, Logging):
        await runtime.caught_up(subject.container)
    lines = await asyncio.to_thread(log.last_lines, _LINES, _READ_BYTES)
    kept = await asyncio.to_thread(lambda: log.kept)
    if not kept:
        lines = await runtime.logs(service, _LINES)
    lines = [printable(hide(line))[:_CHARACTERS] for line in map(log.text_of, lines)]
    source = f" (the whole log is {log.path})" if kept else ""
    told = "".join(f"\n    {line}" for line in lines)
    said = f"its last lines{source}:{told}" if lines else f"it wrote nothing{source}"
    if lines:
        _LOG.warning("%s: start %d: %s; %s", service, subject.generation, reason, said)
    return said
