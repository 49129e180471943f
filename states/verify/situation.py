"""The true situation of one backend: the state of its table, and the world around it."""

from __future__ import annotations

from typing import Literal, NamedTuple

from states.lifecycle import Edge

__all__ = ["Container", "Heritage", "Late", "Situation", "Step", "Ticket", "Work"]

Container = Literal["absent", "fit", "ill", "dead", "stuck"]
"""The true condition of the container; ``stuck`` is one that cannot be removed."""

Work = Literal["", "running", "reattached", "orphaned"]
"""An accepted experiment without its outcome: it runs, it was found running and is waited for, or it was
taken away and that is yet to be seen."""

Heritage = Literal["", "idle", "busy"]
"""The container that a dead controller left: none, an idle one, or one in which its experiment runs on."""

Ticket = Literal["", "valid", "stale"]
"""A result on its way: none, one whose ticket is valid, or one whose ticket is stale."""

Late = Literal["", "settling", "reply"]
"""A call that was cancelled: it may still take effect, or only its reply is on its way."""


class Situation(NamedTuple):
    """One backend as it really is.

    Attributes:
        state: of its table.
        latched: whether the latch is up: a stop is under way.
        container: the true condition of the container, which the engine may not know yet.
        call: what the engine has under way for it: ``launch``, ``gate``, ``prove``, ``backoff``,
            ``relaunch``, ``remove``, or a user's action; empty if there is none.
        late: a call that was cancelled for the one that is under way now.
        experiment: whether one has been accepted that has no outcome yet.
        look: a check of its GPUs from within the container.
        inspection: an inspection from outside that found it unfit, and has not been reported yet.
        spent: what the policy holds spent of the restart budget.
        counted: how often a fault was really answered with a restart, since the last grant.
        asked: whether the teardown has asked it to stop.
        heritage: what a dead controller left; not ours until it is taken over.
    """

    state: str
    latched: bool = False
    container: Container = "absent"
    call: str = ""
    late: Late = ""
    experiment: Work = ""
    look: Ticket = ""
    inspection: Ticket = ""
    spent: int = 0
    counted: int = 0
    asked: bool = False
    heritage: Heritage = ""

    def __str__(self) -> str:
        parts = [self.state + (", being stopped" if self.latched else "")]
        parts.append(
            "no container" if self.container == "absent" else f"container {self.container}"
        )
        if self.call:
            parts.append(f"{self.call} under way")
        if self.late:
            parts.append(
                "an earlier call still " + ("settles" if self.late == "settling" else "replies")
            )
        if self.experiment:
            parts.append(f"experiment {self.experiment}")
        if self.look:
            parts.append("a check in it")
        if self.inspection:
            parts.append("an inspection to be reported")
        if self.heritage:
            parts.append(f"a dead controller's container, {self.heritage}")
        if self.counted:
            parts.append(f"restarts {self.counted}")
        return "; ".join(parts)


class Step(NamedTuple):
    """One move of one backend, as its invariants see it.

    Attributes:
        edge: the edge of the table that was taken, if one was.
        facts: what was known when it was.
        refused: an event that the table had to take, and did not.
        ended: whether an accepted experiment got its outcome.
        restarts: how many restarts the budget has.
    """

    before: Situation
    after: Situation
    edge: Edge | None
    facts: dict[str, bool]
    refused: str
    ended: bool
    restarts: int
