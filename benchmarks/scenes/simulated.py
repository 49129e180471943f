"""Long campaigns on the simulated runtime: only what is ours takes time, so it shows whether that grows."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.measure import Turn
from engine.campaign.events import AttemptStarted, Event, RunSettled
from engine.campaign.execution.runner import CampaignRunner
from engine.campaign.model import Campaign, Experiment
from engine.campaign.persistence.results import Results
from engine.campaign.resumption.resume import journaled
from engine.campaign.runs.plan import plan
from engine.journal import FILE_NAME, Journal
from engine.model.spec import Project, ServiceSpec
from engine.runtimes.simulated import SimulatedRuntime
from engine.util.virtual_clock import VirtualClockLoop

__all__ = ["EACH", "MEMORY", "SIZES", "UNSYNCED", "simulated"]

SIZES: Final = (100, 1_000, 10_000)
EACH: Final = "seconds an experiment, durable, of"
UNSYNCED: Final = "processor seconds an experiment, without the journal's sync, of"
MEMORY: Final = "memory, in bytes, of"

_OFTEN: Final = 5
"""How often the shortest campaign is run in a round: a disk has moods that last longer than it."""

_NO_DISK: Final = "/dev/shm"  # noqa: S108 - the folder in it has an unpredictable name


@contextmanager
def simulated() -> Iterator[Sequence[Turn]]:
    """Each campaign in a separate process, which reports its duration and its memory."""
    yield [partial(_of, size) for size in SIZES]


def _of(size: int) -> dict[str, float]:
    unsynced = _run(size, durable=False)
    often = _OFTEN if size == SIZES[0] else 1
    durable = [_run(size, durable=True)["seconds"] for _ in range(often)]
    return {
        f"{EACH} {size}": statistics.median(durable) / size,
        f"{UNSYNCED} {size}": unsynced["seconds"] / size,
        f"{MEMORY} {size}": unsynced["bytes"],
    }


def _run(size: int, *, durable: bool) -> dict[str, float]:
    argv = [sys.executable, "-m", "benchmarks.scenes.simulated", str(size), str(int(durable))]
    told: dict[str, float] = json.loads(subprocess.check_output(argv))
    return told


async def _carry_out(folder: Path, size: int, *, durable: bool) -> float:
    """Run a campaign of so many experiments; returns the seconds from the first to the last of them."""
    project = Project(
        name="bench",
        directory=folder,
        files=(folder / "docker-compose.yml",),
        services={"backend": ServiceSpec("backend")},
    )
    campaign = Campaign(
        file="bench.yml",
        name="bench",
        compose_file=folder / "docker-compose.yml",
        results=folder / "results",
        experiments=tuple(
            Experiment(f"x{number}", ("backend",), ("true",)) for number in range(size)
        ),
    )
    runs = plan(campaign)
    # Without the sync, only the processor's time counts, which other processes do not affect.
    clock = time.perf_counter if durable else time.process_time
    first = last = 0.0

    def note(event: Event) -> None:
        nonlocal first, last
        if isinstance(event, AttemptStarted | RunSettled):
            last = clock()
            first = first or last

    with (
        Results.create(campaign.results, datetime.now(UTC), durable=durable) as results,
        Journal.create(results.folder / FILE_NAME, campaign="bench", durable=durable) as journal,
    ):
        journal.plan(journaled(runs))
        runner = CampaignRunner(
            campaign, project, SimulatedRuntime(project), runs, results, journal
        )
        runner.on_event(note)
        summary = await runner.run()
    assert summary.all_completed, summary.to_text()
    return last - first


def _main(size: int, *, durable: bool) -> None:
    memory = None if durable or not os.access(_NO_DISK, os.W_OK) else _NO_DISK
    with (
        tempfile.TemporaryDirectory(prefix="dockwarden-bench-", dir=memory) as folder,
        asyncio.Runner(loop_factory=VirtualClockLoop) as runner,
    ):
        took_s = runner.run(_carry_out(Path(folder), size, durable=durable))
    sys.stdout.write(json.dumps({"seconds": took_s, "bytes": _largest_bytes()}))


def _largest_bytes() -> int:
    """The most memory that this process has had; what rusage tells begins with its parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (most,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(most) * 1024


if __name__ == "__main__":
    _main(int(sys.argv[1]), durable=bool(int(sys.argv[2])))
