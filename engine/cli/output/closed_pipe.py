"""A stream whose reader may go at any time without ending what writes to it."""

from __future__ import annotations

import contextlib
from typing import Any, TextIO

from attrs import frozen

__all__ = ["Unread"]


@frozen
class Unread:
    """A text stream; what cannot be written because its terminal or pipe is closed is dropped."""

    stream: TextIO

    def write(self, text: str) -> int:
        """Write text while the reader is there."""
        with contextlib.suppress(OSError):
            self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Hand on what is buffered."""
        with contextlib.suppress(OSError):
            self.stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)
