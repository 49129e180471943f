"""``python -m tests.chaos --kills 200 --seed 1``: on a separate lab, whose daemon it kills, too."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
import traceback
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

from tests.chaos.run import chaos
from tests.lab import BASE_IMAGE, LabUnavailable, own_engine


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--kills", type=int, default=200, help="how many kills, of all kinds together"
    )
    parser.add_argument("--seed", type=int, default=1, help="decides at which moments")
    parser.add_argument("--runtime", choices=["docker", "process"], default="docker")
    told = parser.parse_args()
    print(f"{told.kills} kills by seed {told.seed} on the {told.runtime} runtime", flush=True)
    began_s = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="dockwarden-chaos-"))

    def say(sentence: str) -> None:
        print(f"  {sentence}", flush=True)

    try:
        with ExitStack() as stack:
            if told.runtime == "docker":
                environment = stack.enter_context(own_engine("chaos", {})).environment
                stack.enter_context(patch.dict(os.environ, environment))
            figures = chaos(
                folder,
                kills=told.kills,
                seed=told.seed,
                runtime=told.runtime,
                image=BASE_IMAGE,
                say=say,
            )
    except LabUnavailable as error:
        print(error)
        return 2
    except AssertionError as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        print(
            f"{where.name}: {where.line}\n{error}\nnot so by seed {told.seed}; what there is lies in {folder}"
        )
        return 1
    shutil.rmtree(folder)
    took = f"in {time.monotonic() - began_s:.0f} s"
    print(f"{figures.table()}\nall: {figures}; {took}")
    print("0 runs completed twice, each has one recorded outcome, and nothing was left")
    return 0


if __name__ == "__main__":
    sys.exit(main())
