"""Fifty backends on one engine beside ten: what each of them costs."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.measure import Turn
from benchmarks.stage import seconds, stage
from engine import ContainerManager

__all__ = ["FEW", "LIMITS", "MANY", "many"]

START: Final = "start, per backend"
IDLE: Final = "idle processor time, per backend"
THREADS: Final = "threads"
MEMORY: Final = "memory, per backend"
FEW: Final = 10
MANY: Final = 50

LIMITS: Final = {START: 1.2, IDLE: 1.0, THREADS: MANY / FEW, MEMORY: 1.0}
"""How many times what it takes with a few backends it may take with many."""

_IDLE_S: Final = 10.0


@contextmanager
def many() -> Iterator[Sequence[Turn]]:
    """One manager for ten backends, one for fifty."""
    yield partial(_of, FEW), partial(_of, MANY)


def _of(count: int) -> dict[str, float]:
    with stage(f"many-{count}", services=count) as here:
        before = _memory_bytes()
        with ContainerManager(here.compose_file, runtime="docker") as manager:
            start_s = seconds(manager.start_services, here.services)
            memory = _memory_bytes() - before
            used = resource.getrusage(resource.RUSAGE_SELF)
            time.sleep(_IDLE_S)
            after = resource.getrusage(resource.RUSAGE_SELF)
            cpu_s = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
            return {
                f"{START}: {count}": start_s / count,
                f"{IDLE}: {count}": max(cpu_s, 1e-6) / _IDLE_S / count,
                f"{THREADS}: {count}": threading.active_count(),
                f"{MEMORY}: {count}": memory / count,
            }


def _memory_bytes() -> float:
    """The resident set of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return float(pages * resource.getpagesize())
