"""The simulated world: a container engine's daemon and what it holds, as it is.

It does at once what it is asked to, and tells the truth. What a runtime sees of it comes over a
:class:`~engine.runtimes.simulated.connection.Line`, which takes time and may fail. A world outlives the
runtimes that use it, as an engine outlives its clients.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Final

from attrs import define, field, frozen

from engine.runtimes.simulated.containers import Blueprint, SimulatedContainer
from engine.runtimes.simulated.processes import Order, Process

__all__ = ["DaemonError", "Happened", "World"]

CONFLICT: Final = 409
GONE: Final = 404
FAILED: Final = 500


class DaemonError(Exception):
    """An error answer of the daemon, or the failure of a call that gets no answer.

    Attributes:
        status: as of HTTP; None where no answer came.
    """

    def __init__(self, status: int | None, message: str) -> None:
        self.status = status
        super().__init__(message)

    @property
    def decided(self) -> bool:
        """Whether the same call would be refused again; otherwise it is not known, or it may succeed."""
        return self.status is not None and self.status < FAILED


@frozen
class Happened:
    """An event of the daemon's.

    Attributes:
        action: in Docker's words: start, die, oom, pause, health_status, destroy, exec_start, exec_die.
        exec_id: of an exec that began or ended.
        request: the request that it ran.
        exit_code: of an exec that ended, or of a container that died.
        started_at: when that container was started last.
        oom_killed: whether the kernel killed it for memory.
    """

    action: str
    service: str
    container_id: str
    exec_id: str | None = None
    request: str | None = None
    exit_code: int | None = None
    started_at: str = ""
    oom_killed: bool = False


@define(eq=False)
class World:
    """A daemon, its containers and networks, and who uses it.

    Attributes:
        containers: all that are there, by id.
        networks: the projects that have one.
        alive: the runtimes whose controller lives; containers of others may be taken over.
        reachable: whether the daemon answers at all.
    """

    containers: dict[str, SimulatedContainer] = field(factory=dict, init=False)
    networks: set[str] = field(factory=set, init=False)
    alive: set[str] = field(factory=set, init=False)
    reachable: bool = field(default=True, init=False)
    _watchers: dict[int, Callable[[Happened], None]] = field(factory=dict, init=False)
    _ids: Iterator[int] = field(factory=lambda: itertools.count(1), init=False)
    _pids: Iterator[int] = field(factory=lambda: itertools.count(1000), init=False)

    # Who looks on

    def watch(self, watcher: Callable[[Happened], None]) -> Callable[[], None]:
        """Call ``watcher`` with all that happens, as it does, until what is returned is called."""
        number = next(self._ids)
        self._watchers[number] = watcher
        return lambda: self._watchers.pop(number, None) and None

    def owner(self) -> str:
        """Make another runtime known."""
        name = f"runtime {next(self._ids)}"
        self.alive.add(name)
        return name

    # Containers

    def create(self, blueprint: Blueprint, owner: str) -> SimulatedContainer:
        """Make a container; a service has one at most, since it is known by its name."""
        name = blueprint.spec.name
        if self.of_service(name):
            raise DaemonError(CONFLICT, f"the container name {name} is in use")
        container_id = f"{name}-{next(self._ids)}"
        made = SimulatedContainer(blueprint, container_id, owner, self._pids, self._announce)
        self.containers[container_id] = made
        return made

    def find(self, container_id: str) -> SimulatedContainer:
        """Inspect a container.

        Raises:
            DaemonError: there is none of that id.
        """
        if container_id not in self.containers:
            raise DaemonError(GONE, f"no such container: {container_id}")
        return self.containers[container_id]

    def of_service(self, service: str) -> list[SimulatedContainer]:
        """List a service's containers."""
        return [one for one in self.containers.values() if one.service == service]

    def stop(self, container_id: str, code: int) -> None:
        """End a container's main process, thawed for that; harmless when it does not run."""
        container = self.find(container_id)
        container.thaw()
        if container.stuck:
            raise DaemonError(FAILED, f"{container_id}: a process in it did not act on KILL")
        container.die(code)

    def remove(self, container_id: str) -> None:
        """Kill and remove a container."""
        container = self.find(container_id)
        if container.stuck:
            raise DaemonError(FAILED, f"{container_id}: could not kill it: a process is stuck")
        container.die()
        del self.containers[container_id]
        self._announce("destroy", container)

    # Commands in them

    def create_exec(self, container_id: str, order: Order) -> str:
        """Announce a command to a container that runs; returns its exec's id."""
        self._able(container_id).known(exec_id := f"exec-{next(self._ids)}", order)
        return exec_id

    def start_exec(self, container_id: str, exec_id: str) -> Process:
        """Begin a command; returns its first process."""
        container = self._able(container_id)
        order = self._exec(container_id, exec_id)
        if order.process is not None:
            raise DaemonError(CONFLICT, f"{exec_id} has been started already")
        order.process = container.spawn(order)
        told = (container.service, container_id, exec_id, order.request)
        self._tell(Happened("exec_start", *told))
        process = order.process
        process.on_end(lambda: self._tell(Happened("exec_die", *told, process.exit_code)))
        return process

    def inspect_exec(self, container_id: str, exec_id: str) -> tuple[bool, int | None]:
        """Whether a command has been started, and its exit code, if it has ended.

        Raises:
            DaemonError: the daemon does not know it, or not any more.
        """
        process = self._exec(container_id, exec_id).process
        return process is not None, None if process is None else process.exit_code

    def _able(self, container_id: str) -> SimulatedContainer:
        container = self.find(container_id)
        if not container.running or container.paused:
            state = "paused" if container.paused else "not running"
            raise DaemonError(CONFLICT, f"container {container_id} is {state}")
        return container

    def _exec(self, container_id: str, exec_id: str) -> Order:
        known = self.find(container_id).execs
        if exec_id not in known:
            raise DaemonError(GONE, f"no such exec: {exec_id}")
        return known[exec_id]

    # The daemon itself

    def forget(self) -> None:
        """Lose what a restart of the daemon loses: its execs."""
        for container in self.containers.values():
            container.execs.clear()

    def _announce(self, action: str, container: SimulatedContainer) -> None:
        self._tell(
            Happened(
                action,
                container.service,
                container.id,
                exit_code=container.exit_code,
                started_at=container.started_at,
                oom_killed=container.oom_killed,
            )
        )

    def _tell(self, happened: Happened) -> None:
        for watcher in list(self._watchers.values()):
            watcher(happened)
