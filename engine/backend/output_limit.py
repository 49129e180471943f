"""When to look how much a command has written, and whether that is too much."""

from __future__ import annotations

from typing import Final

from attrs import define, field

__all__ = ["Growth"]

_FIRST_S: Final = 1.0
_LONGEST_S: Final = 10.0
"""Between two checks: a check costs next to nothing, but unchecked output may fill a disk."""


@define
class Growth:
    """The growth of one command's output, against its limit.

    A look is one question to the kernel about files that are open; nothing enters the container for it.
    While nothing is written, looks come ever more seldom.

    Args:
        limit_bytes: how much may be written; None for any amount.
        now_s: on the event loop's clock.

    Attributes:
        due_s: when to look next, on that clock; None for never.
    """

    limit_bytes: int | None
    _now_s: float
    due_s: float | None = field(init=False)
    _seen: int = field(default=0, init=False)
    _pause_s: float = field(default=_FIRST_S, init=False)

    def __attrs_post_init__(self) -> None:
        self.due_s = None if self.limit_bytes is None else self._now_s + self._pause_s

    def passed(self, written: int, now_s: float) -> bool:
        """Take in how much has been written; whether that is too much. Else it is due again later."""
        if self.limit_bytes is None:
            return False
        if written > self.limit_bytes:
            return True
        growing = written > self._seen
        self._seen = written
        self._pause_s = _FIRST_S if growing else min(2 * self._pause_s, _LONGEST_S)
        self.due_s = now_s + self._pause_s
        return False
