"""Plays many small random campaigns with faults: ``python -m tests.soak [--campaigns N] [--seed N]``."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from attrs import define, field

from engine.runtimes.simulated import CATALOGUE
from states import BACKEND
from tests.soak.campaigns import Played, play

_BATCH = 200
_SHOWN = 10
_ENOUGH = 10_000
"""From so many campaigns on, all that can happen has to have happened."""

_EDGES = tuple(f"{edge.source} {edge.event} {edge.target}" for edge in BACKEND.edges)
_FAULTS = tuple(fault.name for fault in CATALOGUE)


def main() -> int:
    """Play them, and say what was seen; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--campaigns", type=int, default=100_000, help="how many (100000)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--workers", type=int, default=2, help="processes (2)")
    parser.add_argument("--liveness", action="store_true", help="the faults end, and all converges")
    parser.add_argument("--seed", type=int, help="play this one alone, and say all of it")
    chosen = parser.parse_args()
    if chosen.seed is not None:
        return _one(chosen.seed, liveness=chosen.liveness)
    print(f"{chosen.campaigns} campaigns, seeds from {chosen.first}, {chosen.workers} processes")
    seen = Seen()
    modes = (True,) if chosen.liveness else (False, True)
    for liveness in modes:
        count = chosen.campaigns if not liveness or chosen.liveness else chosen.campaigns // 10
        seeds = range(chosen.first, chosen.first + count)
        _many(seeds, chosen.workers, seen, liveness=liveness)
    print("\n".join(seen.report()))
    whole = chosen.campaigns < _ENOUGH or not seen.missing
    return 0 if whole and not seen.violated else 1


def _one(seed: int, *, liveness: bool) -> int:
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("engine").setLevel(logging.INFO)
    played = play(seed, _scratch() / "one", liveness=liveness)
    print(f"struck: {dict(played.struck)}")
    for violation in played.violations:
        print(f"VIOLATION {violation}")
    return 1 if played.violations else 0


def _many(seeds: range, workers: int, seen: Seen, *, liveness: bool) -> None:
    began_s = time.monotonic()
    crashes = violated = 0
    batches = [(seeds[start : start + _BATCH], liveness) for start in range(0, len(seeds), _BATCH)]
    with ProcessPoolExecutor(workers) as pool:
        for found in pool.map(_batch, batches):
            for seed, played in found:
                seen.take_in(played)
                crashes += played.crashed
                violated += bool(played.violations)
                if played.violations and violated <= _SHOWN:
                    mode = " --liveness" if liveness else ""
                    print(
                        f"VIOLATION, replay with: python -m tests.soak --seed {seed}{mode}",
                        flush=True,
                    )
                    print("".join(f"    {violation}\n" for violation in played.violations), end="")
    took_s = time.monotonic() - began_s
    print(
        f"{'liveness: ' if liveness else ''}{len(seeds)} campaigns in {took_s:.0f} s,"
        f" {len(seeds) / took_s:.0f} per second; {crashes} crashed and resumed;"
        f" {violated} with violations",
        flush=True,
    )


@define
class Seen:
    """What has been covered, and whether anything was violated."""

    struck: Counter[str] = field(factory=Counter)
    edges: Counter[str] = field(factory=Counter)
    violated: int = 0

    def take_in(self, played: Played) -> None:
        """Add a campaign."""
        self.struck += played.struck
        self.edges += played.edges
        self.violated += bool(played.violations)

    @property
    def missing(self) -> list[str]:
        """What never happened: edges that were not taken, faults that did not strike."""
        edges = [f"the edge {edge}" for edge in _EDGES if edge not in self.edges]
        return [*edges, *(f"the fault {name}" for name in _FAULTS if name not in self.struck)]

    def report(self) -> Iterator[str]:
        """It in words, the rarest last."""
        for what, all_of_it, counts in (
            ("edges taken", _EDGES, self.edges),
            ("faults that struck", _FAULTS, self.struck),
        ):
            yield f"{what}: {len(counts.keys() & set(all_of_it))} of {len(all_of_it)}"
            yield from (f"  {times:>9,}  {name}" for name, times in counts.most_common())
        yield from (f"never: {what}" for what in self.missing)
        yield f"campaigns with violations: {self.violated}"


def _batch(told: tuple[range, bool]) -> list[tuple[int, Played]]:
    seeds, liveness = told
    logging.getLogger("engine").setLevel(logging.ERROR)
    folder = _scratch()
    try:
        return list(_play(seeds, folder, liveness=liveness))
    finally:
        folder.rmdir()


def _play(seeds: range, folder: Path, *, liveness: bool) -> Iterator[tuple[int, Played]]:
    for seed in seeds:
        yield seed, play(seed, folder / str(seed), liveness=liveness)


def _scratch() -> Path:
    memory = "/dev/shm"
    at = memory if os.access(memory, os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix="dockwarden-soak-", dir=at))


if __name__ == "__main__":
    sys.exit(main())
