"""The lifecycle of a backend container: seven states."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from states.guard import fact
from states.lifecycle import Lifecycle
from states.table import SAME, Latch, Row

__all__ = ["BACKEND", "BackendAction", "BackendEvent", "BackendState"]


class BackendState(StrEnum):
    """The states of :data:`BACKEND`."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    BUSY = "busy"
    UNHEALTHY = "unhealthy"
    RESTARTING = "restarting"
    EXHAUSTED = "exhausted"


class BackendEvent(StrEnum):
    """The events of :data:`BACKEND`."""

    START = "start"
    PROVED_READY = "proved_ready"
    REATTACH = "reattach"
    DISPATCH = "dispatch"
    FINISH = "finish"
    FINISH_REATTACHED = "finish_reattached"
    FAULT = "fault"
    RECOVER = "recover"
    RESTART = "restart"
    RESET = "reset"
    STOP = "stop"
    REMOVED = "removed"
    REMOVAL_FAILED = "removal_failed"


class BackendAction(StrEnum):
    """The actions of :data:`BACKEND`."""

    LAUNCH = "launch"
    ATTACH = "attach"
    PROVE = "prove"
    EXECUTE = "execute"
    RELAUNCH = "relaunch"
    REMOVE = "remove"


# Short names, so that a row of the table stays a line.
_S, _E, _A = BackendState, BackendEvent, BackendAction

_LIVE = (_S.STARTING, _S.READY, _S.BUSY, _S.UNHEALTHY, _S.RESTARTING, _S.EXHAUSTED)
_MAY_RESTART = fact("curable") & fact("budget_left")

BACKEND: Final = Lifecycle(
    name="backend",
    doc="One backend container, from nothing to nothing.",
    states={
        _S.STOPPED: "none of our containers exists for this service",
        _S.STARTING: "created and started, not yet proved ready",
        _S.READY: "proved ready and idle",
        _S.BUSY: "exactly one experiment runs in it",
        _S.UNHEALTHY: "observed unfit; nothing is dispatched to it until a decision is made",
        _S.RESTARTING: "the backoff wait, the restart and the readiness gate that follows",
        _S.EXHAUSTED: "the restart budget is spent, or no restart can cure the fault",
    },
    initial=_S.STOPPED,
    trouble={_S.UNHEALTHY, _S.EXHAUSTED},
    events={
        _E.START: "the backend is needed",
        _E.PROVED_READY: "the readiness gate was passed",
        _E.REATTACH: "an experiment that an earlier controller began still runs in the container",
        _E.DISPATCH: "an experiment is handed over",
        _E.FINISH: "the experiment's command ended, with any exit code",
        _E.FINISH_REATTACHED: "the command of an experiment that was reattached ended",
        _E.FAULT: "the container was observed unfit",
        _E.RECOVER: "what to do about the fault is decided",
        _E.RESTART: "a restart is requested; it is not counted against the budget",
        _E.RESET: "an operator grants a new budget",
        _E.STOP: "the backend is to be removed, now",
        _E.REMOVED: "inspection shows that none of our containers is left",
        _E.REMOVAL_FAILED: "the container could not be removed",
    },
    facts={
        "curable": "a restart can cure the fault",
        "budget_left": "the restart policy allows one more restart",
    },
    actions={
        _A.LAUNCH: "take over the container that a dead controller left, else create and start one;"
        " then prove it ready, unless an experiment runs in it",
        _A.ATTACH: "wait for the end of the experiment that runs in the container",
        _A.PROVE: "end what the experiment left running, then prove the container ready",
        _A.EXECUTE: "run the experiment's command in the container by exec",
        _A.RELAUNCH: "wait out the backoff, restart or recreate the container, prove it ready",
        _A.REMOVE: "end what runs, remove the container, verify that it is gone",
    },
    latch=Latch(_E.STOP, until={_E.REMOVED, _E.REMOVAL_FAILED}, released={_S.STOPPED}),
    rows=(
        Row(
            _S.STOPPED,
            _E.START,
            _S.STARTING,
            action=_A.LAUNCH,
            doc="Only backends that are needed.",
        ),
        Row(_S.STARTING, _E.PROVED_READY, _S.READY, doc="The first readiness gate is passed."),
        Row(_S.STARTING, _E.FAULT, _S.UNHEALTHY, doc="It did not start, or not in time."),
        Row(
            (_S.STARTING, _S.RESTARTING),
            _E.REATTACH,
            _S.BUSY,
            action=_A.ATTACH,
            doc="No gate and no probe before it: either would enter a busy container.",
        ),
        Row(_S.READY, _E.DISPATCH, _S.BUSY, action=_A.EXECUTE, doc="One experiment at a time."),
        Row(
            _S.BUSY, _E.FINISH, _S.READY, doc="A non-zero exit code is the experiment's own affair."
        ),
        Row(
            _S.BUSY,
            _E.FINISH_REATTACHED,
            _S.STARTING,
            action=_A.PROVE,
            doc="It was found busy, so its gate is still to be passed.",
        ),
        Row(_S.READY, _E.FAULT, _S.UNHEALTHY, doc="It died or failed a check while idle."),
        Row(_S.BUSY, _E.FAULT, _S.UNHEALTHY, doc="It died under its experiment."),
        Row(
            _S.UNHEALTHY,
            _E.RECOVER,
            _S.RESTARTING,
            guard=_MAY_RESTART,
            action=_A.RELAUNCH,
            doc="Counted against the budget.",
        ),
        Row(
            _S.UNHEALTHY,
            _E.RECOVER,
            _S.EXHAUSTED,
            guard=~_MAY_RESTART,
            doc="The budget is spent, or no restart would help.",
        ),
        Row(
            (_S.READY, _S.UNHEALTHY),
            _E.RESTART,
            _S.RESTARTING,
            action=_A.RELAUNCH,
            doc="On request; free of charge.",
        ),
        Row(_S.RESTARTING, _E.PROVED_READY, _S.READY, doc="The same gate as at the first start."),
        Row(
            _S.RESTARTING,
            _E.FAULT,
            _S.UNHEALTHY,
            doc="The restart failed; the next decision is due.",
        ),
        Row(_S.EXHAUSTED, _E.RESET, _S.RESTARTING, action=_A.RELAUNCH, doc="With a new budget."),
        Row(_S.STOPPED, _E.STOP, SAME, doc="There is nothing to remove."),
        Row(
            _LIVE,
            _E.STOP,
            SAME,
            action=_A.REMOVE,
            doc="Raises the latch: every other event is refused until the removal is decided.",
        ),
        Row(_LIVE, _E.REMOVED, _S.STOPPED, doc="Verified by inspection."),
        Row(
            _LIVE,
            _E.REMOVAL_FAILED,
            _S.EXHAUSTED,
            doc="Named in the error that the teardown raises.",
        ),
    ),
)
"""The table that every backend runs on."""
