"""The design's invariants of a backend, as checks of one move.

Each is a function of a :class:`Step`, true where all is well; its docstring is the design's sentence.
They say what is wanted on their own account: nothing here is derived from the table that they judge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from states.backend import BACKEND
from states.verify.explore import Invariant
from states.verify.situation import Step

__all__ = ["INVARIANTS", "invariant"]

Holds = Callable[[Step], bool]


def invariant(holds: Callable[..., bool]) -> Invariant:
    """Make an invariant of a function: its name is the name, its docstring is the sentence.

    Example:
        >>> @invariant
        ... def no_door_stands_open(step):
        ...     '''No door stands open.'''
        ...     return step.after.state != "open"
        >>> no_door_stands_open.sentence
        'No door stands open.'
    """
    sentence = " ".join((holds.__doc__ or "").split())
    return Invariant(holds.__name__, sentence, holds)


_CALLS: Final[Mapping[str, frozenset[str]]] = {
    "starting": frozenset({"launch", "gate", "prove"}),
    "restarting": frozenset({"backoff", "relaunch", "launch", "gate"}),
}
_ENTERED_BY: Final[Mapping[str, frozenset[str]]] = {
    "stopped": frozenset({"removed"}),
    "starting": frozenset({"start", "finish_reattached"}),
    "ready": frozenset({"proved_ready", "finish"}),
    "busy": frozenset({"dispatch", "reattach"}),
    "unhealthy": frozenset({"fault"}),
    "restarting": frozenset({"recover", "restart", "reset"}),
    "exhausted": frozenset({"recover", "removal_failed"}),
}
_IN_IT: Final = ("running", "reattached")
_ONLY_FROM: Final[Mapping[str, frozenset[str]]] = {
    "start": frozenset({"stopped"}),
    "restart": frozenset({"ready", "unhealthy"}),
    "reset": frozenset({"exhausted"}),
    "recover": frozenset({"unhealthy"}),
}


@invariant
def states_mean_what_they_say(step: Step) -> bool:
    """Each state has the container and the call that the design gives it, and is entered for the reason in its name."""
    after, edge = step.after, step.edge
    if after.state not in BACKEND.states:
        return True
    if not after.latched and after.call not in _CALLS.get(after.state, {""}):
        return False
    runs = after.experiment in _IN_IT
    if not after.latched and after.state in ("ready", "busy") and runs != (after.state == "busy"):
        return False
    if edge is None or edge.source == edge.target or edge.event not in BACKEND.events:
        return True
    if edge.event == "finish" and edge.target == "ready" and step.before.experiment != "running":
        return False
    return edge.event in _ENTERED_BY[after.state]


@invariant
def a_fault_is_answered_as_the_policy_says(step: Step) -> bool:
    """A fault is answered by a restart where one can cure it and the budget allows it, else by `exhausted`."""
    edge = step.edge
    if edge is None or edge.event != "recover" or edge.target not in BACKEND.states:
        return True
    wanted = "restarting" if all(step.facts.values()) else "exhausted"
    return edge.target == wanted and edge.source == "unhealthy"


@invariant
def restarts_stay_within_their_budget(step: Step) -> bool:
    """Restarts counted against the budget never exceed it; an operator's restart is free."""
    before, after = step.before, step.after
    if step.edge is not None and step.edge.event == "restart":
        return (before.spent, before.counted) == (after.spent, after.counted)
    return after.counted <= step.restarts


@invariant
def dispatch_only_when_ready(step: Step) -> bool:
    """Nothing is dispatched unless ready; one experiment at a time per backend."""
    edge, before = step.edge, step.before
    if edge is None or (edge.action != "execute" and edge.event != "dispatch"):
        return True
    idle = not (before.latched or before.experiment or before.look)
    return edge.event == "dispatch" and before.state == "ready" and idle


@invariant
def exhausted_is_left_by_reset_or_stop(step: Step) -> bool:
    """`exhausted` is left only by reset or stop; siblings are untouched."""
    if step.before.state != "exhausted" or step.after.state == "exhausted":
        return True
    event = step.edge.event if step.edge else ""
    return event == "reset" or (event == "removed" and step.before.latched)


@invariant
def stopped_means_nothing_is_left(step: Step) -> bool:
    """After teardown every backend is stopped, or named in the error: a stopped one has no container left."""
    after = step.after
    return after.state != "stopped" or (after.container == "absent" and not after.latched)


@invariant
def stop_wins(step: Step) -> bool:
    """A stop, once asked for, cancels what is under way and refuses every other event until the removal is verified."""
    after, edge = step.after, step.edge
    if after.latched != (after.call == "remove"):
        return False
    if edge is None or not step.before.latched:
        return True
    return edge.event in ("removed", "removal_failed")


@invariant
def one_container_at_a_time(step: Step) -> bool:
    """A container is launched only if the backend has none; one that was found busy is proved, not launched."""
    action = step.edge.action if step.edge else None
    if action == "prove":
        return step.before.experiment == "reattached"
    return action != "launch" or step.before.container == "absent"


@invariant
def one_outcome_for_each_experiment(step: Step) -> bool:
    """Every accepted experiment ends in exactly one recorded outcome."""
    accepted = step.edge is not None and step.edge.action in ("execute", "attach")
    if step.ended and not step.before.experiment:
        return False
    open_after = bool(step.before.experiment) + accepted - step.ended
    return open_after == bool(step.after.experiment)


@invariant
def no_probe_while_busy(step: Step) -> bool:
    """No probe runs in a container while it is busy."""
    after = step.after
    gated = after.call in ("gate", "prove") and after.experiment in _IN_IT
    return not gated and not (after.look and after.experiment)


@invariant
def every_event_is_an_edge(step: Step) -> bool:
    """No edge is taken that is not in the table, and the table has an edge for every result of an effect."""
    if step.refused:
        return False
    if step.edge is None:
        return step.before.state == step.after.state
    return (step.before.state, step.after.state) == (step.edge.source, step.edge.target)


@invariant
def asked_in_vain_where_it_makes_no_sense(step: Step) -> bool:
    """A request that makes no sense in a state is refused: start, restart, recover, reset."""
    edge = step.edge
    if edge is None or edge.source not in BACKEND.states:
        return True
    return edge.source in _ONLY_FROM.get(edge.event, BACKEND.states)


INVARIANTS: Final[tuple[Invariant, ...]] = (
    restarts_stay_within_their_budget,
    a_fault_is_answered_as_the_policy_says,
    dispatch_only_when_ready,
    exhausted_is_left_by_reset_or_stop,
    stopped_means_nothing_is_left,
    stop_wins,
    one_container_at_a_time,
    one_outcome_for_each_experiment,
    no_probe_while_busy,
    every_event_is_an_edge,
    asked_in_vain_where_it_makes_no_sense,
    states_mean_what_they_say,
)
"""All of them; those that say most about a broken table come first."""
