"""The main process of a container: the service's command, or one that only keeps the container up."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import join
from typing import Any

from attrs import frozen

__all__ = ["Decision", "MainCommand"]


@frozen
class MainCommand:
    """The main process of a container, with the reason for it.

    Attributes:
        keep_alive: the command that keeps the container up instead of its command; None if that runs.
        reason: why, in words.
        dropped_entrypoint: the entrypoint that therefore does not run; empty where there is none.
        on_trial: whether its own command runs for the first time, and is replaced if it ends at once.
    """

    keep_alive: tuple[str, ...] | None = None
    reason: str = ""
    dropped_entrypoint: tuple[str, ...] = ()
    on_trial: bool = False

    def __str__(self) -> str:
        """It in words."""
        because = f": {self.reason}" if self.reason else ""
        if self.keep_alive is None:
            trial = "; a keep-alive replaces it if it ends at once with exit code 0"
            return f"its own command runs{because}{trial if self.on_trial else ''}"
        dropped = ""
        if self.dropped_entrypoint:
            dropped = (
                f"; its entrypoint {join(self.dropped_entrypoint)} does not run (through_entrypoint: true runs"
                " each experiment through it, keep_alive: never starts the container with it)"
            )
        return f"{join(self.keep_alive)} keeps it up{because}{dropped}"

    def to_dict(self) -> Mapping[str, Any]:
        """It as plain data, for records and plans."""
        return {
            "keep_alive": None if self.keep_alive is None else list(self.keep_alive),
            "reason": self.reason,
            "dropped_entrypoint": list(self.dropped_entrypoint),
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> MainCommand | None:
        """Read the result of :meth:`to_dict`; None if it is something else."""
        keep_alive, dropped = told.get("keep_alive"), told.get("dropped_entrypoint") or []
        reason = told.get("reason") or ""
        lists = [dropped, *([] if keep_alive is None else [keep_alive])]
        texts = [reason, *(word for one in lists if isinstance(one, list) for word in one)]
        if not all(isinstance(one, list) for one in lists) or not all(
            isinstance(one, str) for one in texts
        ):
            return None
        return cls(None if keep_alive is None else tuple(keep_alive), reason, tuple(dropped))


@frozen
class Decision:
    """The decision about the main process of a service's containers.

    Attributes:
        image: the id of the image that it was decided for; None where none is used.
    """

    main: MainCommand
    image: str | None = None
