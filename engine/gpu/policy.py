"""Where :class:`GpuPolicy` and :class:`Baseline` were until 0.1; both stay importable from here."""

from engine.gpu.baseline import Baseline
from engine.policy.gpu import GpuPolicy

__all__ = ["Baseline", "GpuPolicy"]
