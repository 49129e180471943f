"""Looks on at a backend, predicts what it may do, and says what it did otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from attrs import define, field

from engine.model.results import Transition
from engine.policy import BackendPolicy
from engine.runtimes.simulated import Happened, World
from engine.runtimes.simulated.containers import SimulatedContainer
from engine.testing.invariants import Invariants
from engine.testing.stateful.budget_oracle import Books
from engine.testing.stateful.coverage import Coverage, Facts
from engine.testing.stateful.reference_model import Prediction
from states import Lifecycle

__all__ = ["BY_HAND", "RULES", "Witness"]

RULES: Final[Mapping[str, str]] = {
    "the_table_decides": "every transition is the one that the rows say, from the state it was in",
    "the_budget_holds": "a fault is answered by a restart where the budget allows one, else not",
    "the_backoff_is_waited_out": "no container is started before its backoff is over",
    "ready_means_proved": "it is ready only once its container runs and its health check has passed",
    "stopped_means_gone": "a stopped backend has no container",
    "one_container": "there is one container of a service at most",
    "one_command_at_a_time": "at most one command runs in a backend",
    "siblings_are_untouched": "a fault of one backend changes no other",
    "one_outcome": "every command that was handed over has one outcome, and the one that it earned",
    "all_settles": "once no more faults hit it, it comes to rest",
    "nothing_is_left": "after the teardown nothing is left, and every backend is stopped",
    "nothing_forbidden": "what must never happen does not (engine.testing.invariants)",
}
"""The claims that are checked against an engine and its runtime, by name."""

BY_HAND: Final = "found unfit"
"""Begins the reason of a fault that a test reports."""

_MOMENT_S: Final = 0.1
_STUCK_S: Final = 200.0


@define(eq=False)
class Witness:
    """Takes in what a controller tells of one backend, and what is true in its world.

    Args:
        name: the backend.
        lifecycle: its table.
        policy: how it is run.
        world: what is true.
        struck: how often each fault has struck so far, by name.
        coverage: receives each edge.
        now_s: the clock.

    Attributes:
        complaints: what broke which rule.
        prediction: where the table says that it is.
        books: what its budget must be.
        disturbed_s: when a fault last hit its container.
        edges: those taken.
    """

    name: str
    lifecycle: Lifecycle
    policy: BackendPolicy
    world: World
    struck: Mapping[str, int]
    coverage: Coverage
    now_s: Callable[[], float]
    complaints: list[str] = field(factory=list, init=False)
    prediction: Prediction = field(init=False)
    books: Books = field(init=False)
    disturbed_s: float = field(default=-_STUCK_S, init=False)
    stuck_s: float = field(default=-_STUCK_S, init=False)
    edges: list[str] = field(factory=list, init=False)
    _invariants: Invariants = field(init=False)
    _unwatch: Callable[[], None] = field(init=False)
    _due_s: float | None = field(default=None, init=False)
    _curable: tuple[bool, ...] = field(default=(True,), init=False)
    _gone: int = field(default=0, init=False)
    _refused: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.prediction = Prediction(self.lifecycle)
        self.books = Books(self.policy.restart)
        policies = {self.name: self.policy}
        self._invariants = Invariants(self.world, policies, self.now_s, self.lifecycle)
        self._unwatch = self.world.watch(self._happened)
        self.coverage.begin()

    def close(self) -> None:
        """Look on no more."""
        self._unwatch()
        self._invariants.close()

    def complain(self, rule: str, seen: str) -> None:
        """A rule was broken."""
        self.complaints.append(f"{rule} does not hold: {RULES[rule]} ({seen})")

    # What the engine tells

    def transition(self, step: Transition) -> None:
        """Take in a transition."""
        self._invariants.transition(step)
        if step.backend != self.name:
            if step.event not in ("start", "proved_ready", "stop", "removed"):
                self.complain("siblings_are_untouched", f"{step.backend}: {step.event}")
            return
        if step.source != self.prediction.state:
            self._untabled(step, f"it was {self.prediction.state}")
        facts = self._facts(step)
        expected = self.prediction.expect(step.event, facts)
        if expected != (step.target, step.action):
            rule = "the_budget_holds" if step.event == "recover" else "the_table_decides"
            self.complain(rule, f"{_said(step)} with {dict(facts)}, expected {expected}")
        self._account(step, facts)
        self.prediction.take(step.event, step.target)
        self._covered(step, facts)

    def _untabled(self, step: Transition, why: str) -> None:
        self.complain("the_table_decides", f"{_said(step)}, and {why}")

    def _facts(self, step: Transition) -> Facts:
        """The facts that must have decided, in that one of the possible cases which fits."""
        if step.event != "recover":
            return dict.fromkeys(self.lifecycle.facts, False)
        left = self.books.next_s(self.now_s()) is not None
        cases = [{"curable": one, "budget_left": left} for one in self._curable]
        fits = [
            one
            for one in cases
            if self.prediction.expect("recover", one) == (step.target, step.action)
        ]
        return (fits or cases)[0]

    def _account(self, step: Transition, facts: Facts) -> None:
        now_s = self.now_s()
        match step.event:
            case "fault":
                if step.source in ("ready", "busy"):
                    self.books.fell_ill(now_s)
                self._curable = tuple(self._can_be_cured(step))
            case "recover" if all(facts.values()):
                self._due_s = self.books.next_s(now_s)
                if self._due_s is not None:
                    self.books.charge(self._due_s)
            case "reset":
                self.books.reset()
            case "proved_ready":
                self.books.proved(now_s)
                self._proved(step)
            case "reattach":
                self.books.proved(now_s)
        if step.event != "recover":
            self._due_s = None
        self._gone, self._refused = self.struck["image_gone"], self.struck["removal_refused"]

    def _can_be_cured(self, step: Transition) -> Iterator[bool]:
        """Whether a restart can cure a fault; both where that is the runtime's to find out."""
        if step.reason.startswith(BY_HAND):
            yield "for good" not in step.reason
            return
        gone = self.struck["image_gone"] > self._gone
        stuck = self.struck["removal_refused"] > self._refused
        stuck = stuck or self.now_s() - self.stuck_s < _STUCK_S
        if not gone or stuck:
            yield True
        if gone or stuck:
            yield False

    def _proved(self, step: Transition) -> None:
        if self.now_s() - self.disturbed_s < _MOMENT_S:
            return  # it may have died since it was checked
        fit = [one for one in self.containers if one.running and one.health in (None, "healthy")]
        if not fit:
            shown = [(one.id, one.running, one.health) for one in self.containers]
            self.complain("ready_means_proved", f"{_said(step)}; (id, runs, health): {shown}")

    def _covered(self, step: Transition, facts: Facts) -> None:
        for edge in self.lifecycle.table.get((step.source, step.event), ()):
            if edge.target == step.target and edge.action == step.action:
                self.coverage.took(edge, facts)
                self.edges.append(str(edge))

    # What is true

    @property
    def containers(self) -> list[SimulatedContainer]:
        """Those of the backend."""
        return self.world.of_service(self.name)

    def _happened(self, event: Happened) -> None:
        if event.service != self.name:
            return
        if any(container.stuck for container in self.containers):
            self.stuck_s = self.now_s()
        if event.action == "exec_start":
            self._look_within()
        now_s = self.now_s()
        if event.action != "start" or self._due_s is None or now_s == self.disturbed_s:
            return  # at that moment another call starts it
        if now_s < self._due_s:
            self.complain("the_backoff_is_waited_out", f"started {self._due_s - now_s:g} s early")

    def _look_within(self) -> None:
        for container in self.containers:
            running = sorted(
                f"{one.order.request} as {one.pid}"
                for one in container.processes.values()
                if one.order.request and not one.order.request.startswith("end of ")
            )
            if len(running) > 1 and not container.stuck:
                self.complain("one_command_at_a_time", " beside ".join(running))

    def look(self, state: str, *, latched: bool, left: int) -> None:
        """Hold what the engine shows, and what is true, against the rules.

        Args:
            state: the backend's.
            latched: whether it is being stopped.
            left: how many restarts it says are left.
        """
        shown = (state, latched)
        predicted = (self.prediction.state, self.prediction.latched)
        if shown != predicted:
            self.complain("the_table_decides", f"it shows {shown}, and {predicted} was reported")
        if left != max(0, self.books.left):
            self.complain("the_budget_holds", f"it says {left} left, and it is {self.books.left}")
        if state == self.lifecycle.initial and self.containers:
            self.complain("stopped_means_gone", f"{self.containers[0].id} is there")
        self.look_around()

    def look_around(self) -> None:
        """Hold what is true against the rules that need no backend."""
        if len(self.containers) > 1:
            self.complain("one_container", ", ".join(one.id for one in self.containers))
        for violation in self._invariants.violations:
            self.complain("nothing_forbidden", violation)

    def require(self) -> None:
        """Raise if a rule was broken.

        Raises:
            AssertionError: it names the rule.
        """
        __tracebackhide__ = True  # what counts is the rule, and the course that led there
        if self.complaints:
            raise AssertionError("\n".join(dict.fromkeys(self.complaints)))


def _said(step: Transition) -> str:
    return f"{step.backend}: {step.source} --{step.event}--> {step.target}: {step.reason}"
