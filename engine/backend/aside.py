"""A command that is run in a container for the controller's own sake, beside all experiments."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from attrs import frozen

from engine.errors import RuntimeFault
from engine.runtimes.base import Container, ExecRequest, Runtime
from engine.spool import Spool, SpoolUnusable

__all__ = ["Answer", "ask"]


@frozen
class Answer:
    """What a command has said.

    Attributes:
        text: the beginning of its standard output.
        problem: why that is not all, or nothing; empty where the command succeeded.
    """

    text: str = ""
    problem: str = ""


async def ask(
    runtime: Runtime,
    container: Container,
    spool: Spool,
    name: str,
    command: Sequence[str],
    *,
    within_s: float,
    most_bytes: int,
) -> Answer:
    """Run a command, and read what it prints; whatever goes wrong is part of the answer.

    Args:
        name: of its slot in the spool.
        within_s: then it is ended.
        most_bytes: so much of what it prints is read.
    """
    try:
        slot = spool.begin(name, wanted=True)
    except SpoolUnusable as unusable:
        return Answer(problem=str(unusable))
    request = ExecRequest(name, tuple(command), slot.folder, max_output_bytes=most_bytes)
    try:
        async with asyncio.timeout(within_s):
            result = await runtime.execute(container, request)
        text = await asyncio.to_thread(slot.read, "stdout", most_bytes)
        problem = f"it ended with exit code {result.exit_code}" if result.exit_code else ""
        return Answer(text.decode(errors="replace"), problem)
    except TimeoutError:
        await runtime.kill(container, request, grace_s=0)
        return Answer(problem=f"it took longer than {within_s:g} s")
    except asyncio.CancelledError:
        await runtime.kill(container, request, grace_s=0)
        raise
    except RuntimeFault as fault:
        return Answer(problem=fault.reason)
    finally:
        await asyncio.to_thread(spool.collect, slot, None)
