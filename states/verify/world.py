"""The world around one backend: what can happen to it, and how its engine reacts.

It mirrors :mod:`engine.backend.backend` and its neighbours, as that package's docstrings tell: an event is put to
the table, what the taken edge's action names is begun as a call under a new ticket, and what comes of the
call is put to the table in turn. Which edge an event takes is asked of the table alone.
"""

from __future__ import annotations

from typing import Final

from attrs import define, field, frozen

from states.backend import BACKEND
from states.lifecycle import Lifecycle
from states.verify.explore import Invariant, Kind
from states.verify.invariants import INVARIANTS
from states.verify.situation import Container, Heritage, Situation
from states.verify.steps import Moves, Steps

__all__ = ["Engine", "World"]

_ASKED: Final = {
    "start": ("stopped",),
    "restart": ("ready", "unhealthy"),
    "reset": ("exhausted",),
}
"""Requests of an operator, with the states that take each."""


_HERITAGES: Final[tuple[Heritage, ...]] = ("idle", "busy")


@frozen
class Engine:
    """Promises of the engine; the proof shows that the tables need each.

    Attributes:
        drops_stale: results with an old ticket are dropped.
        settles: a call that was cancelled has taken effect, or never will, before the next one begins.
        takes_turns: a command or a check in a container keeps all others out.
        verifies: a container counts as removed once inspection does not find it any more.
    """

    drops_stale: bool = True
    settles: bool = True
    takes_turns: bool = True
    verifies: bool = True


