"""When a verdict counts: once is chance, several times in a row is a finding."""

from __future__ import annotations

from attrs import frozen

from engine.health.gpu.verdict import Action, Health, Verdict
from engine.policy.gpu import GpuPolicy

__all__ = ["Streak"]


@frozen
class Streak:
    """How often in a row looks have found something; each look gives a new value.

    As the kubelet does, an unknown neither adds to the failing checks nor forgives them. Having to wait for
    another process does: the backend itself is fit.

    Attributes:
        failing: looks that found the backend failing, with no fit one in between.
        unknown: looks without a finding, with no finding in between.
    """

    failing: int = 0
    unknown: int = 0

    def after(self, verdict: Verdict) -> Streak:
        """The streak after one more look."""
        if verdict.health is Health.UNKNOWN:
            return Streak(self.failing, self.unknown + 1)
        if verdict.health is Health.OK or verdict.action is Action.WAIT:
            return Streak()
        return Streak(self.failing + 1, 0)

    def counts(self, policy: GpuPolicy) -> bool:
        """Whether it is time to act on the last look's verdict."""
        if self.unknown:
            return self.unknown >= policy.unknown_after
        return self.failing >= policy.failing_after
