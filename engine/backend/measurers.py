"""The commands of other backends that measure one backend: they are lost where it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define, field

from engine.backend.execution import Dispatch

__all__ = ["Measurers"]


@define(eq=False)
class Measurers:
    """The measurers of one backend.

    Args:
        backend: its name.
    """

    _backend: str
    _commands: set[Dispatch] = field(factory=set, init=False)

    @property
    def any(self) -> bool:
        """Whether a command measures it now."""
        return bool(self._commands)

    @contextmanager
    def with_(self, command: Dispatch) -> Iterator[None]:
        """Have a command know when the backend is lost, within it."""
        self._commands.add(command)
        try:
            yield
        finally:
            self._commands.discard(command)

    def lose(self, reason: str) -> None:
        """Have all of them know that the backend is lost."""
        for command in self._commands:
            command.lose_target(f"{self._backend}, which it measures, was lost: {reason}")
