"""The lifecycle of an experiment: from the plan to exactly one outcome."""

from __future__ import annotations

from typing import Final

from states.guard import fact
from states.lifecycle import Lifecycle, Row

__all__ = ["EXPERIMENT"]

_AGAIN = fact("attempt_left")
_SUCCEEDED = fact("succeeded")
_TRIED = fact("tried")

EXPERIMENT: Final = Lifecycle(
    name="experiment",
    doc="One experiment of a campaign, over all its attempts.",
    states={
        "pending": "not yet tried",
        "running": "an attempt of it runs in a backend",
        "retrying": "an attempt did not succeed and another one is due",
        "completed": "an attempt succeeded",
        "failed": "tried, and no attempt succeeded",
        "skipped": "never tried, with a reason",
        "lost": "its last attempt went down with its container, and no other is due",
    },
    initial="pending",
    final={"completed", "failed", "skipped", "lost"},
    trouble={"retrying", "failed", "skipped", "lost"},
    events={
        "dispatch": "an attempt begins",
        "exit": "the attempt's command ended, by itself or at a time limit",
        "vanish": "the attempt went down with its container",
        "interrupt": "the campaign is interrupted and takes the attempt with it",
        "abandon": "no further attempt can be made",
    },
    facts={
        "succeeded": "the command ended by itself with exit code 0",
        "attempt_left": "the retry policy allows one more attempt",
        "tried": "an attempt before this one counts as a try: it was not interrupted",
    },
    rows=(
        Row("pending", "dispatch", "running", doc="The first attempt."),
        Row("retrying", "dispatch", "running", doc="A further attempt."),
        Row("running", "exit", "completed", guard=_SUCCEEDED, doc="Whatever attempt it was."),
        Row(
            "running", "exit", "retrying", guard=~_SUCCEEDED & _AGAIN, doc="The policy tries again."
        ),
        Row(
            "running", "exit", "failed", guard=~_SUCCEEDED & ~_AGAIN, doc="The last attempt failed."
        ),
        Row("running", "vanish", "retrying", guard=_AGAIN, doc="Not the experiment's own fault."),
        Row("running", "vanish", "lost", guard=~_AGAIN, doc="No further attempt is due."),
        Row(
            "running",
            "interrupt",
            "pending",
            guard=~_TRIED,
            doc="No outcome: a resumed campaign runs it again.",
        ),
        Row("running", "interrupt", "retrying", guard=_TRIED, doc="Likewise; it has been tried."),
        Row(
            "pending", "abandon", "skipped", doc="Its backend is exhausted, or the campaign stops."
        ),
        Row("retrying", "abandon", "failed", doc="It was tried, and cannot be tried again."),
    ),
)
"""The table that every experiment of a campaign runs on."""
