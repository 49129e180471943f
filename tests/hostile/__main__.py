"""``python -m tests.hostile``: every trick against a controller of every kind of user, on the lab's engine."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.hostile.outside import discard
from tests.hostile.suite import KINDS, USERS, perform
from tests.lab import ensure_up


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000, help="how many files are many")
    parser.add_argument("--only", default="", help="tricks whose name has this in it")
    parser.add_argument(
        "--as", dest="users", choices=USERS, action="append", default=[], help="run by these users"
    )
    parser.add_argument(
        "--kind", dest="kinds", choices=KINDS, action="append", default=[], help="of these kinds"
    )
    told = parser.parse_args()
    engine = ensure_up()
    os.environ.update(engine.environment)
    folder = Path(tempfile.mkdtemp(prefix="dockwarden-hostile-"))
    folder.chmod(0o755)
    verdicts = []
    for name in told.users or USERS:
        for kind in told.kinds or KINDS:
            began_s = time.monotonic()
            verdict = perform(
                kind,
                USERS[name],
                folder / f"{name}-{kind}",
                engine,
                only=told.only,
                files=told.files,
            )
            verdicts.append(verdict)
            took = f"in {time.monotonic() - began_s:.0f} s"
            print(f"{kind} against {USERS[name].name}: {verdict}, {took}", flush=True)
            for line in (*verdict.reached, *verdict.faults):
                print(f"  {line}", flush=True)
    tried, reached = sum(one.tried for one in verdicts), sum(len(one.reached) for one in verdicts)
    print(f"all: {tried} tricks tried, {reached} reached anything outside")
    if any(one.reached or one.faults for one in verdicts):
        print(f"what there is lies in {folder}")
        return 1
    discard(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
