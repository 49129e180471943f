"""How often a backend may be restarted because of a fault, and how long to wait before each restart.

Sources of the rules: the sliding window and the lifetime cap come from the supervisors of OTP and Ray (a
tumbling window lets up to twice its limit through), the refund after a long healthy time from Kubernetes'
KEP-4603, the capped and jittered exponential backoff from the kubelet and Nomad.
"""

from __future__ import annotations

import random
from typing import Final

from attrs import evolve, field, frozen
from attrs.validators import and_, ge, gt, le, optional

__all__ = [
    "ALLOWED",
    "CAP_REACHED",
    "WINDOW_FULL",
    "RestartDecision",
    "RestartHistory",
    "RestartPolicy",
]

ALLOWED: Final = "within the budget"
CAP_REACHED: Final = "the restart budget is spent"
WINDOW_FULL: Final = "the window has no room for another restart"


@frozen
class RestartHistory:
    """The restarts that count against the budget; each change gives a new value.

    Attributes:
        times_s: when each of them began or is due, in seconds of the controller's clock.
        forgiven: how many of them a long healthy time has made good. They do not count against the cap,
            but they have happened: in a window they count.
    """

    times_s: tuple[float, ...] = ()
    forgiven: int = 0

    @property
    def spent(self) -> int:
        """How many of them count against the cap."""
        return len(self.times_s) - self.forgiven

    def with_restart(self, at_s: float) -> RestartHistory:
        """The history with one more restart, due at ``at_s``."""
        return evolve(self, times_s=(*self.times_s, at_s))

    def after(self, earlier: RestartHistory) -> RestartHistory:
        """This history as the continuation of an earlier one."""
        times_s = (*earlier.times_s, *self.times_s)
        return RestartHistory(times_s, earlier.forgiven + self.forgiven)


@frozen
class RestartDecision:
    """Whether to restart, how long to wait first, and why.

    Attributes:
        delay_s: the backoff in seconds, when allowed.
    """

    allowed: bool
    reason: str
    delay_s: float = 0.0


@frozen
class RestartPolicy:
    """How often a backend may be restarted because of a fault.

    Attributes:
        max_restarts: how many restarts in the backend's lifetime.
        window_s: length of the sliding window in seconds; None for no window.
        max_in_window: how many restarts in any window of that length.
        backoff_s: the wait before the first restart, in seconds.
        backoff_factor: by how much each further wait grows.
        backoff_max_s: the longest wait, in seconds.
        jitter: the share of the wait that is left to chance, so that simultaneous restarts spread.
        refund_after_s: once ready for so many seconds on end, the lifetime's budget is whole again; None:
            never. What a window holds stays in it.
    """

    max_restarts: int = field(default=3, validator=ge(0))
    window_s: float | None = field(default=None, validator=optional(gt(0)))
    max_in_window: int = field(default=3, validator=ge(0))
    backoff_s: float = field(default=1.0, validator=ge(0))
    backoff_factor: float = field(default=2.0, validator=ge(1))
    backoff_max_s: float = field(default=60.0, validator=ge(0))
    jitter: float = field(default=0.1, validator=and_(ge(0), le(1)))
    refund_after_s: float | None = field(default=None, validator=optional(gt(0)))

    def refunded(self, history: RestartHistory, *, healthy_s: float) -> RestartHistory:
        """The history after ``healthy_s`` seconds of continuous health."""
        if self.refund_after_s is None or healthy_s < self.refund_after_s:
            return history
        if self.window_s is None:
            return RestartHistory()
        return evolve(history, forgiven=len(history.times_s))

    def decide(
        self, history: RestartHistory, *, now_s: float, rng: random.Random
    ) -> RestartDecision:
        """Whether one more restart is within the budget, and after how long a wait."""
        if history.spent >= self.max_restarts:
            return RestartDecision(allowed=False, reason=f"{CAP_REACHED} ({self.max_restarts})")
        delay_s = self._backoff_s(history.spent, rng)
        if self.window_s is not None:
            begins_s = now_s + delay_s - self.window_s
            recent = sum(1 for time_s in history.times_s if time_s > begins_s)
            if recent >= self.max_in_window:
                detail = f"{WINDOW_FULL} ({self.max_in_window} in {self.window_s:g} s)"
                return RestartDecision(allowed=False, reason=detail)
        return RestartDecision(allowed=True, reason=ALLOWED, delay_s=delay_s)

    def _backoff_s(self, restarts: int, rng: random.Random) -> float:
        # The exponent is bounded so that a long history cannot overflow a float.
        grown_s = self.backoff_s * self.backoff_factor ** min(restarts, 64)
        return min(grown_s, self.backoff_max_s) * (1 - self.jitter * rng.random())
