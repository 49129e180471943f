"""Backends that recover only on request, with an operator who requests anything at any time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import define, evolve, field

from engine.controller import Controller
from engine.errors import DispatchError, DockwardenError
from engine.model.results import Fault
from engine.model.spec import Project
from engine.policy import BackendPolicy
from engine.runtimes.simulated import Faults, SimulatedRuntime, World
from engine.testing.invariants import Invariants
from engine.util.clock import now_s
from states import TransitionRefused
from tests.soak.drawn import Drawn
from tests.soak.use import CALM_S, usable

__all__ = ["by_hand"]

_PAUSE_S: Final = 10.0
_TIMEOUT_S: Final = 60.0


async def by_hand(
    project: Project,
    policies: Mapping[str, BackendPolicy],
    world: World,
    faults: Faults,
    *,
    folder: Path,
    seed: int,
) -> Invariants:
    """Do this and that under faults; then they end, and all backends have to be of use again.

    Args:
        world: what is there to begin with.
        folder: an existing one.

    Returns:
        what was seen, all taken down.
    """
    left_alone = {name: evolve(policy, recover=False) for name, policy in policies.items()}
    runtime = SimulatedRuntime(
        project, world=world, commands=Drawn(seed), faults=faults, keep_output=False
    )
    controller = Controller(project, runtime, folder, left_alone, seed=seed)
    watch = Invariants(world, left_alone, now_s)
    controller.on_transition(watch.transition)
    hand = _Hand(controller, random.Random(f"by hand {seed}"), watch.violations)
    await hand.do(list(project.services))
    faults.end()
    await asyncio.sleep(CALM_S)
    hand.done()
    for name in project.services:
        if not await usable(controller, name):
            fault = controller.backend(name).fault
            watch.violations.append(f"by hand: {name} cannot be used again: {fault}")
    await controller.teardown()
    watch.gone({})
    watch.close()
    return watch


@define(eq=False)
class _Hand:
    """An operator who makes requests, and does not wait for them."""

    controller: Controller
    chance: random.Random
    violations: list[str]
    _asked: dict[str, asyncio.Task[None]] = field(factory=dict, init=False)
    _commands: list[asyncio.Task[Any]] = field(factory=list, init=False)

    async def do(self, names: list[str]) -> None:
        """Ask for one thing after the other."""
        for name in names:
            self._ask("start", name, 0, _start)
        for number in range(1, self.chance.randint(5, 30)):
            name = self.chance.choice(names)
            what, act = self.chance.choice(_ACTS)
            self._ask(what, name, number, act)
            await asyncio.sleep(self.chance.expovariate(1 / _PAUSE_S))

    def _ask(self, what: str, name: str, number: int, act: _Act) -> None:
        said = f"{number} {what} {name}"
        self._asked[said] = asyncio.create_task(self._quietly(act, name, said), name=said)

    async def _quietly(self, act: _Act, name: str, said: str) -> None:
        try:
            await act(self, name, said)
        except (DockwardenError, TransitionRefused):
            pass
        except Exception as error:  # noqa: BLE001 - no exception is expected
            self.violations.append(f"by hand: {said}: {type(error).__name__}: {error}")

    def done(self) -> None:
        """All that was asked for must have come to its end."""
        self.violations += [
            f"by hand: {said} does not come to an end"
            for said, task in self._asked.items()
            if not task.done()
        ]

    # What comes to mind

    async def start(self, name: str, _said: str) -> None:
        await self.controller.start([name])

    async def execute(self, name: str, said: str) -> None:
        work = self.controller.execute(name, ["work"], id=said, timeout_s=_TIMEOUT_S)
        command = asyncio.create_task(work, name=said)
        self._commands.append(command)
        await asyncio.wait({command})
        if not command.cancelled() and not isinstance(command.exception(), DispatchError | None):
            await command

    async def give_up(self, _name: str, _said: str) -> None:
        running = [command for command in self._commands if not command.done()]
        if running:
            self.chance.choice(running).cancel()

    async def find_unfit(self, name: str, _said: str) -> None:
        fault = Fault("found unfit", curable=self.chance.random() < 0.8)
        self.controller.backend(name).report(fault)

    async def recover(self, name: str, _said: str) -> None:
        self.controller.backend(name).recover()

    async def restart(self, name: str, _said: str) -> None:
        recreate = self.chance.random() < 0.5
        self.controller.backend(name).restart("by hand", recreate=recreate)

    async def reset(self, name: str, _said: str) -> None:
        self.controller.backend(name).reset()

    async def stop(self, name: str, _said: str) -> None:
        await self.controller.stop([name])

    async def hurry(self, name: str, _said: str) -> None:
        backend = self.controller.backend(name)
        if backend.stopping:
            await backend.stop(grace_s=0)


_Act = Callable[[_Hand, str, str], Awaitable[None]]

_start: Final[_Act] = _Hand.start
_ACTS: Final[tuple[tuple[str, _Act], ...]] = (
    ("start", _Hand.start),
    ("start", _Hand.start),
    ("execute", _Hand.execute),
    ("execute", _Hand.execute),
    ("give up", _Hand.give_up),
    ("find unfit", _Hand.find_unfit),
    ("recover", _Hand.recover),
    ("restart", _Hand.restart),
    ("reset", _Hand.reset),
    ("stop", _Hand.stop),
    ("hurry", _Hand.hurry),
)
