"""Bringing a command's output to this machine while the command runs, and all of it at its end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engine.errors import CommandLost, ContainerLost
from engine.runtimes.base import Container, ExecRequest
from engine.runtimes.docker.commands.output import Output
from engine.util.futures import forget

__all__ = ["followed", "prepared"]


async def prepared(output: Output, container: Container, request: ExecRequest) -> None:
    """Do what has to be done before a command may start."""
    await output.open(container, request)
    request.before()


@asynccontextmanager
async def followed(
    output: Output, container: Container, request: ExecRequest
) -> AsyncIterator[None]:
    """Bring a command's output while it runs, and all of it when it has ended, or its container has."""
    follow = asyncio.create_task(output.follow(container, request), name=f"follow {request.id}")
    try:
        yield
    except ContainerLost:
        await _ended(follow)
        with contextlib.suppress(ContainerLost, CommandLost):  # what is still to be had
            await output.collect(container, request)
        raise
    finally:
        await _ended(follow)
    await output.collect(container, request)


async def _ended(task: asyncio.Task[None]) -> None:
    if not task.done():  # of a folder that is shared there is nothing to bring
        task.cancel()
        await asyncio.wait({task})
    forget(task)
