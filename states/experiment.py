"""The lifecycle of an experiment: from the plan to exactly one outcome."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from states.guard import fact
from states.lifecycle import Lifecycle
from states.table import Row

__all__ = ["EXPERIMENT", "ExperimentEvent", "ExperimentState"]


class ExperimentState(StrEnum):
    """The states of :data:`EXPERIMENT`."""

    PENDING = "pending"
    RUNNING = "running"
    RETRYING = "retrying"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    LOST = "lost"


class ExperimentEvent(StrEnum):
    """The events of :data:`EXPERIMENT`."""

    DISPATCH = "dispatch"
    EXIT = "exit"
    VANISH = "vanish"
    INTERRUPT = "interrupt"
    ABANDON = "abandon"


# Short names, so that a row of the table stays a line.
_S, _E = ExperimentState, ExperimentEvent

_AGAIN = fact("attempt_left")
_SUCCEEDED = fact("succeeded")
_TRIED = fact("tried")

EXPERIMENT: Final = Lifecycle(
    name="experiment",
    doc="One experiment of a campaign, over all its attempts.",
    states={
        _S.PENDING: "not yet tried",
        _S.RUNNING: "an attempt of it runs in a backend",
        _S.RETRYING: "an attempt did not succeed and another one is due",
        _S.COMPLETED: "an attempt succeeded",
        _S.FAILED: "tried, and no attempt succeeded",
        _S.SKIPPED: "never tried, with a reason",
        _S.LOST: "its last attempt went down with its container, and no other is due",
    },
    initial=_S.PENDING,
    final={_S.COMPLETED, _S.FAILED, _S.SKIPPED, _S.LOST},
    trouble={_S.RETRYING, _S.FAILED, _S.SKIPPED, _S.LOST},
    events={
        _E.DISPATCH: "an attempt begins",
        _E.EXIT: "the attempt's command ended, by itself or at a time limit",
        _E.VANISH: "the attempt went down with its container",
        _E.INTERRUPT: "the campaign is interrupted, or its controller dies, and takes the attempt with it",
        _E.ABANDON: "no further attempt can be made",
    },
    facts={
        "succeeded": "the command ended by itself with exit code 0",
        "attempt_left": "the retry policy allows one more attempt",
        "tried": "an attempt before this one counts as a try: it was not interrupted",
    },
    rows=(
        Row(_S.PENDING, _E.DISPATCH, _S.RUNNING, doc="The first attempt."),
        Row(_S.RETRYING, _E.DISPATCH, _S.RUNNING, doc="A further attempt."),
        Row(_S.RUNNING, _E.EXIT, _S.COMPLETED, guard=_SUCCEEDED, doc="Any attempt may succeed."),
        Row(
            _S.RUNNING,
            _E.EXIT,
            _S.RETRYING,
            guard=~_SUCCEEDED & _AGAIN,
            doc="The policy tries again.",
        ),
        Row(
            _S.RUNNING,
            _E.EXIT,
            _S.FAILED,
            guard=~_SUCCEEDED & ~_AGAIN,
            doc="The last attempt failed.",
        ),
        Row(
            _S.RUNNING, _E.VANISH, _S.RETRYING, guard=_AGAIN, doc="Not the experiment's own fault."
        ),
        Row(_S.RUNNING, _E.VANISH, _S.LOST, guard=~_AGAIN, doc="No further attempt is due."),
        Row(
            _S.RUNNING,
            _E.INTERRUPT,
            _S.PENDING,
            guard=~_TRIED,
            doc="No outcome: a resumed campaign runs it again.",
        ),
        Row(
            _S.RUNNING, _E.INTERRUPT, _S.RETRYING, guard=_TRIED, doc="Likewise; it has been tried."
        ),
        Row(
            _S.PENDING,
            _E.ABANDON,
            _S.SKIPPED,
            doc="Its backend is exhausted, or the campaign stops.",
        ),
        Row(_S.RETRYING, _E.ABANDON, _S.FAILED, doc="It was tried, and cannot be tried again."),
    ),
)
"""The table that every experiment of a campaign runs on."""
