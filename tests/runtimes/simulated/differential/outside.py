"""Faults from outside a container: on a real engine, and in the simulated world."""

from __future__ import annotations

from collections.abc import Callable

from engine.runtimes.base import Container
from engine.runtimes.docker.daemon.client import connect
from engine.runtimes.simulated import SimulatedRuntime
from engine.runtimes.simulated.processes import TERMINATED

__all__ = ["Outside", "on_docker", "on_simulated"]

Outside = Callable[[str, Container], None]
"""Does something to a container: kill, pause, remove, restart."""


def on_docker(what: str, container: Container) -> None:
    """On the engine that the environment names."""
    client = connect()
    match what:
        case "kill":
            client.kill(container.id)
        case "pause":
            client.pause(container.id)
        case "remove":
            client.remove_container(container.id, force=True)
        case "restart":
            client.restart(container.id, timeout=10)


def on_simulated(runtime: SimulatedRuntime) -> Outside:
    """In a runtime's world."""

    def befalls(what: str, container: Container) -> None:
        found = runtime.world.find(container.id)
        match what:
            case "kill":
                found.die()
            case "pause":
                found.freeze()
            case "remove":
                runtime.world.remove(container.id)
            case "restart":
                found.die(TERMINATED)
                found.start()

    return befalls
