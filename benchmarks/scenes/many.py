"""Fifty backends on one engine beside ten: what each of them costs."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
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
    """One manager for ten backends, one for fifty; each in a separate process, whose memory is measured."""
    yield partial(_of, FEW), partial(_of, MANY)


def _of(count: int) -> dict[str, float]:
    argv = [sys.executable, "-m", "benchmarks.scenes.many", str(count)]
    told: dict[str, float] = json.loads(subprocess.check_output(argv))
    return told


def _measure(count: int) -> dict[str, float]:
    with stage(f"many-{count}", services=count) as here:
        first, *others = here.services
        with ContainerManager(here.compose_file, runtime="docker") as manager:
            manager.start_services([first])  # and all is imported that one of them needs
            before = _memory_bytes()
            start_s = seconds(manager.start_services, others)
            memory = _memory_bytes() - before
            used = resource.getrusage(resource.RUSAGE_SELF)
            time.sleep(_IDLE_S)
            after = resource.getrusage(resource.RUSAGE_SELF)
            cpu_s = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
            return {
                f"{START}: {count}": start_s / len(others),
                f"{IDLE}: {count}": max(cpu_s, 1e-6) / _IDLE_S / count,
                f"{THREADS}: {count}": threading.active_count(),
                f"{MEMORY}: {count}": memory / len(others),
            }


def _memory_bytes() -> float:
    """The resident set of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return float(pages * resource.getpagesize())


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_measure(int(sys.argv[1]))))
