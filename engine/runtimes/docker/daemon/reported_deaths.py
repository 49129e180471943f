"""What the engine's events prove by themselves about a container that we started.

The engine answers no inspection of a container that has just died until it has cleaned up behind it, but
it has told by then that the container died, when, and how. Told of a moment after the container's last
start, that is as good as an inspection; anything else only wakes us.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import define, field

from engine.runtimes.base import Container, Observation
from engine.runtimes.docker.daemon.moments import moment_ns

__all__ = ["Deaths"]


@define(eq=False)
class Deaths:
    """Knows when each container was started last, and tells a death since then from an older one."""

    _runs: dict[str, Container] = field(factory=dict, init=False)
    _out_of_memory: set[str] = field(factory=set, init=False)

    def began(self, container: Container) -> None:
        """Take note of a container's start."""
        self._runs[container.id] = container
        self._out_of_memory.discard(container.id)

    def seen(self, event: Mapping[str, Any]) -> Observation | None:
        """What an event shows to be so; None where it proves nothing."""
        actor = event["Actor"]
        container = self._runs.get(actor["ID"])
        if container is None or event["timeNano"] <= moment_ns(container.started_at):
            return None
        if event["Action"] == "oom":
            self._out_of_memory.add(container.id)
        exit_code = actor["Attributes"].get("exitCode")
        if event["Action"] != "die" or exit_code is None:
            return None
        return Observation(
            container,
            running=False,
            exit_code=int(exit_code),
            oom_killed=container.id in self._out_of_memory,
        )
