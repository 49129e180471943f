"""Whether a manager or a controller may be used here and now."""

from __future__ import annotations

import os

from attrs import define, field

from engine.errors import UsedAfterClose, UsedInFork

__all__ = ["Use"]


@define(eq=False)
class Use:
    """The use of one object: by the process that made it, until it is closed.

    Args:
        what: the object's class, for messages.

    Attributes:
        closed: whether it has been closed.
    """

    what: str
    closed: bool = field(default=False, init=False)
    _pid: int = field(factory=os.getpid, init=False)

    @property
    def forked(self) -> bool:
        """Whether this process is a forked copy of the one that made the object.

        A fork copies the memory, but no thread: the copy's locks, event loop and connections serve no caller.
        """
        return os.getpid() != self._pid

    def check(self, call: str) -> None:
        """Refuse a call that cannot work.

        Args:
            call: the method's name.

        Raises:
            UsedInFork: the process is a forked copy of the one that made the object.
            UsedAfterClose: the object is closed.
        """
        self.check_process(call)
        if self.closed:
            raise UsedAfterClose(
                f"{call} was called on a {self.what} that is closed;"
                f" make a new {self.what}, or call {call} before its with block ends",
                call=call,
            )

    def check_process(self, call: str) -> None:
        """Refuse a call from a forked copy of the process.

        Raises:
            UsedInFork: the process is one.
        """
        if self.forked:
            raise UsedInFork(
                f"{call} was called in process {os.getpid()}, a fork of process {self._pid}, which made"
                f" the {self.what} and still owns its backends; call {call} there, or make a new"
                f" {self.what} in this process",
                call=call,
            )
