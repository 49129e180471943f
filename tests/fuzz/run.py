"""``python -m tests.fuzz.run``: try many cases on each reader, and say how many."""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback
import warnings
from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import seed as seeded

from tests.fuzz.targets import TARGETS, Target

__all__ = ["main", "try_out"]

CASES = 110_000


def try_out(target: Target, cases: int, seed: int | None = None) -> int:
    """Try so many cases on a reader; how many it really were.

    Args:
        seed: of the cases; None for chance.
    """
    tried = 0

    @settings(
        max_examples=cases, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=target.cases)
    def check(case: Any) -> None:
        nonlocal tried
        tried += 1
        target.check(case)

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a warning of a library's would be printed at users
        (check if seed is None else seeded(seed)(check))()
    return tried


def main(arguments: Sequence[str] | None = None) -> int:
    """Try all readers, or those that are named; the exit code of the process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", help=", ".join(one.name for one in TARGETS))
    parser.add_argument("--cases", type=int, default=CASES, help="for all of them together")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    asked = parser.parse_args(arguments)
    print(f"seed {asked.seed}", flush=True)
    total, failed = 0, []
    for target in TARGETS:
        if asked.targets and target.name not in asked.targets:
            continue
        began_s = time.monotonic()
        try:
            tried = try_out(target, round(asked.cases * target.share), asked.seed)
        except BaseException as error:  # whatever comes out of a reader is a finding
            if isinstance(error, KeyboardInterrupt):
                raise
            traceback.print_exc()
            failed.append(target.name)
            again = (
                f"python -m tests.fuzz.run {target.name} --cases {asked.cases} --seed {asked.seed}"
            )
            print(f"{target.name:9} FAILED; again: {again}", flush=True)
        else:
            total += tried
            print(
                f"{target.name:9} {tried:7} cases, {time.monotonic() - began_s:.0f} s", flush=True
            )
    print(f"{'total':9} {total:7} cases" + (f"; failed: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
