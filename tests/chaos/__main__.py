"""``python -m tests.chaos --kills 200 --seed 1``: on the engine that the environment names."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.run import chaos
from tests.lab import BASE_IMAGE


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="how often a controller is killed")
    parser.add_argument("--seed", type=int, default=1, help="decides at which moments")
    parser.add_argument("--runtime", choices=["docker", "process"], default="docker")
    told = parser.parse_args()
    print(f"{told.kills} kills by seed {told.seed} on the {told.runtime} runtime", flush=True)
    began_s = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="dockwarden-chaos-"))

    def say(sentence: str) -> None:
        print(f"  {sentence}", flush=True)

    try:
        figures = chaos(
            folder,
            kills=told.kills,
            seed=told.seed,
            runtime=told.runtime,
            image=BASE_IMAGE,
            say=say,
        )
    except AssertionError as error:
        print(f"{error}\nnot so by seed {told.seed}; what there is lies in {folder}")
        return 1
    took = f"in {time.monotonic() - began_s:.0f} s"
    print(f"all: {figures}; {took}\neach experiment ended once, and nothing was left")
    return 0


if __name__ == "__main__":
    sys.exit(main())
