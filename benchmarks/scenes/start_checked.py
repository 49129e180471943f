"""A service whose health check is run every 30 seconds: up until it is ready, and restarted until it is again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from benchmarks.measure import Turn
from benchmarks.stage import seconds, stage
from engine import ContainerManager

__all__ = ["COMPOSE_RESTART", "RESTART", "START", "UP", "start_checked"]

START: Final = "start to ready"
RESTART: Final = "restart to ready"
UP: Final = "docker compose up --wait"
COMPOSE_RESTART: Final = "docker compose restart, and up --wait"

_CHECK: Final = {
    "test": ["CMD", "python3", "-c", "import json"],
    "interval": "30s",
    "timeout": "10s",
    "retries": 3,
}


@contextmanager
def start_checked() -> Iterator[Sequence[Turn]]:
    """By the manager, and by Compose; the check is one that passes as soon as the container runs."""
    with stage("checked", healthcheck=_CHECK) as here:
        peer, (service,) = "bench-checked-peer", here.services

        def ours() -> dict[str, float]:
            with ContainerManager(here.compose_file, runtime="docker") as manager:
                up_s = seconds(manager.start_services, [service])
                return {START: up_s, RESTART: seconds(manager.restart_service, service)}

        def compose() -> dict[str, float]:
            up = ("up", "-d", "--wait")
            try:
                up_s = seconds(here.compose, *up, project=peer)
                again_s = seconds(here.compose, "restart", "-t", "0", project=peer)
                again_s += seconds(here.compose, *up, project=peer)
            finally:
                here.compose("down", "-t", "0", project=peer)
            return {UP: up_s, COMPOSE_RESTART: again_s}

        yield ours, compose
