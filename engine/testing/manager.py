"""The blocking manager on simulated containers, in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from attrs import frozen

from engine.backend.lifecycle import BackendLifecycle
from engine.compose.files import DEFAULT_FILE
from engine.control.loop_thread import Worker
from engine.manager import ContainerManager
from engine.model.spec import Project
from engine.policy import BackendPolicy
from engine.policy.keep_alive import keep_alives
from engine.runtimes.base import Runtime
from engine.runtimes.selection import RuntimeName
from engine.runtimes.simulated import Commands, SimulatedRuntime, World
from engine.testing.scripted_faults import OrderedFaults
from engine.util.virtual_clock import VirtualClock
from states import BACKEND, Lifecycle

__all__ = ["SimulatedManager"]

T = TypeVar("T")


class SimulatedManager(ContainerManager):
    """A :class:`~engine.manager.ContainerManager` for tests: nothing runs, and no time is lost.

    Time passes as its methods wait, and at no other time; it is for one thread.

    Args:
        compose_file: see :class:`~engine.manager.ContainerManager` for this and the next four.
        project_dir: see there.
        policies: see there.
        profiles: see there.
        output_dir: see there.
        commands: what commands do; None for a second each, all of which succeed.
        faults: what goes wrong.
        lifecycle: see :class:`~engine.manager.ContainerManager`.
        clock: the virtual time.
    """

    def __init__(
        self,
        compose_file: str | Path | Sequence[str | Path] = DEFAULT_FILE,
        project_dir: str | Path | None = None,
        *,
        policies: Mapping[str, BackendPolicy] | None = None,
        profiles: Iterable[str] = (),
        output_dir: str | Path | None = None,
        commands: Commands | None = None,
        faults: OrderedFaults | None = None,
        lifecycle: Lifecycle | BackendLifecycle = BACKEND,
        clock: VirtualClock | None = None,
    ) -> None:
        self.faults = faults or OrderedFaults()
        self.clock = clock or VirtualClock()
        self._commands = commands
        super().__init__(
            compose_file,
            project_dir,
            runtime="simulated",
            policies=policies,
            profiles=profiles,
            output_dir=output_dir,
            lifecycle=lifecycle,
        )

    @property
    def world(self) -> World:
        """The true state of the simulated world."""
        return self.faults.world

    def advance(self, seconds: float) -> None:
        """Let so much time pass, in seconds."""
        self.clock.advance(seconds)

    def befall(self, fault: str, service: str) -> None:
        """Inject a fault into a service's running container now; see :meth:`OrderedFaults.now`."""
        self.clock.call(self.faults.now, fault, service)

    def _hire(self) -> Worker:
        return _Stepped(self.clock)

    async def _hands(
        self,
        runtime: RuntimeName,
        project: Project,
        policies: Mapping[str, BackendPolicy],
        **_others: Any,
    ) -> Runtime:
        return SimulatedRuntime(
            project,
            keep_alive=keep_alives(project, policies),
            commands=self._commands,
            world=self.world,
            faults=self.faults,
        )


@frozen
class _Stepped:
    """Runs coroutines in virtual time, while the caller waits."""

    clock: VirtualClock

    def wait(self, call: str, work: Coroutine[Any, Any, T]) -> T:
        return self.clock.run(work)

    wait_last = wait

    def close(self) -> None:
        """The clock is its maker's to close."""

    def close_after(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Nothing simulated outlasts the process."""
