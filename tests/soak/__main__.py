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

from states import BACKEND
from tests.soak.campaigns import Played, play

_BATCH = 200
_SHOWN = 10
_EDGES = {f"{edge.source} {edge.event} {edge.target}" for edge in BACKEND.edges}


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
    code = 0
    modes = (True,) if chosen.liveness else (False, True)
    for liveness in modes:
        count = chosen.campaigns if not liveness or chosen.liveness else chosen.campaigns // 10
        seeds = range(chosen.first, chosen.first + count)
        code |= _many(seeds, chosen.workers, liveness=liveness)
    return code


def _one(seed: int, *, liveness: bool) -> int:
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("engine").setLevel(logging.INFO)
    played = play(seed, _scratch() / "one", liveness=liveness)
    print(f"struck: {dict(played.struck)}")
    for violation in played.violations:
        print(f"VIOLATION {violation}")
    return 1 if played.violations else 0


def _many(seeds: range, workers: int, *, liveness: bool) -> int:
    began_s = time.monotonic()
    struck: Counter[str] = Counter()
    edges: Counter[str] = Counter()
    crashes = violated = 0
    batches = [(seeds[start : start + _BATCH], liveness) for start in range(0, len(seeds), _BATCH)]
    with ProcessPoolExecutor(workers) as pool:
        for found in pool.map(_batch, batches):
            for seed, played in found:
                struck += played.struck
                edges += played.edges
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
    print(f"{'liveness: ' if liveness else ''}{len(seeds)} campaigns in {took_s:.0f} s:")
    print(f"  {len(seeds) / took_s:.0f} per second, {crashes} crashed and resumed")
    print(f"  faults that struck: {', '.join(f'{n} {c}' for n, c in struck.most_common())}")
    print(f"  edges taken: {len(edges.keys() & _EDGES)} of {len(_EDGES)}")
    missing = sorted(_EDGES - edges.keys())
    if missing:
        print(f"  never taken: {'; '.join(missing)}")
    print(f"  violations: {violated}")
    return 1 if violated else 0


def _batch(told: tuple[range, bool]) -> list[tuple[int, Played]]:
    seeds, liveness = told
    logging.disable(logging.CRITICAL)
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
