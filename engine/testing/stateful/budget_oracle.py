"""A second account of the restart budget, kept from the transitions without the policy's code."""

from __future__ import annotations

from attrs import define, field

from engine.policy import RestartPolicy

__all__ = ["Books"]


@define
class Books:
    """The restarts that one backend has spent.

    Args:
        policy: its limits; without jitter, so that every wait is known.

    Attributes:
        spent: the restarts that count against the lifetime's cap.
        due_s: when each restart that counts in a window is due, in seconds of the clock.
        proved_s: since when it is proved fit.
    """

    policy: RestartPolicy
    spent: int = 0
    due_s: list[float] = field(factory=list)
    proved_s: float = 0.0

    @property
    def left(self) -> int:
        """How many restarts the cap still allows."""
        return self.policy.max_restarts - self.spent

    def proved(self, now_s: float) -> None:
        """It is fit from now on."""
        self.proved_s = now_s

    def fell_ill(self, now_s: float) -> None:
        """It was fit until now; after a long time of that the cap is whole again."""
        policy = self.policy
        if policy.refund_after_s is not None and now_s - self.proved_s >= policy.refund_after_s:
            self.spent = 0

    def reset(self) -> None:
        """An operator has granted a new budget."""
        self.spent, self.due_s = 0, []

    def next_s(self, now_s: float) -> float | None:
        """When the next restart would be due; None where there must be none."""
        policy = self.policy
        wait_s = min(policy.backoff_s * policy.backoff_factor**self.spent, policy.backoff_max_s)
        due_s = now_s + wait_s
        if self.left <= 0:
            return None
        if policy.window_s is not None:
            inside = [other for other in self.due_s if other > due_s - policy.window_s]
            if len(inside) >= policy.max_in_window:
                return None
        return due_s

    def charge(self, due_s: float) -> None:
        """A restart is due then."""
        self.spent += 1
        self.due_s.append(due_s)
