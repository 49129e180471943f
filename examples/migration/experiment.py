"""The experiment: reads a configuration, computes something, says what it found and where it ran."""
# ruff: noqa: INP001, T201, S311 - a script that prints, and chance that needs no secrecy

from __future__ import annotations

import json
import os
import platform
import random
import sys
from pathlib import Path


def main() -> int:
    """Estimate pi as the configuration says; the exit code is 2 for a missing one."""
    config = Path(sys.argv[1])
    if not config.is_file():
        print(f"there is no configuration {config}", file=sys.stderr)
        return 2
    settings = json.loads(config.read_text())
    chance = random.Random(settings["seed"] + int(os.environ.get("SEED_OFFSET", "0")))
    samples = settings["samples"]
    inside = sum(chance.random() ** 2 + chance.random() ** 2 < 1 for _ in range(samples))
    found = {"backend": os.environ["BACKEND"], "config": config.name, "pi": 4 * inside / samples}
    print(json.dumps(found | {"container": platform.node()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
