"""A controller on simulated containers, in virtual time, with faults on order: the ground to test on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from attrs import define, field

from engine.backend.backend import Effect
from engine.controller import Controller
from engine.errors import TeardownError
from engine.model.results import Transition
from engine.model.spec import Project
from engine.policy import BackendPolicy
from engine.runtimes.simulated import Commands, EachLasts, SimulatedRuntime, World
from engine.testing.scripted_faults import OrderedFaults
from engine.util.virtual_clock import VirtualClock
from states import BACKEND, Lifecycle

__all__ = ["MakeRuntime", "Simulation", "left_in"]

T = TypeVar("T")

MakeRuntime = Callable[..., SimulatedRuntime]
"""Makes the runtime: :class:`SimulatedRuntime` or a subclass of it; takes what that takes."""


_FREE_S: Final = 600.0


@define(eq=False)
class Simulation:
    """A controller, the simulated world it works on, and the clock that moves both.

    Args:
        project: its services.
        folder: an existing folder for what commands write.
        policies: how each backend is run, by service.
        lifecycle: the table that the backends live by.
        effects: what the actions of an extended lifecycle do.
        commands: what commands do; None for a second each, all of which succeed.
        runtime: makes the runtime.
        seed: of the jitter of backoffs.
        clock: the virtual time.
        faults: what goes wrong: on order, now, or by chance; and the world that it goes wrong in.

    Attributes:
        controller: under test.
        transitions: those that it has reported.
    """

    project: Project
    folder: Path
    policies: Mapping[str, BackendPolicy] = field(factory=dict)
    lifecycle: Lifecycle = BACKEND
    effects: Mapping[str, Effect] = field(factory=dict)
    commands: Commands = field(factory=EachLasts)
    runtime: MakeRuntime = SimulatedRuntime
    seed: int = 0
    clock: VirtualClock = field(factory=VirtualClock)
    faults: OrderedFaults = field(factory=OrderedFaults)
    controller: Controller = field(init=False)
    transitions: list[Transition] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self.controller = Controller(
            self.project,
            self.hands(),
            self.folder,
            self.policies,
            seed=self.seed,
            lifecycle=self.lifecycle,
            effects=self.effects,
        )
        self.controller.on_transition(self.transitions.append)

    @property
    def world(self) -> World:
        """The true state of the simulated world."""
        return self.faults.world

    def hands(self) -> SimulatedRuntime:
        """Another runtime on the same world, as another controller has."""
        return self.runtime(
            self.project, world=self.world, commands=self.commands, faults=self.faults
        )

    def run(self, program: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end; time passes as it waits."""
        return self.clock.run(program)

    def begin(self, program: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin a coroutine, which goes on as time passes."""
        return self.clock.begin(program)

    def advance(self, seconds: float) -> None:
        """Let so much time pass, in seconds."""
        self.clock.advance(seconds)

    def call(self, function: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """Call a plain function on the event loop, for what needs one to run."""
        return self.clock.call(function, *arguments, **options)

    def befall(self, fault: str, service: str) -> None:
        """Inject a fault into a service's running container now; see :meth:`OrderedFaults.now`."""
        self.call(self.faults.now, fault, service)

    def start(self, *services: str) -> None:
        """Start services, and wait until they are ready."""
        self.run(self.controller.start(services))

    @property
    def states(self) -> dict[str, str]:
        """The state of each backend that has been asked for."""
        return {name: backend.state for name, backend in self.controller.backends.items()}

    @property
    def path(self) -> list[str]:
        """The history so far, a line for each transition."""
        return [
            f"{step.backend}: {step.source} {step.event} {step.target}" for step in self.transitions
        ]

    def close(self) -> None:
        """Take everything down, once the faults have ended.

        Raises:
            TeardownError: something could not be removed.
        """
        self.faults.end()
        self.run(self._taken_down())

    async def _taken_down(self) -> None:
        try:
            await self.controller.teardown()
        except TeardownError:  # what was stuck comes free
            await asyncio.sleep(_FREE_S)
            await self.controller.teardown()


def left_in(world: World) -> list[str]:
    """Describe what is left in a simulated world."""
    return [*_containers(world), *(f"the network of {name}" for name in sorted(world.networks))]


def _containers(world: World) -> Iterable[str]:
    for container in world.containers.values():
        running = ", ".join(sorted(str(one.order.request) for one in container.processes.values()))
        yield f"the container {container.id}" + (f", in which runs {running}" if running else "")
