"""``python -m tests.fuzz.run``: try many cases on each reader, and say how many, and what became of them."""

from __future__ import annotations

import argparse
import hashlib
import itertools
import os
import random
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Final

from attrs import define, field, frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import seed as seeded
from hypothesis.errors import HypothesisWarning

from tests.fuzz.targets import TARGETS, Target

__all__ = ["Tally", "main", "try_out"]

CASES: Final = 136_000

PORTION: Final = 500
"""So many cases are tried with one seed: what has tried many takes ever longer for another one."""


@define
class Tally:
    """What became of cases.

    Attributes:
        tried: how many there were.
        different: a digest of each.
        refused: how often each thing was said to be wrong.
        cpu_s: what it took, in seconds of the processor.
    """

    tried: int = 0
    different: set[bytes] = field(factory=set)
    refused: Counter[str] = field(factory=Counter)
    cpu_s: float = 0.0

    @property
    def accepted(self) -> int:
        return self.tried - self.refused.total()

    def add(self, other: Tally) -> None:
        self.tried += other.tried
        self.different |= other.different
        self.refused += other.refused
        self.cpu_s += other.cpu_s

    def __str__(self) -> str:
        return (
            f"{self.tried:7} cases, {len(self.different)} different: {self.accepted} accepted,"
            f" {self.refused.total()} refused for {len(self.refused)} kinds of reasons;"
            f" {self.cpu_s:.0f} s of CPU"
        )


@frozen
class Portion:
    """Some cases of one reader."""

    target: str
    cases: int
    seed: int

    @property
    def again(self) -> str:
        """The command that tries the same ones."""
        arguments = f"{self.target} --cases {self.cases} --seed {self.seed}"
        return f"python -m tests.fuzz.run {arguments}"


def try_out(target: Target, cases: int, seed: int | None = None) -> Tally:
    """Try so many cases on a reader.

    Args:
        seed: of the cases; None for chance.

    Raises:
        Exception: any exception of the reader that is neither an answer nor a refusal.
    """
    tally, began_s = Tally(), time.process_time()

    @settings(
        max_examples=cases, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=target.cases)
    def check(case: Any) -> None:
        tally.tried += 1
        tally.different.add(_digest(case))
        wrong = target.check(case)
        if wrong is not None:
            tally.refused[wrong] += 1

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a warning of a library's would be printed at users
        warnings.simplefilter("ignore", HypothesisWarning)
        (check if seed is None else seeded(seed)(check))()
    tally.cpu_s = time.process_time() - began_s
    return tally


def _digest(case: Any) -> bytes:
    return hashlib.blake2b(repr(case).encode("utf-8", "replace"), digest_size=8).digest()


def main(arguments: Sequence[str] | None = None) -> int:
    """Try all readers, or those that are named; the exit code of the process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", help=", ".join(one.name for one in TARGETS))
    parser.add_argument("--cases", type=int, default=CASES, help="for all of them together")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args(arguments)
    targets = [one for one in TARGETS if not asked.targets or one.name in asked.targets]
    portions = list(_portions(targets, asked.cases, asked.seed))
    print(f"seed {asked.seed}, {asked.processes} at once", flush=True)
    total, findings = Tally(), 0
    with ProcessPoolExecutor(asked.processes) as pool:
        tried = zip(portions, pool.map(_tried, portions), strict=True)
        for name, group in itertools.groupby(tried, key=lambda one: one[0].target):
            tally = Tally()
            for portion, found in group:
                if isinstance(found, Tally):
                    tally.add(found)
                else:
                    findings += 1
                    print(f"{found}\n{name:9} FAILED; again: {portion.again}", flush=True)
            print(f"{name:9} {tally}", flush=True)
            total.add(tally)
    print(f"{'total':9} {total}" + (f"; {findings} portions FAILED" if findings else ""))
    return 1 if findings else 0


def _portions(targets: Sequence[Target], cases: int, seed: int) -> Iterator[Portion]:
    """All cases, in portions of few; a single portion has the seed that it is given."""
    shares = sum(one.share for one in targets)
    for target in targets:
        left = round(cases * target.share / shares)
        for number in itertools.count():
            if left <= 0:
                break
            yield Portion(target.name, min(left, PORTION), seed + number)
            left -= PORTION


def _tried(portion: Portion) -> Tally | str:
    """What became of a portion; the traceback where something came out that must not."""
    target = next(one for one in TARGETS if one.name == portion.target)
    try:
        return try_out(target, portion.cases, portion.seed)
    except (Exception, SystemExit):  # noqa: BLE001 - every exception of a reader is a finding
        return traceback.format_exc()


if __name__ == "__main__":
    sys.exit(main())
