"""GPU readings of a backend and their diagnosis: pure values and functions, no I/O and no clock.

``engine.runtimes.in_container.GPU_PROBE`` prints; :func:`parse` reads what it printed; :func:`judge_gpu` says what
it means and what to do; :class:`Streak` says when it counts.
"""

from __future__ import annotations

from engine.health.gpu.baseline import Baseline
from engine.health.gpu.holders import Sibling, Whose
from engine.health.gpu.reading import (
    GpuDevice,
    GpuProcess,
    GpuReading,
    NvmlError,
    RemappedRows,
    parse,
)
from engine.health.gpu.rules import judge_gpu
from engine.health.gpu.status import ContainerHealthStatus
from engine.health.gpu.streak import Streak
from engine.health.gpu.verdict import OK, Action, Health, Verdict
from engine.policy.gpu import GpuPolicy

__all__ = [
    "OK",
    "Action",
    "Baseline",
    "ContainerHealthStatus",
    "GpuDevice",
    "GpuPolicy",
    "GpuProcess",
    "GpuReading",
    "Health",
    "NvmlError",
    "RemappedRows",
    "Sibling",
    "Streak",
    "Verdict",
    "Whose",
    "judge_gpu",
    "parse",
]
