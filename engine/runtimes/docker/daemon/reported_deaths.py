"""Facts that the engine's events alone prove about a container that we started.

The engine answers no inspection of a container that has just died until it has cleaned up behind it, but
it has reported by then that the container died, when, and how. Such a report of a moment after the container's last
start, that is as good as an inspection; anything else only wakes us.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import define, field

from engine.runtimes.base import Container, Observation
from engine.runtimes.docker.daemon.moments import moment_ns

__all__ = ["Deaths"]

_OOM_TO_DEATH_NS: Final = 5 * 10**9
"""A container that dies later than this after the kernel killed one of its processes died of something else."""
_DEADLY: Final = frozenset({"9", "15", "KILL", "TERM", "SIGKILL", "SIGTERM"})


@define(eq=False)
class Deaths:
    """Knows when each container was started last, and tells a death since then from an older one."""

    _runs: dict[str, Container] = field(factory=dict, init=False)
    _out_of_memory_ns: dict[str, int] = field(factory=dict, init=False)
    _signalled_ns: dict[str, int] = field(factory=dict, init=False)

    def began(self, container: Container) -> None:
        """Take note of a container's start."""
        self._runs[container.id] = container
        self._out_of_memory_ns.pop(container.id, None)
        self._signalled_ns.pop(container.id, None)

    def seen(self, event: Mapping[str, Any]) -> Observation | None:
        """Return the observation that an event proves; None where it proves nothing."""
        actor = event["Actor"]
        container = self._runs.get(actor["ID"])
        if container is None or event["timeNano"] <= moment_ns(container.started_at):
            return None
        if event["Action"] == "oom":
            self._out_of_memory_ns[container.id] = event["timeNano"]
        if event["Action"] == "kill" and actor["Attributes"].get("signal") in _DEADLY:
            self._signalled_ns[container.id] = event["timeNano"]
        exit_code = actor["Attributes"].get("exitCode")
        if event["Action"] != "die" or exit_code is None:
            return None
        return Observation(
            container,
            running=False,
            exit_code=int(exit_code),
            oom_killed=self.of_memory(container.id, event["timeNano"], flag=False),
        )

    def signalled(self, container_id: str) -> bool:
        """Whether the engine has sent a container a signal that ends it, since its last start."""
        return container_id in self._signalled_ns

    def of_memory(self, container_id: str, died_ns: int, *, flag: bool) -> bool:
        """Whether the kernel killed a container for want of memory.

        The engine's own flag is also set by a command in the container that was killed long before, and
        it stays. So where an event has reported when the kernel killed, that moment decides.

        Args:
            died_ns: when the container died, in nanoseconds since the epoch.
            flag: what the engine's inspection says.
        """
        killed_ns = self._out_of_memory_ns.get(container_id)
        if (
            killed_ns is None
        ):  # Podman sends no such event, and none is seen while the stream is away
            return flag
        signalled = killed_ns < self._signalled_ns.get(container_id, 0) <= died_ns
        return not signalled and died_ns - killed_ns <= _OOM_TO_DEATH_NS
