"""How often an experiment is tried."""

from __future__ import annotations

from attrs import field, frozen
from attrs.validators import ge

from engine.model.results import Ending

__all__ = ["RetryDecision", "RetryPolicy"]


@frozen
class RetryDecision:
    """Whether an experiment is tried once more, and why."""

    allowed: bool
    reason: str


@frozen
class RetryPolicy:
    """How often an experiment is tried.

    Attributes:
        max_attempts: how often in all, the first attempt included.
        on: the endings that another attempt may follow; an exit is meant with a code other than 0. What
            was interrupted is never tried again by itself.
        exit_codes: the codes that another attempt may follow, besides: what says "try again" for one.
    """

    max_attempts: int = field(default=2, validator=ge(1))
    on: frozenset[Ending] = frozenset({Ending.LOST})
    exit_codes: frozenset[int] = frozenset()

    def decide(
        self, ending: Ending, *, attempts: int, exit_code: int | None = None
    ) -> RetryDecision:
        """Whether one more attempt is due after ``attempts`` of them, the last of which ended so."""
        coded = ending is Ending.EXITED and exit_code in self.exit_codes
        if ending not in self.on and not coded:
            return RetryDecision(allowed=False, reason=f"not tried again after {ending.value}")
        if attempts >= self.max_attempts:
            return RetryDecision(
                allowed=False, reason=f"no attempt is left (of {self.max_attempts})"
            )
        reason = f"attempt {attempts + 1} of {self.max_attempts} is due"
        return RetryDecision(allowed=True, reason=reason)
