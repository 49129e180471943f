"""Artifacts that a command's program wrote elsewhere in its container: brought here when it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from attrs import frozen

from engine.errors import RuntimeFault
from engine.runtimes.base import Container, ExecRequest, Fetching, Runtime
from engine.spool import Spool

__all__ = ["FETCHING_S", "NOTHING", "Fetched", "fetched"]

FETCHING_S: Final = 150.0
"""For so long the artifacts of a command may be fetched."""


@frozen
class Fetched:
    """The files fetched from a container.

    Attributes:
        folder: a private folder with the files; None where there are none.
        warnings: what could not be brought, one sentence each.
    """

    folder: Path | None = None
    warnings: tuple[str, ...] = ()


NOTHING: Final = Fetched()


@asynccontextmanager
async def fetched(
    runtime: Runtime, container: Container, request: ExecRequest, spool: Spool
) -> AsyncIterator[Fetched]:
    """The artifacts of an ended command, which are there until the block ends.

    Every failure becomes a warning.
    """
    if not request.measure.fetched or not spool.kept:
        yield NOTHING
        return
    if not isinstance(runtime, Fetching):
        yield Fetched(warnings=(f"the runtime {runtime.name} cannot fetch artifacts",))
        return
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(spool.fetching())
        except OSError as error:
            found = Fetched(warnings=(f"no artifacts are fetched: {error.strerror or error}",))
        else:
            found = Fetched(folder, await _brought(runtime, container, request, folder))
        yield found


async def _brought(
    runtime: Fetching, container: Container, request: ExecRequest, folder: Path
) -> tuple[str, ...]:
    try:
        async with asyncio.timeout(FETCHING_S):
            return await runtime.fetch(container, request, folder)
    except TimeoutError:
        return (f"fetching artifacts took longer than {FETCHING_S:g} s; the rest is not fetched",)
    except RuntimeFault as fault:
        return (f"artifacts could not be fetched: {fault.reason}",)
