"""The whole engine does on the simulated runtime what it does on a real one.

The same is asked of a controller on each, and the same transitions, outcomes and errors come of it.
``DIFFERENTIAL_SEQUENCES=50`` tries more random sequences.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable, Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field, frozen

from engine.backend import Backend
from engine.controller import Controller
from engine.errors import DockwardenError
from engine.journal import Journal
from engine.model.results import Ended, Fault, Transition
from engine.model.spec import Project, ServiceSpec
from engine.policy import BackendPolicy, RestartPolicy
from engine.runtimes.base import Runtime
from engine.runtimes.docker.runtime import DockerRuntime
from engine.runtimes.simulated import SimulatedRuntime
from engine.testing.conformance.rig import PATIENCE_S, until
from engine.testing.conformance.scripts import (
    EXITS,
    IGNORES_TERM,
    KEPT,
    STAYS,
    Script,
    Spelling,
    spelt,
)
from engine.util.virtual_clock import VirtualClockLoop
from states import TransitionRefused
from tests.lab import BASE_IMAGE
from tests.runtimes.simulated.differential.outside import Outside, on_docker, on_simulated
from tests.runtimes.simulated.scripts import Scripts, spell

_STEPS = 12
_SEQUENCES = int(os.environ.get("DIFFERENTIAL_SEQUENCES", "1"))
_NAME = "one"

_ACTS = (
    *("starts", "starts", "starts", "succeeds", "succeeds", "fails", "is_not_found", "is_no_program"),
    *("passes_its_limit", "is_given_up", "dies_under_it", "is_removed_under_it", "is_stopped_under_it"),
    *("is_killed", "is_paused", "is_removed", "is_restarted", "is_found_unfit", "is_unfit_for_good"),
    *("recovers", "restarts", "recreates", "is_reset", "stops", "stops_as_it_starts", "goes"),
)  # fmt: skip


Come = tuple[list[Any], list[Any]]


@frozen
class Story:
    """What is asked, and of which backend."""

    policy: BackendPolicy
    steps: tuple[str, ...]


@define
class Side:
    """A controller on one of the two runtimes, and what has come of each step."""

    controller: Controller
    outside: Outside
    spelling: Spelling
    told: list[Any] = field(factory=list)
    transitions: list[Transition] = field(factory=list)
    _moved: asyncio.Event = field(factory=asyncio.Event)

    def __attrs_post_init__(self) -> None:
        self.controller.on_transition(self._took)

    def _took(self, transition: Transition) -> None:
        self.transitions.append(transition)
        self._moved.set()

    async def do(self, step: str) -> None:
        """Do a step, and note what comes of it, and what is then to be seen."""
        act: Callable[[], Awaitable[Any]] = getattr(self, step)
        try:
            async with asyncio.timeout(PATIENCE_S):
                came = await act()
        except (DockwardenError, TransitionRefused) as error:
            came = type(error).__name__, str(error)
        backend = self.backend
        if backend is not None:
            await backend.settled()
        self.told.append((step, _plain(came), backend and _shown(backend), await self._seen()))

    @property
    def backend(self) -> Backend | None:
        return self.controller.backends.get(_NAME)

    @property
    def ready(self) -> Backend | None:
        """The backend, if it is ready."""
        return self.backend if self.backend is not None and self.backend.idle else None

    async def _seen(self) -> Any:
        if not self.controller.opened:
            return None
        seen = await self.controller.runtime.inspect(_NAME)
        return seen and (seen.running, seen.paused, seen.exit_code, seen.oom_killed)

    # Starting and stopping

    async def starts(self) -> None:
        await self.controller.start([_NAME])

    async def stops(self) -> None:
        await self.controller.stop([_NAME])

    async def stops_as_it_starts(self) -> Any:
        if self.backend is not None and self.backend.state != "stopped":
            return None
        start = asyncio.create_task(self.starts())
        await self._until_moved()
        await self.stops()
        return await asyncio.gather(start, return_exceptions=True)

    async def goes(self) -> None:
        await self.controller.teardown()

    # Commands

    async def succeeds(self) -> Ended:
        return await self._execute(EXITS, "0")

    async def fails(self) -> Ended:
        return await self._execute(EXITS, "3")

    async def is_not_found(self) -> Ended:
        return await self._run("no-such-program")

    async def is_no_program(self) -> Ended:
        return await self._run("/etc/passwd")

    async def passes_its_limit(self) -> Ended:
        return await self._execute(IGNORES_TERM, timeout_s=1.0, grace_s=0.3)

    async def is_given_up(self) -> Any:
        command = await self._begun()
        if command is not None:
            command.cancel()
            await asyncio.wait({command})
        return command and command.cancelled()

    async def dies_under_it(self) -> Any:
        return await self._befalls_under_it("kill")

    async def is_removed_under_it(self) -> Any:
        return await self._befalls_under_it("remove")

    async def _befalls_under_it(self, what: str) -> Any:
        command = await self._begun()
        if command is None:
            return None
        self._befall(what)
        return await command

    async def is_stopped_under_it(self) -> Any:
        command = await self._begun()
        if command is None:
            return None
        await self.stops()
        return await command

    async def _execute(self, script: Script, *arguments: str, **limits: Any) -> Ended:
        return await self._run(*self.spelling(script, *arguments), **limits)

    async def _run(self, *command: str, **limits: Any) -> Ended:
        return await self.controller.execute(_NAME, command, id=f"run-{len(self.told)}", **limits)

    async def _begun(self) -> asyncio.Task[Ended] | None:
        """A command that has begun, and goes on; None where none can."""
        if self.ready is None:
            return None
        command = asyncio.create_task(self._execute(STAYS))
        written = self.ready.folder / f"run-{len(self.told)}" / "stdout"

        async def has_begun() -> bool:
            return written.exists() and written.read_bytes().startswith(b"ready")

        await until(has_begun, "the beginning of a command")
        return command

    # What happens to its container

    async def is_killed(self) -> None:
        await self._befalls("kill")

    async def is_paused(self) -> None:
        await self._befalls("pause")

    async def is_removed(self) -> None:
        await self._befalls("remove")

    async def is_restarted(self) -> None:
        await self._befalls("restart")

    async def _befalls(self, what: str) -> None:
        if self.ready is not None:
            self._befall(what)
            await self._until_moved()

    def _befall(self, what: str) -> None:
        assert self.backend is not None
        assert self.backend.container is not None
        self._moved.clear()
        self.outside(what, self.backend.container)

    async def _until_moved(self) -> None:
        await self._moved.wait()
        self._moved.clear()

    # What the user asks for

    async def is_found_unfit(self) -> bool:
        return self._known.report(Fault("seen from outside"))

    async def is_unfit_for_good(self) -> bool:
        return self._known.report(Fault("seen from outside", curable=False))

    async def recovers(self) -> None:
        self._known.recover()

    async def restarts(self) -> None:
        self._known.restart("asked for")

    async def recreates(self) -> None:
        self._known.restart("asked for", recreate=True)

    async def is_reset(self) -> None:
        self._known.reset()

    @property
    def _known(self) -> Backend:
        return self.controller.backend(_NAME)


def _plain(came: Any) -> Any:
    """What came of a step, without times and names that differ from run to run."""
    match came:
        case Ended():
            keys = ("ending", "exit_code", "reason", "generation", "since_restart", "restart_cause")
            return tuple(getattr(came, key) for key in keys)
        case [*several]:
            return [_plain(one) for one in several]
        case BaseException():
            return type(came).__name__, str(came)
        case _:
            return came


def _shown(backend: Backend) -> Any:
    fault = backend.fault
    return backend.state, backend.restarts_left, backend.generation, fault and fault.reason


def _journaled(journal: Journal) -> list[Any]:
    """The transitions as the journal has them; replaying them is a check as well."""
    journal.replay()
    return [
        (
            *(one.event, one.source, one.target, one.action, one.reason),
            *(one.generation, one.restarts_left, one.container_id is None),
        )
        for one in (row.transition for row in journal.transitions(_NAME))
    ]


def come_of(
    story: Story,
    runtime: Runtime,
    project: Project,
    outside: Outside,
    folder: Path,
    *,
    spelling: Spelling = spelt,
    loop: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> Come:
    """The results of a story: the report of each step, and the journal's transitions."""
    folder.mkdir()
    journal = Journal.create(folder / "journal.sqlite", campaign="differential", durable=False)
    controller = Controller(project, runtime, folder, {_NAME: story.policy}, seed=1)
    controller.on_transition(journal.transition)

    async def told() -> list[Any]:
        side = Side(controller, outside, spelling)
        try:
            for step in story.steps:
                await side.do(step)
        finally:
            await controller.teardown()
        return side.told

    with asyncio.Runner(loop_factory=loop) as runner:
        steps = runner.run(told())
    journaled = _journaled(journal)
    journal.close()
    return steps, journaled


