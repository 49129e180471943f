"""Commands that run in a backend's container for the controller's own sake, beside all experiments."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Final

from attrs import define, field, frozen

from engine.errors import NotReady, RuntimeFault
from engine.runtimes.base import Container, ExecRequest, Runtime
from engine.spool import Spool, SpoolUnusable

__all__ = ["Answer", "Aside", "Said"]

_MOST_BYTES: Final = 2**20


@frozen
class Said:
    """How a command ended, and what it printed.

    Attributes:
        stdout: the beginning of its standard output.
        stderr: likewise of its standard error.
    """

    exit_code: int
    stdout: str
    stderr: str


@frozen
class Answer:
    """The answer of a command.

    Attributes:
        text: the beginning of its standard output.
        problem: why that is not all, or nothing; empty where the command succeeded.
    """

    text: str = ""
    problem: str = ""


@define(eq=False)
class Aside:
    """Runs such commands in the container of one backend.

    Args:
        service: the backend's.
        spool: where what they print goes; nothing of it is kept.
    """

    _service: str
    _runtime: Runtime
    _spool: Spool
    _numbers: Iterator[int] = field(factory=lambda: count(1), init=False)

    async def run(
        self,
        container: Container,
        command: Sequence[str],
        *,
        what: str = "look",
        within_s: float | None = None,
        most_bytes: int = _MOST_BYTES,
    ) -> Said:
        """Run a command to its end.

        Args:
            what: what it is, as a part of its name.
            within_s: then it is ended; None for never.
            most_bytes: so much of each of its outputs is read.

        Raises:
            TimeoutError: it took longer, and was ended.
            NotReady: its container has taken the spool away.
            ContainerLost: the container died under it.
            RuntimeFault: it could not be run.
        """
        name = f"{self._service}.{what}-{next(self._numbers)}"
        try:
            slot = self._spool.begin(name, wanted=True)
        except SpoolUnusable as unusable:
            self._spool.renew()
            raise NotReady(self._service, str(unusable), recreate=True) from unusable
        request = ExecRequest(name, tuple(command), slot.folder, max_output_bytes=most_bytes)
        try:
            async with asyncio.timeout(within_s):
                result = await self._runtime.execute(container, request)
            printed = [
                (await asyncio.to_thread(slot.read, name, most_bytes)).decode(errors="replace")
                for name in ("stdout", "stderr")
            ]
            return Said(result.exit_code, *printed)
        except (TimeoutError, asyncio.CancelledError):
            await self._runtime.kill(container, request, grace_s=0)
            raise
        finally:
            await asyncio.to_thread(self._spool.collect, slot, None)

    async def ask(
        self, container: Container, command: Sequence[str], *, within_s: float, most_bytes: int
    ) -> Answer:
        """Run a command, and read its output; a failure is part of the answer.

        Args:
            within_s: then it is ended.
            most_bytes: so much of what it prints is read.
        """
        try:
            said = await self.run(
                *(container, command), what="question", within_s=within_s, most_bytes=most_bytes
            )
        except TimeoutError:
            return Answer(problem=f"it took longer than {within_s:g} s")
        except RuntimeFault as fault:
            return Answer(problem=fault.reason)
        problem = f"it ended with exit code {said.exit_code}" if said.exit_code else ""
        return Answer(said.stdout, problem)
