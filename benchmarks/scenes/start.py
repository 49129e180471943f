"""Three backends: up until they are ready, and down again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from benchmarks.measure import Turn
from benchmarks.stage import seconds, stage
from engine import ContainerManager

__all__ = ["DOWN", "START", "TEARDOWN", "UP", "start"]

START: Final = "start of 3 backends"
TEARDOWN: Final = "teardown of 3 backends"
UP: Final = "docker compose up --wait"
DOWN: Final = "docker compose down"


@contextmanager
def start() -> Iterator[Sequence[Turn]]:
    """By the manager, and by Compose; both end their containers by the same signal and grace."""
    with stage("start", services=3) as here:
        peer = "bench-start-peer"

        def ours() -> dict[str, float]:
            with ContainerManager(here.compose_file, runtime="docker") as manager:
                up_s = seconds(manager.start_services, here.services)
                return {START: up_s, TEARDOWN: seconds(manager.teardown)}

        def compose() -> dict[str, float]:
            try:
                up_s = seconds(here.compose, "up", "-d", "--wait", project=peer)
            finally:
                down_s = seconds(here.compose, "down", project=peer)
            return {UP: up_s, DOWN: down_s}

        yield ours, compose
