"""``python -m tests.chaos --kills 200 --seed 1``: on the engine that the environment names."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

import docker.errors

from engine.errors import RuntimeUnavailable
from engine.runtimes.docker.client import connect
from tests.chaos.run import chaos
from tests.lab import BASE_IMAGE


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="how often a controller is killed")
    parser.add_argument("--seed", type=int, default=1, help="decides at which moments")
    parser.add_argument("--runtime", choices=["docker", "process"], default="docker")
    told = parser.parse_args()
    missing = _missing() if told.runtime == "docker" else ""
    if missing:
        print(missing)
        return 2
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
        where = traceback.extract_tb(error.__traceback__)[-1]
        print(
            f"{where.name}: {where.line}\n{error}\nnot so by seed {told.seed}; what there is lies in {folder}"
        )
        return 1
    shutil.rmtree(folder)
    took = f"in {time.monotonic() - began_s:.0f} s"
    print(f"all: {figures}; {took}\neach experiment ended once, and nothing was left")
    return 0


def _missing() -> str:
    """What there is to do first, where the engine cannot run this; empty where it can."""
    try:
        client = connect()
        try:
            client.inspect_image(BASE_IMAGE)
        finally:
            client.close()
    except RuntimeUnavailable as error:
        return f"{error}; make chaos brings an engine up"
    except docker.errors.ImageNotFound:
        return f"{BASE_IMAGE} is not on this engine; make chaos brings one up that has it"
    return ""


if __name__ == "__main__":
    sys.exit(main())
