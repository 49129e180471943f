"""The restarts of a backend stay within its budget, under any faults at any time."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Self

from attrs import define, field
from hypothesis import example, given
from hypothesis import strategies as st

from engine.controller import Controller
from engine.errors import ContainerLost, DispatchError, NotReady
from engine.model.results import Ended, Ending, Fault, Transition
from engine.model.spec import Project, ServiceSpec
from engine.policy import BackendPolicy, RestartPolicy
from engine.runtimes.base import Container
from engine.util.virtual_clock import run
from tests.fake_runtime import FakeRuntime


class Recorder(FakeRuntime):
    """Notes when each container is started again, in virtual time."""

    def __init__(self) -> None:
        super().__init__()
        self.relaunched_s: list[float] = []

    async def relaunch(self, container: Container, *, recreate: bool, folder: Path) -> Container:
        self.relaunched_s.append(asyncio.get_running_loop().time())
        return await super().relaunch(container, recreate=recreate, folder=folder)


@define
class World:
    """Two backends; all faults hit the first."""

    policy: RestartPolicy
    folder: Path
    runtime: Recorder = field(factory=Recorder)
    taken: list[Transition] = field(factory=list)
    experiments: list[Ended] = field(factory=list)
    counted_s: list[float] = field(factory=list)
    ids: count[int] = field(factory=count)
    controller: Controller = field(init=False)

    async def __aenter__(self) -> Self:
        services = {name: ServiceSpec(name) for name in ("alpha", "beta")}
        project = Project("p", self.folder, (), services)
        policies = dict.fromkeys(services, BackendPolicy(restart=self.policy))
        self.controller = Controller(project, self.runtime, self.folder, policies, seed=1)
        self.controller.on_transition(self.taken.append)
        await self.controller.start(services)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.controller.teardown()

    async def befalls(self, what: str) -> None:
        await getattr(self, what)()

    async def dies(self) -> None:
        self.runtime.die("alpha")

    async def is_never_ready_again(self) -> None:
        self.runtime.will("gate", "alpha", NotReady("alpha", "its health check fails"))
        self.runtime.die("alpha")

    async def fails(self) -> None:
        """The application of an experiment fails; that is its own affair."""
        await self._experiment(3)

    async def dies_under_its_experiment(self) -> None:
        await self._experiment(ContainerLost("alpha", "it went away"))

    async def _experiment(self, outcome: object) -> None:
        self.runtime.will("execute", "alpha", outcome)
        try:
            ended = await self.controller.execute("alpha", ["x"], id=f"x-{next(self.ids)}")
        except DispatchError:
            return
        self.experiments.append(ended)

    async def is_restarted_by_hand(self) -> None:
        backend = self.controller.backend("alpha")
        if backend.state == "ready":
            backend.restart("a cold start")

    @property
    def recovered(self) -> int:
        """How often a fault was answered with a restart."""
        return sum(1 for step in self.taken if (step.event, step.target) == RECOVERED)


RECOVERED = ("recover", "restarting")
FATES = (
    *("dies", "is_never_ready_again", "fails", "dies_under_its_experiment"),
    "is_restarted_by_hand",
)
Plan = Sequence[tuple[float, str]]

policies = st.builds(
    RestartPolicy,
    max_restarts=st.integers(0, 6),
    window_s=st.none() | st.floats(1, 120),
    max_in_window=st.integers(0, 4),
    backoff_s=st.floats(0, 20),
    backoff_max_s=st.floats(0, 60),
    refund_after_s=st.none() | st.floats(1, 90),
)
windowed = st.builds(
    RestartPolicy,
    max_restarts=st.just(1000),
    window_s=st.just(60.0),
    max_in_window=st.just(3),
    backoff_s=st.floats(0, 2),
    refund_after_s=st.none() | st.floats(1, 120),
)


def plans(*fates: str) -> st.SearchStrategy[list[tuple[float, str]]]:
    return st.lists(st.tuples(st.floats(0, 40), st.sampled_from(fates or FATES)), max_size=25)


def play(
    policy: RestartPolicy, plan: Plan, check: Callable[[World], Awaitable[None]] | None = None
) -> World:
    """Let all of it happen, then take the world down."""

    async def story(folder: Path) -> World:
        async with World(policy, folder) as world:
            for gap_s, what in plan:
                await asyncio.sleep(gap_s)
                await world.befalls(what)
            if check is not None:
                await check(world)
            else:
                await asyncio.sleep(1000)
        return world

    with tempfile.TemporaryDirectory() as folder:
        return run(story(Path(folder)))


def most_in_a_window(times_s: Sequence[float], window_s: float) -> int:
    return max((sum(t - window_s < u <= t for u in times_s) for t in times_s), default=0)


NEVER_BY_HAND = tuple(fate for fate in FATES if fate != "is_restarted_by_hand")


@given(policy=windowed, plan=plans(*NEVER_BY_HAND))
@example(
    policy=RestartPolicy(1000, window_s=60, backoff_s=0, refund_after_s=5), plan=[(9, "dies")] * 9
)
def test_three_in_any_sixty_seconds_means_three(policy: RestartPolicy, plan: Plan) -> None:
    assert most_in_a_window(play(policy, plan).runtime.relaunched_s, 60) <= 3


@given(policy=policies, plan=plans(*NEVER_BY_HAND))
def test_no_window_is_ever_passed(policy: RestartPolicy, plan: Plan) -> None:
    world = play(policy, plan)
    if policy.window_s is not None:
        most = most_in_a_window(world.runtime.relaunched_s, policy.window_s)
        assert most <= policy.max_in_window


@given(policy=policies.filter(lambda policy: policy.refund_after_s is None), plan=plans())
def test_the_lifetime_cap_is_never_passed(policy: RestartPolicy, plan: Plan) -> None:
    assert play(policy, plan).recovered <= policy.max_restarts


@given(policy=policies, plan=plans())
def test_a_sibling_is_untouched(policy: RestartPolicy, plan: Plan) -> None:
    world = play(policy, plan)
    beta = [step.event for step in world.taken if step.backend == "beta"]
    assert beta == ["start", "proved_ready", "stop", "removed"]


@given(policy=policies, plan=plans("fails", "is_restarted_by_hand"))
def test_failures_of_applications_and_restarts_by_hand_spend_nothing(
    policy: RestartPolicy, plan: Plan
) -> None:
    world = play(policy, plan)
    assert world.recovered == 0
    assert all(ended.ending is Ending.EXITED for ended in world.experiments)
    assert world.controller.backend("alpha").restarts_left == policy.max_restarts


@given(plan=plans("dies"), waits_s=st.floats(0, 59.9))
def test_a_stop_during_a_backoff_returns_at_once(plan: Plan, waits_s: float) -> None:
    patient = RestartPolicy(max_restarts=1000, backoff_s=60, backoff_factor=1, jitter=0)

    async def stop_while_it_waits(world: World) -> None:
        alpha = world.controller.backend("alpha")
        await alpha.settled()
        alpha.report(Fault("unfit"))
        await asyncio.sleep(waits_s)
        assert alpha.state == "restarting"
        before, asked_s = len(world.runtime.relaunched_s), asyncio.get_running_loop().time()
        await alpha.stop()
        assert asyncio.get_running_loop().time() == asked_s
        await asyncio.sleep(1000)
        assert (alpha.state, len(world.runtime.relaunched_s)) == ("stopped", before)

    play(patient, plan, stop_while_it_waits)
