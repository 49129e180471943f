"""Checkers of what must never happen. They observe the engine independently, and report violations.

They hold what the engine tells (its transitions) against the table, the policies, and what is true in the
simulated world.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from attrs import define, field

from engine.model.results import Transition
from engine.policy import BackendPolicy
from engine.runtimes.simulated import Happened, World
from states import BACKEND, Lifecycle

__all__ = ["Invariants"]

_ASIDE = (".look-", ".readiness-")
"""In the names of the commands that are run to see whether a container is ready, or fit."""

_UNFIT = ("unhealthy", "exhausted")
"""In these states no command is begun. One that was begun before, and given up before a hung engine heard
of it, may still begin: this cannot be known, so its container is used for nothing else, and ended."""


@define(eq=False)
class _Backend:
    state: str
    latched: bool = False
    spent: int = 0
    decided_s: list[float] = field(factory=list)
    dispatched: str = ""


@define(eq=False)
class Invariants:
    """Looks on at one controller's backends in one world.

    Args:
        world: watched until :meth:`close`.
        policies: of the backends, by service.
        now_s: the clock that the controller goes by.
        lifecycle: the table that the backends live by.

    Attributes:
        violations: what was seen that never happens, in words.
        edges: how often each edge of the table was taken, as ``source event target``.
    """

    world: World
    policies: Mapping[str, BackendPolicy]
    now_s: Callable[[], float]
    lifecycle: Lifecycle = BACKEND
    violations: list[str] = field(factory=list, init=False)
    edges: Counter[str] = field(factory=Counter, init=False)
    _backends: dict[str, _Backend] = field(factory=dict, init=False)
    _unwatch: Callable[[], None] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._unwatch = self.world.watch(self._happened)

    def close(self) -> None:
        """Look on no more."""
        self._unwatch()

    @property
    def states(self) -> Mapping[str, str]:
        """The state of each backend, by replaying its transitions."""
        return {name: backend.state for name, backend in self._backends.items()}

    # What the engine tells

    def transition(self, step: Transition) -> None:
        """Take in a transition."""
        known = self._backends.setdefault(step.backend, _Backend(self.lifecycle.initial))
        said = f"{step.backend}: {step.source} {step.event} {step.target}"
        self.edges[f"{step.source} {step.event} {step.target}"] += 1
        edge = next(
            (
                edge
                for edge in self.lifecycle.table.get((step.source, step.event), ())
                if (edge.target, edge.action) == (step.target, step.action)
            ),
            None,
        )
        if edge is None:
            self._seen(f"{said} is not in the table")
            return
        if step.source != known.state:
            self._seen(f"{said}, and it was {known.state}")
        if not self.lifecycle.admits(step.event, latched=known.latched):
            self._seen(f"{said} while a stop was under way")
        if step.event == "dispatch" and step.source != "ready":
            self._seen(f"{said}: a dispatch to what is not ready")
        if step.source == "exhausted" and step.event not in (
            *("reset", "stop", "removed", "removal_failed"),
        ):
            self._seen(f"{said}: exhausted was left by something else")
        if step.event == "dispatch":
            known.dispatched = step.reason
        known.state = step.target
        known.latched = self.lifecycle.latched_after(edge, latched=known.latched)
        if step.event == "reset":
            known.spent, known.decided_s = 0, []
        if (step.event, step.target) == ("recover", "restarting"):
            self._restarted(step.backend, known)

    def _restarted(self, name: str, known: _Backend) -> None:
        policy = self.policies.get(name, BackendPolicy()).restart
        known.spent += 1
        known.decided_s.append(self.now_s())
        if policy.refund_after_s is None and known.spent > policy.max_restarts:
            self._seen(f"{name}: {known.spent} restarts, and its budget is {policy.max_restarts}")
        if policy.window_s is None:
            return
        # Each began after it was decided, this one after its wait: so many are in a window at least.
        grown_s = policy.backoff_s * policy.backoff_factor**known.spent
        begins_s = self.now_s() + min(grown_s, policy.backoff_max_s) - policy.window_s
        within = sum(at_s > begins_s for at_s in known.decided_s)
        if within > policy.max_in_window:
            most = f"{policy.max_in_window} in {policy.window_s:g} s"
            self._seen(f"{name}: {within} restarts in one window, and its budget is {most}")

    # What is true

    def _happened(self, event: Happened) -> None:
        if event.action != "exec_start" or event.request is None:
            return
        known = self._backends.get(event.service, _Backend(self.lifecycle.initial))
        state = known.state
        container = self.world.containers[event.container_id]
        if event.request.startswith("end of "):
            return
        if any(kind in event.request for kind in _ASIDE):
            if state == "busy":
                self._seen(f"{event.service}: {event.request} entered it while it was busy")
            return
        late = state in _UNFIT and event.request == known.dispatched
        if state != "busy" and not late:
            self._seen(f"{event.service}: {event.request} began while it was {state}")
        others = {
            one.order.request
            for one in container.processes.values()
            if one.order.request not in (None, event.request)
            and not str(one.order.request).startswith("end of ")
            and not container.stuck
        }
        if others:
            self._seen(f"{event.service}: {event.request} began beside {sorted(map(str, others))}")

    def gone(self, leftovers: Mapping[str, str]) -> None:
        """The teardown has ended: all is gone but what its error names.

        What a dead controller left of a service that this one has not started is not its own.

        Args:
            leftovers: what the error named, by service.
        """
        for container in self.world.containers.values():
            started = container.service in self.states or container.owner in self.world.alive
            if started and container.service not in leftovers:
                self._seen(f"{container.id} is left after the teardown")
        if self.states and self.world.networks and "networks" not in leftovers:
            self._seen(f"the networks of {sorted(self.world.networks)} are left")
        for name, state in self.states.items():
            if state != "stopped" and name not in leftovers:
                self._seen(f"{name} is {state} after the teardown")

    def _seen(self, violation: str) -> None:
        self.violations.append(f"at {self.now_s():.3f} s: {violation}")