def _differences(found: Come, expected: Come) -> Iterator[str]:
    for of_it, simulated, real in zip(("steps", "transitions"), found, expected, strict=True):
        pairs = zip_longest(simulated, real)
        for number, (one, other) in enumerate(pairs):
            if one != other:
                yield f"{of_it}, number {number}: {one} on simulated, {other} on real containers"


def drawn(seed: int) -> Story:
    chance = random.Random(seed)
    restart = RestartPolicy(max_restarts=chance.choice((0, 1, 5)), backoff_s=0.1)
    policy = BackendPolicy(restart, recover=chance.random() < 0.6)
    return Story(policy, ("starts", *chance.choices(_ACTS, k=_STEPS)))


_STORIES = [
    Story(
        BackendPolicy(RestartPolicy(max_restarts=1, backoff_s=0.1), recover=False),
        (
            *("stops_as_it_starts", "starts", "is_killed", "succeeds", "recovers", "dies_under_it"),
            *("recovers", "is_reset", "is_paused", "is_stopped_under_it", "restarts", "goes"),
        ),
    ),
    *map(drawn, range(_SEQUENCES)),
]  # fmt: skip


@pytest.mark.docker
@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("story", _STORIES, ids=range(len(_STORIES)))
def test_the_same_comes_of_the_same_requests(story: Story, tmp_path: Path) -> None:
    def project(spelling: Spelling) -> Project:
        spec = ServiceSpec(_NAME, image=BASE_IMAGE, command=spelling(KEPT), stop_grace_period_s=1)
        return Project(f"differential-engine-{os.getpid()}", tmp_path, (), {_NAME: spec})

    simulated = SimulatedRuntime(project(spell), commands=Scripts())
    found = come_of(
        *(story, simulated, project(spell), on_simulated(simulated), tmp_path / "simulated"),
        spelling=spell,
        loop=VirtualClockLoop,
    )
    real = project(spelt)
    expected = come_of(story, DockerRuntime(real), real, on_docker, tmp_path / "docker")
    assert list(_differences(found, expected)) == []
