"""Before: a container for every experiment, by docker compose run --rm."""
# ruff: noqa: INP001, T201 - a script, and printing is its business

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

COMPOSE_FILE = Path(__file__).parent / "docker-compose.yml"
BACKENDS = ["pytorch", "vllm"]
CONFIGS = ["configs/small.json", "configs/large.json", "configs/missing.json"]


def run_experiment(backend: str, config: str) -> tuple[str, int]:
    """Run one experiment in a new container."""
    compose = ["docker", "compose", "-f", str(COMPOSE_FILE)]
    done = subprocess.run(
        [
            *(*compose, "run", "--rm", "-T", "--env", "SEED_OFFSET=7"),
            *(backend, "python3", "experiment.py", config, "--yes"),
        ],
        stdout=subprocess.PIPE,
        text=True,
        timeout=600,
        check=False,
    )
    return done.stdout, done.returncode


def main() -> int:
    """Run every configuration on every backend."""
    failed = 0
    for config in CONFIGS:
        for backend in BACKENDS:
            output, code = run_experiment(backend, config)
            print(f"{backend} {config}: exit code {code}\n{output}", end="", flush=True)
            failed += code != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
