"""A pattern, searched for in what a container's main process writes, from the start of the container on."""

from __future__ import annotations

import asyncio
from typing import Final

import regex
from attrs import define, field

from engine.spool.main_log import HEAD_BYTES, MainLog

__all__ = ["LogSearch"]

_CHUNK_BYTES: Final = 2**18
_LONGEST_LINE: Final = 2**14
"""In characters; the beginning of a longer line is searched."""

_LINE_S: Final = 5.0
"""How long the search of one line may take. A pattern that needs longer has no end in sight."""


@define(eq=False)
class LogSearch:
    """Searches one log, each line once. A log of more than :data:`HEAD_BYTES` is searched so far.

    Attributes:
        last: the last line that is not blank, of those that have been searched.
    """

    _log: MainLog
    _pattern: regex.Pattern[str]
    last: str = field(default="", init=False)
    _at: int = field(default=0, init=False)

    @property
    def is_full(self) -> bool:
        """Whether the log is longer than what is searched of it."""
        return self._at >= HEAD_BYTES

    async def found(self) -> bool:
        """Search what has been added to the log; whether the pattern matches a line of it.

        Raises:
            TimeoutError: the pattern takes too long.
        """
        while not self.is_full:
            chunk = await asyncio.to_thread(self._log.read, self._at, _CHUNK_BYTES)
            whole, end, unfinished = chunk.rpartition(b"\n")
            if end or len(chunk) == _CHUNK_BYTES:  # a line that is longer than that is cut
                text = whole if end else unfinished
                self._at += len(text) + len(end)
                if await asyncio.to_thread(self._matches, text):
                    return True
            else:
                return bool(unfinished) and await asyncio.to_thread(self._matches, unfinished)
        return False

    def _matches(self, text: bytes) -> bool:
        for raw in text.decode(errors="replace").split("\n"):
            line = self._log.text_of(raw).rstrip("\r")[:_LONGEST_LINE]
            self.last = line if line.strip() else self.last
            # Other threads go on meanwhile: the text is a container's, and may make a pattern slow.
            if self._pattern.search(line, timeout=_LINE_S, concurrent=True):
                return True
        return False
