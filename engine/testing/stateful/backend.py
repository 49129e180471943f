"""The whole engine on simulated containers, against an independent bookkeeping of what it may do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, Final, Self

import hypothesis.strategies as st
from hypothesis import target
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.backend.backend import Effect
from engine.policy import BackendPolicy, RestartPolicy
from engine.runtimes.simulated import SimulatedRuntime
from engine.testing.simulation import MakeRuntime
from engine.testing.stateful.coverage import Coverage, Never, Way
from engine.testing.stateful.edge_driver import NEVER, goes, needs
from engine.testing.stateful.harness import ASKED, MISHAPS, Left, Scene
from engine.testing.stateful.search import explored
from states import BACKEND, Lifecycle

__all__ = ["BackendMachine"]

_LEFT: Final[tuple[Left, ...]] = ("nothing", "nothing", "idle", "busy")
_UP_S: Final = 5.0
_STEPS_S: Final = (0.0, 0.01, 0.3, 1.0, 5.0, 40.0, 2000.0)
_BEFALLS: Final = ("killed", "out_of_memory", "exits_0", "removed", "restarted", "unhealthy")
_CASES: Final = tuple(
    {"curable": curable, "budget_left": left} for curable in (True, False) for left in (True, False)
)

_POLICIES: Final = st.builds(
    RestartPolicy,
    max_restarts=st.integers(0, 3),
    window_s=st.sampled_from((None, None, 30.0)),
    max_in_window=st.integers(0, 2),
    backoff_s=st.sampled_from((0.0, 1.0, 20.0)),
    jitter=st.just(0.0),
    refund_after_s=st.sampled_from((None, 30.0)),
)


class BackendMachine(RuleBasedStateMachine):
    """A state machine for hypothesis, for the engine on a runtime: make it with :meth:`of`.

    Attributes:
        coverage: what of the table has been covered since the class was made.
    """

    lifecycle: ClassVar[Lifecycle] = BACKEND
    runtime: ClassVar[MakeRuntime] = SimulatedRuntime
    effects: ClassVar[Mapping[str, Effect]] = {}
    resting: ClassVar[Collection[str]] = ()
    coverage: ClassVar[Coverage]

    @classmethod
    def of(
        cls,
        lifecycle: Lifecycle = BACKEND,
        *,
        runtime: MakeRuntime = SimulatedRuntime,
        effects: Mapping[str, Effect] | None = None,
        resting: Collection[str] = (),
        never: Sequence[Never] = (),
    ) -> type[Self]:
        """The machine of a lifecycle and a runtime.

        Args:
            lifecycle: :data:`states.BACKEND`, or what extends it.
            runtime: makes the runtime: :class:`~engine.runtimes.simulated.SimulatedRuntime`, or a subclass
                of it.
            effects: what the actions of an extended lifecycle do.
            resting: the states of an extended lifecycle in which a backend may stay.
            never: pairs of edges that do not occur, and why, besides those of :data:`NEVER`.

        Example:
            >>> TestEngine = BackendMachine.of().TestCase
        """
        made: dict[str, Any] = {
            "lifecycle": lifecycle,
            "runtime": staticmethod(runtime),
            "effects": effects or {},
            "resting": frozenset(resting),
            "coverage": Coverage(lifecycle, _CASES, (*NEVER, *never)),
        }
        return type(f"{cls.__name__}Of{lifecycle.name.title()}", (cls,), made)

    @classmethod
    def explore(cls, *, examples: int = 50, steps: int = 30, shrink: bool = True) -> Coverage:
        """Search at random, the same way every time; then lead the engine to what was not seen.

        Args:
            examples: how many courses the search takes.
            steps: how long each of them may be.
            shrink: whether a course that breaks a rule is made as short as can be, which takes time.

        Raises:
            AssertionError: a rule is broken; it is named, and hypothesis prints the course to it.
        """
        explored(cls, examples=examples, steps=steps, shrink=shrink)
        for way in cls.coverage.ways():
            cls._lead(way)
        return cls.coverage

    @classmethod
    def _lead(cls, way: Way) -> None:
        left, restarts = needs(way)
        restart = RestartPolicy(max_restarts=restarts, jitter=0)
        scene = cls._scene(BackendPolicy(restart, recover=False), left)
        try:
            goes(scene, way)
            scene.tear_down()
        finally:
            scene.close()

    @classmethod
    def _scene(cls, policy: BackendPolicy, left: Left) -> Scene:
        return Scene(
            cls.lifecycle, policy, left, cls.runtime, cls.effects, cls.resting, cls.coverage
        )

    def __init__(self) -> None:
        super().__init__()
        self.scene: Scene | None = None
        self._broken = False

    @property
    def _on(self) -> Scene:
        assert self.scene is not None
        return self.scene

    def _takes(self, event: str) -> bool:
        return self.scene is not None and self.scene.started and self.scene.takes(event)

    # What is asked

    @initialize(
        restart=_POLICIES,
        recover=st.booleans(),
        left=st.sampled_from(_LEFT),
        up=st.sampled_from((True, True, False)),
    )
    def begin(self, restart: RestartPolicy, left: Left, *, recover: bool, up: bool) -> None:
        """A policy, what an earlier controller left, and most often a backend that is up."""
        self.scene = self._scene(BackendPolicy(restart, recover=recover), left)
        if up:
            self.scene.start()
            self.scene.advance(_UP_S)

    @precondition(lambda self: not self._on.started)
    @rule(unadopted=st.booleans())
    def start(self, *, unadopted: bool) -> None:
        """The backend is needed."""
        self._on.start(unadopted=unadopted)

    @precondition(lambda self: self._takes("dispatch"))
    @rule()
    def dispatch(self) -> None:
        """A command is handed over."""
        self._on.dispatch()

    @precondition(lambda self: self._on.running)
    @rule(exit_code=st.sampled_from((0, 1)))
    def command_ends(self, exit_code: int) -> None:
        """The command that runs comes to its end, at last."""
        self._on.end_command(exit_code)

    @precondition(lambda self: self._takes("restart"))
    @rule(recreate=st.booleans())
    def restart(self, *, recreate: bool) -> None:
        """The user asks for a restart."""
        self._on.restart(recreate=recreate)

    @precondition(lambda self: self._takes("recover"))
    @rule()
    def recover(self) -> None:
        """The user asks for a decision."""
        self._on.recover()

    @precondition(lambda self: self._takes("reset"))
    @rule()
    def reset(self) -> None:
        """An operator grants a new budget."""
        self._on.reset()

    @precondition(lambda self: self._on.backend is not None)
    @rule()
    def stop(self) -> None:
        """It is to go; asked a second time, at once."""
        self._on.stop()

    @precondition(lambda self: self._on.backend is not None)
    @rule(event=st.sampled_from(ASKED))
    def asked_in_vain(self, event: str) -> None:
        """The user asks for what the table refuses."""
        if not self._on.takes(event):
            self._on.in_vain(event)

    # What happens to it

    @precondition(lambda self: self._on.started and self._on.state == "ready")
    @rule(curable=st.booleans())
    def found_unfit(self, *, curable: bool) -> None:
        """A check finds it unfit."""
        self._on.find_unfit(curable=curable)

    @precondition(lambda self: self._on.started)
    @rule(name=st.sampled_from(sorted(MISHAPS)))
    def mishap(self, name: str) -> None:
        """Something will go wrong with a call."""
        self._on.mishap(name)

    @precondition(lambda self: self._on.started and self._on.container is not None)
    @rule(fault=st.sampled_from(_BEFALLS))
    def befalls(self, fault: str) -> None:
        """A fault hits its container now."""
        self._on.befall(fault)

    # What comes of it, later

    @rule(seconds=st.sampled_from(_STEPS_S))
    def time_passes(self, seconds: float) -> None:
        """Time passes for the calls under way."""
        self._on.advance(seconds)

    @invariant()
    def nothing_is_broken(self) -> None:
        """See :data:`engine.testing.stateful.RULES`."""
        if self.scene is not None:
            try:
                self.scene.advance()
            except BaseException:
                self._broken = True
                raise

    def teardown(self) -> None:
        """The faults end, all is taken down, and nothing is left."""
        scene = self.scene
        if scene is None:
            return
        try:
            edges = scene.witness.edges
            target(float(len(set(edges))), label="distinct edges")
            spent = sum("recover" in edge and "restarting" in edge for edge in edges)
            target(float(spent), label="restarts spent")
            if not self._broken and not scene.witness.complaints:
                scene.tear_down()
        finally:
            scene.close()