@define
class World:
    """All that can happen to one backend.

    Args:
        lifecycle: its table: :data:`states.BACKEND`, or one that extends it.
        restarts: how many restarts its budget has.
        fine: whether calls that were cancelled, looks and inspections are followed on their way; else
            each of them is over at once.
        engine: what the engine is trusted to do.
        invariants: what is to hold; each is given a :class:`~states.verify.situation.Step`.
    """

    lifecycle: Lifecycle
    restarts: int = 2
    fine: bool = True
    engine: Engine = field(factory=Engine)
    invariants: tuple[Invariant, ...] = INVARIANTS
    _steps: Steps = field(init=False)
    _own_events: tuple[str, ...] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._steps = Steps(self.lifecycle, self.restarts, self.fine, self.invariants)
        self._own_events = tuple(e for e in self.lifecycle.events if e not in BACKEND.events)

    @property
    def initial(self) -> Situation:
        """No container, and nothing under way."""
        return Situation(self.lifecycle.initial)

    def settled(self, now: Situation) -> bool:
        """Whether it may stay like this for ever: in a resting state, with nothing under way."""
        if now.latched or now.call or now.late or now.experiment or now.look or now.inspection:
            return False
        if now.state == "ready":
            return now.container == "fit"
        return now.state in ("stopped", "exhausted") or now.state not in BACKEND.states

    def over(self, now: Situation) -> bool:
        """Whether its stop has reported back to the teardown."""
        return now.asked and not now.latched

    def down(self, now: Situation) -> bool:
        """Whether it came back as it should: it has stopped, or its error names it."""
        return self.over(now) and now.state in ("stopped", "exhausted")

    def moves(self, now: Situation, *, teardown: bool) -> Moves:
        """Everything that can happen next.

        Args:
            teardown: whether everything is being taken down.
        """
        if teardown:
            yield from self._teardown(now)
        else:
            yield from self._asked(now)
            yield from self._dispatch(now)
        yield from self._befalls(now)
        yield from self._recover(now)
        yield from self._call(now)
        yield from self._late(now)
        yield from self._experiment(now)
        yield from self._look(now)
        yield from self._inspect(now)
        yield from self._reported(now)

    # What is asked of it

    def _teardown(self, now: Situation) -> Moves:
        if now.asked:
            return
        asked = now._replace(asked=True)
        if now.latched:
            yield self._steps.move(now, asked, "teardown", "waits for the stop that is under way")
        else:
            yield from self._steps.fire(now, asked, "stop", "teardown", "stop")

    def _asked(self, now: Situation) -> Moves:
        for event, where in _ASKED.items():
            wanted = now.state in where and not now.latched
            granted = now._replace(spent=0, counted=0) if event == "reset" else now
            yield from self._steps.fire(
                now, granted, event, "operator", event, kind=Kind.ASKED, required=wanted
            )
        if not now.latched:
            yield from self._steps.fire(now, now, "stop", "operator", "stop", kind=Kind.ASKED)
        elif self.fine and now.call == "remove" and not now.late:
            hurried = now._replace(late="reply")
            yield self._steps.move(now, hurried, "operator", "stop, at once", kind=Kind.ASKED)
        if now.spent and now.state in ("ready", "busy") and not now.latched:
            whole = now._replace(spent=0, counted=0)
            what = "is healthy for long: the budget is whole again"
            yield self._steps.move(now, whole, "backend", what, kind=Kind.ASKED)
        for event in () if now.call else self._own_events:
            yield from self._steps.fire(
                now, now, event, "user", event, kind=Kind.ASKED, required=False
            )

    def _dispatch(self, now: Situation) -> Moves:
        """Hand an experiment over; ask the table even where the engine would not."""
        ready = now.state == "ready" and not now.latched
        if ready and self.engine.takes_turns and (now.experiment or now.look):
            return
        for edge in self._steps.options.of(now.state, "dispatch", {}, latched=now.latched):
            runs = edge.action == "execute"
            after = now._replace(experiment="running") if runs else now
            yield from self._steps.take(
                now, after, edge, who="campaign", what="dispatch", kind=Kind.ASKED, facts={}
            )
        if ready:
            yield from self._steps.refused(now, "dispatch", {}, who="campaign", kind=Kind.ASKED)

    # What happens to its container

    def _befalls(self, now: Situation) -> Moves:
        if self.fine and now == self.initial:
            for heritage in _HERITAGES:
                found = now._replace(heritage=heritage)
                what = f"has left a container, {heritage}"
                yield self._steps.move(now, found, "a dead controller", what, kind=Kind.CHANCE)
        falls: dict[Container, dict[Container, str]] = {
            "fit": {"ill": "falls ill", "dead": "dies", "absent": "is removed by another process"},
            "ill": {"dead": "dies", "absent": "is removed by another process"},
            "dead": {"absent": "is removed by another process"},
            "stuck": {"dead": "comes free"},
            "absent": {},
        }
        for container, what in falls[now.container].items():
            if container == "dead" and not self.fine:
                continue
            after = now._replace(container=container)
            yield self._steps.move(now, after, "container", what, kind=Kind.CHANCE)

    def _reported(self, now: Situation) -> Moves:
        """A caller reports a fault, at any time."""
        if self.fine:
            yield from self._steps.fire(
                now,
                self._steps.given_up(now),
                "fault",
                "a caller",
                "reports a fault",
                kind=Kind.CHANCE,
                required=False,
            )

    # Effects of the engine, and their results

    def _recover(self, now: Situation) -> Moves:
        if now.state != "unhealthy" or now.latched:
            for edge in self._steps.options.of(now.state, "recover", {}, latched=now.latched):
                yield from self._steps.take(
                    now, now, edge, who="operator", what="recover", kind=Kind.ASKED, facts={}
                )
            return
        left = now.spent < self.restarts
        cases = {
            "decides: a restart may cure it": {"curable": True, "budget_left": left},
            "decides: no restart cures it": {"curable": False, "budget_left": left},
        }
        if left:
            cases["decides: the window is full"] = {"curable": True, "budget_left": False}
        for what, facts in cases.items():
            spent = now._replace(spent=now.spent + all(facts.values()))
            yield from self._steps.fire(now, spent, "recover", "engine", what, facts=facts)

    def _call(self, now: Situation) -> Moves:
        done = now._replace(call="")
        match now.call:
            case "launch":
                yield from self._taken_over(now, done)
                yield from self._brought_up(now, "launch", left=("absent", "fit"))
            case "relaunch":
                left: tuple[Container, ...] = ("dead",) if self.fine else ()
                yield from self._brought_up(now, "restart", left=(now.container, "absent", *left))
            case "gate":
                if now.container == "fit":
                    yield from self._steps.fire(
                        now, done, "proved_ready", "runtime", "it is proved ready"
                    )
                yield from self._steps.fault(now, done, "runtime", "it is not ready in time")
            case "prove":
                gate = now._replace(call="gate")
                yield self._steps.move(now, gate, "runtime", "what it left running is ended")
                what = "what it left running cannot be ended"
                yield from self._steps.fault(now, done, "runtime", what)
            case "backoff" if now.late != "settling" or not self.engine.settles:
                call = "launch" if now.container == "absent" else "relaunch"
                yield self._steps.move(
                    now, now._replace(call=call), "engine", "the backoff is over"
                )
            case "remove" if now.late != "settling" or not self.engine.settles:
                yield from self._removed(now, done)
            case "" | "remove" | "backoff":
                return
            case own:
                yield from self._own(now, done, own)

    def _own(self, now: Situation, done: Situation, call: str) -> Moves:
        """A user's action ends, and may yield the next event."""
        of_ours = now.state in BACKEND.states
        events = self._own_events if of_ours else self.lifecycle.allowed(now.state)
        for event in events:
            if event != "stop":
                what = f"{call} ends: {event}"
                yield from self._steps.fire(now, done, event, "runtime", what, required=False)
        yield self._steps.move(now, done, "runtime", f"{call} ends")

    def _taken_over(self, now: Situation, done: Situation) -> Moves:
        """A launch finds the container that a dead controller left."""
        if now.heritage == "idle":
            found = now._replace(call="gate", container="fit", heritage="")
            yield self._steps.move(now, found, "runtime", "a container is found and taken over")
        elif now.heritage:
            busy = done._replace(container="fit", heritage="", experiment="reattached")
            what = "a container is found, with its experiment"
            yield from self._steps.fire(now, busy, "reattach", "runtime", what)

    def _brought_up(self, now: Situation, what: str, left: tuple[Container, ...]) -> Moves:
        """A launch or a restart ends; ``left`` holds the containers that may be left if it fails."""
        if now.container != "stuck":
            up = now._replace(call="gate", container="fit", heritage="")
            yield self._steps.move(now, up, "runtime", f"{what} succeeds")
        for container in dict.fromkeys(left):
            after = now._replace(call="", container=container)
            rest = (
                "nothing is left of it" if container == "absent" else f"what is left is {container}"
            )
            yield from self._steps.fault(now, after, "runtime", f"{what} fails, {rest}")

    def _removed(self, now: Situation, done: Situation) -> Moves:
        if now.container != "stuck":
            gone: Container = "absent" if self.engine.verifies else now.container
            after = done._replace(container=gone, experiment=self._steps.taken_away(now))
            yield from self._steps.fire(now, after, "removed", "runtime", "no container is left")
        # Where nothing is there, failing to see that is the same as its going a moment later.
        if now.container != "absent":
            held = done._replace(container="stuck") if self.fine else done
            yield from self._steps.fire(
                now, held, "removal_failed", "runtime", "it cannot be removed"
            )

    def _late(self, now: Situation) -> Moves:
        """A call that was cancelled takes effect after all, or replies."""
        if now.late == "settling":
            for container in dict.fromkeys((now.container, "fit")):
                after = now._replace(late="reply", container=container)
                what = "the cancelled call settles" + (
                    ": the container is up" if container != now.container else ""
                )
                yield self._steps.move(now, after, "runtime", what)
        elif now.late:
            after = now._replace(late="")
            if self.engine.drops_stale:
                yield self._steps.move(now, after, "runtime", "the cancelled call replies: dropped")
            else:
                yield from self._steps.fire(now, after, "proved_ready", "runtime", "replies late")

    def _experiment(self, now: Situation) -> Moves:
        if not now.experiment:
            return
        over = now._replace(experiment="")
        busy = now.state == "busy" and not now.latched and now.experiment != "orphaned"
        if now.experiment == "orphaned" or now.container in ("dead", "absent", "stuck"):
            what = "the experiment is lost"
            if busy:
                yield from self._steps.fault(now, over, "runtime", what, ended=True)
            else:
                yield self._steps.move(now, over, "runtime", what, ended=True)
        elif busy:
            event = "finish" if now.experiment == "running" else "finish_reattached"
            yield from self._steps.fire(now, over, event, "runtime", "its command ends", ended=True)
            yield from self._steps.fault(
                now, over, "runtime", "its command cannot be ended", ended=True
            )
        else:
            yield self._steps.move(now, over, "runtime", "its command ends", ended=True)

    def _look(self, now: Situation) -> Moves:
        """A check of its GPUs runs in the container."""
        if now.look:
            after = now._replace(look="")
            if now.container == "fit":
                yield self._steps.move(now, after, "runtime", "the check finds nothing")
            elif now.look == "valid" or not self.engine.drops_stale:
                yield from self._steps.fault(now, after, "runtime", "the check finds it unfit")
            else:
                yield self._steps.move(now, after, "runtime", "the check finds it unfit: dropped")
        elif self.fine and now.state == "ready" and not now.latched:
            if now.experiment and self.engine.takes_turns:
                return
            kind = Kind.ASKED if now.container == "fit" else Kind.DUE
            yield self._steps.move(
                now, now._replace(look="valid"), "engine", "checks it from within", kind=kind
            )

    def _inspect(self, now: Situation) -> Moves:
        """The runtime hints at something, and inspection finds it unfit."""
        if now.inspection:
            after = now._replace(inspection="")
            if now.inspection == "valid" or not self.engine.drops_stale:
                yield from self._steps.fault(
                    now, after, "runtime", "inspection reports that it is unfit"
                )
            else:
                yield self._steps.move(
                    now, after, "runtime", "inspection reports too late: dropped"
                )
        elif now.state == "ready" and not now.latched and now.container != "fit":
            if self.fine:
                inspected = now._replace(inspection="valid")
                yield self._steps.move(now, inspected, "engine", "inspection finds it unfit")
            else:
                yield from self._steps.fault(now, now, "engine", "inspection finds it unfit")
