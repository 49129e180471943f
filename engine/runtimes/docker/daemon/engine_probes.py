"""How often the engine itself has run the health checks of containers, as its events tell.

A health check is an exec like any other, and known among them by its command. Podman tells of no execs that begin.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from attrs import define, field

__all__ = ["EngineProbes"]

_STARTS: Final = "exec_start: "
_SHELL: Final = ("/bin/sh", "-c")


@define(eq=False)
class EngineProbes:
    """Counts the engine's own health checks, of containers with one."""

    _commands: dict[str, str] = field(factory=dict, init=False)
    _begun: Counter[str] = field(factory=Counter, init=False)

    def note(self, container: Mapping[str, Any]) -> None:
        """Take note of a container's health check.

        Args:
            container: what inspection says of it.
        """
        config = container["Config"]
        command = _command(config)
        if command is not None:
            self._commands[container["Id"]] = command

    def on_event(self, event: Mapping[str, Any]) -> None:
        """Take in an event of the engine's."""
        action, container_id = event["Action"], event["Actor"]["ID"]
        # The engine puts a blank behind the program, and one between arguments.
        if action.startswith(_STARTS) and container_id in self._commands:
            self._begun[container_id] += (
                action[len(_STARTS) :].strip() == self._commands[container_id]
            )

    def begun(self, container_id: str) -> int | None:
        """How many have begun in a container; None where it has no health check that its engine runs."""
        return self._begun[container_id] if container_id in self._commands else None


def _command(config: Mapping[str, Any]) -> str | None:
    match (config.get("Healthcheck") or {}).get("Test"):
        case ["CMD", *command] if command:
            return " ".join(command)
        case ["CMD-SHELL", line]:
            return " ".join((*(config.get("Shell") or _SHELL), line))
        case _:
            return None
