"""The lifecycle of a backend container: seven states."""

from __future__ import annotations

from typing import Final

from states.guard import fact
from states.lifecycle import SAME, Latch, Lifecycle, Row

__all__ = ["BACKEND"]

_LIVE = ("starting", "ready", "busy", "unhealthy", "restarting", "exhausted")
_MAY_RESTART = fact("curable") & fact("budget_left")

BACKEND: Final = Lifecycle(
    name="backend",
    doc="One backend container, from nothing to nothing.",
    states={
        "stopped": "no container of ours exists for this service",
        "starting": "created and started, not yet proved ready",
        "ready": "proved ready and idle",
        "busy": "exactly one experiment runs in it",
        "unhealthy": "observed unfit; nothing is dispatched to it; a decision is due",
        "restarting": "the backoff wait, the restart and the readiness gate that follows",
        "exhausted": "the restart budget is spent, or the fault is one that no restart cures",
    },
    initial="stopped",
    trouble={"unhealthy", "exhausted"},
    events={
        "start": "somebody needs this backend",
        "proved_ready": "the readiness gate was passed",
        "reattach": "an experiment that an earlier controller began still runs in the container",
        "dispatch": "an experiment is handed over",
        "finish": "the experiment's command ended, whatever its exit code",
        "finish_reattached": "so did that of an experiment that was reattached",
        "fault": "the container was observed unfit",
        "recover": "what to do about the fault is decided",
        "restart": "somebody asks for a restart; it costs nothing of the budget",
        "reset": "an operator grants a new budget",
        "stop": "the backend is to go, now",
        "removed": "inspection shows that no container of ours is left",
        "removal_failed": "the container could not be removed",
    },
    facts={
        "curable": "a restart can cure the fault",
        "budget_left": "the restart policy allows one more restart",
    },
    actions={
        "launch": "take over the container that a dead controller left, else create and start one;"
        " then prove it ready, unless an experiment runs in it",
        "attach": "wait for the end of the experiment that runs in the container",
        "prove": "end what the experiment left running, then prove the container ready",
        "execute": "run the experiment's command in the container by exec",
        "relaunch": "wait out the backoff, restart or recreate the container, prove it ready",
        "remove": "end what runs, remove the container, verify that it is gone",
    },
    latch=Latch("stop", until={"removed", "removal_failed"}, released={"stopped"}),
    rows=(
        Row("stopped", "start", "starting", action="launch", doc="Only backends that are needed."),
        Row("starting", "proved_ready", "ready", doc="The first readiness gate is passed."),
        Row("starting", "fault", "unhealthy", doc="It did not start, or not in time."),
        Row(
            ("starting", "restarting"),
            "reattach",
            "busy",
            action="attach",
            doc="No gate and no probe before it: either would enter a busy container.",
        ),
        Row("ready", "dispatch", "busy", action="execute", doc="One experiment at a time."),
        Row("busy", "finish", "ready", doc="A non-zero exit code is the experiment's own affair."),
        Row(
            "busy",
            "finish_reattached",
            "starting",
            action="prove",
            doc="It was found busy, so its gate is still to be passed.",
        ),
        Row("ready", "fault", "unhealthy", doc="It died or failed a check while idle."),
        Row("busy", "fault", "unhealthy", doc="It died under its experiment."),
        Row(
            "unhealthy",
            "recover",
            "restarting",
            guard=_MAY_RESTART,
            action="relaunch",
            doc="Counted against the budget.",
        ),
        Row(
            "unhealthy",
            "recover",
            "exhausted",
            guard=~_MAY_RESTART,
            doc="The budget is spent, or no restart would help.",
        ),
        Row(
            ("ready", "unhealthy"),
            "restart",
            "restarting",
            action="relaunch",
            doc="On request; free of charge.",
        ),
        Row("restarting", "proved_ready", "ready", doc="The same gate as at the first start."),
        Row(
            "restarting", "fault", "unhealthy", doc="The restart failed; the next decision is due."
        ),
        Row("exhausted", "reset", "restarting", action="relaunch", doc="With a new budget."),
        Row("stopped", "stop", SAME, doc="There is nothing to remove."),
        Row(
            _LIVE,
            "stop",
            SAME,
            action="remove",
            doc="Raises the latch: every other event is refused until the removal is decided.",
        ),
        Row(_LIVE, "removed", "stopped", doc="Verified by inspection."),
        Row(
            _LIVE, "removal_failed", "exhausted", doc="Named in the error that the teardown raises."
        ),
    ),
)
"""The table that every backend runs on."""
