"""Backends inside a program of your own, without a campaign file: python3 examples/embedded.py."""
# ruff: noqa: INP001, T201 - a script, and printing is its business

from __future__ import annotations

import sys
from pathlib import Path

from engine import ContainerManager

COMPOSE_FILE = Path(__file__).parent.parent / "docker-compose.yml"


def main() -> int:
    """Run a kernel on a backend; take the backend down at the end, also after an error."""
    with ContainerManager(COMPOSE_FILE, runtime="auto") as manager:
        manager.start_services(["pytorch"])
        ended = manager.execute("pytorch", ["python3", "kernels.py", "matmul"], timeout_s=60)
        print(f"exit code {ended.exit_code} after {ended.duration_s:.2f} s")
        print(ended.stdout.read_text(), end="")
    return 0 if ended.succeeded else 1


if __name__ == "__main__":
    sys.exit(main())
