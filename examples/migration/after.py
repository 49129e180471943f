"""After: one container for each backend, which stays up; experiments are sent in by exec."""
# ruff: noqa: INP001, T201 - a script, and printing is its business

from __future__ import annotations

import sys
from pathlib import Path

from engine import ContainerManager

COMPOSE_FILE = Path(__file__).parent / "docker-compose.yml"
BACKENDS = ["pytorch", "vllm"]
CONFIGS = ["configs/small.json", "configs/large.json", "configs/missing.json"]
RECREATE_EVERY = 2  # configurations; 1 is as fresh as a container for every experiment, 0 is never


def main() -> int:
    """Run every configuration on every backend; take all backends down at the end, also after an error."""
    failed = 0
    command = ["python3", "experiment.py"]
    with ContainerManager(COMPOSE_FILE, runtime="docker", experiment_command=command) as manager:
        manager.start_services(BACKENDS)
        for number, config in enumerate(CONFIGS):
            for backend in BACKENDS:
                if RECREATE_EVERY and number and number % RECREATE_EVERY == 0:
                    manager.restart_service(backend, recreate=True)
                output, code = manager.execute_experiment(
                    backend, config, env_vars={"SEED_OFFSET": "7"}
                )
                print(f"{backend} {config}: exit code {code}\n{output}", end="", flush=True)
                failed += code != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
