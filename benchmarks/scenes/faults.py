"""A container that is killed: how soon that is noticed, and how soon it is ready again."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from random import Random
from typing import Any, Final

from docker.api import APIClient

from benchmarks.measure import Turn
from benchmarks.stage import seconds, stage
from engine import BackendPolicy, ContainerManager, RestartPolicy
from engine.runtimes.docker.daemon.client import connect

__all__ = ["AGAIN", "DIE", "POLL", "RESTART", "UNHEALTHY", "faults"]

UNHEALTHY: Final = "killed to unhealthy"
AGAIN: Final = "killed to ready again"
DIE: Final = "killed to the engine's die event"
POLL: Final = "killed to being seen by a look every 5 s"
RESTART: Final = "docker restart and health wait"

_POLL_S: Final = 5.0
"""The default interval of docker-autoheal."""

_HEALTHCHECK: Final = {"test": ["CMD", "true"], "interval": "1s"}
_PATIENCE_S: Final = 60.0
_NO_BACKOFF: Final = BackendPolicy(
    restart=RestartPolicy(max_restarts=1000, backoff_s=0, window_s=None)
)


@contextmanager
def faults() -> Iterator[Sequence[Turn]]:
    """Kills from outside; the engine's own event is heard on a separate stream, in the same kill."""
    with ExitStack() as stack:
        here = stack.enter_context(stage("faults", healthcheck=_HEALTHCHECK))
        heard: queue.Queue[tuple[str, float]] = queue.Queue()

        def hear(what: str) -> None:
            heard.put((what, time.perf_counter()))

        service = here.services[0]
        manager = stack.enter_context(
            ContainerManager(
                here.compose_file,
                runtime="docker",
                policies={service: _NO_BACKOFF},
                on_transition=lambda one: hear(one.target),
            )
        )
        manager.start_services([service])
        client, listener = (stack.enter_context(connect()) for _ in range(2))
        (ours,) = _containers(client, here.project)
        _hear_deaths(stack, listener, here.project, partial(hear, "die"))
        peer = stack.enter_context(here.up("bench-faults-peer"))
        (bare,) = _containers(client, peer)
        random = Random(1)  # noqa: S311 - a moment, not a secret
        looks = _look_around(stack, bare)

        def kill() -> Mapping[str, float]:
            while not heard.empty():
                heard.get()
            began = time.perf_counter()
            client.kill(ours)
            moments: dict[str, float] = {}
            while not {"die", "unhealthy", "ready"} <= moments.keys():
                what, moment = heard.get(timeout=_PATIENCE_S)
                moments.setdefault(what, moment - began)
            return {
                DIE: moments["die"],
                UNHEALTHY: moments["unhealthy"],
                AGAIN: moments["ready"],
            }

        def restart() -> Mapping[str, float]:
            return {RESTART: seconds(_restart, client, bare)}

        def poll() -> Mapping[str, float]:
            time.sleep(
                random.uniform(0, _POLL_S)
            )  # so that it comes at any moment between two looks
            began = time.perf_counter()
            client.kill(bare)
            while (seen_s := looks.get(timeout=_PATIENCE_S) - began) < 0:
                continue  # a look from before
            _restart(client, bare)
            return {POLL: seen_s}

        yield kill, restart, poll


def _containers(client: APIClient, project: str) -> list[str]:
    listed = client.containers(filters={"label": f"com.docker.compose.project={project}"})
    return [one["Id"] for one in listed]


def _hear_deaths(
    stack: ExitStack, client: APIClient, project: str, hear: Callable[[], None]
) -> None:
    filters = {"event": "die", "label": f"com.docker.compose.project={project}"}
    stream: Any = client.events(filters=filters, decode=True)
    stack.callback(stream.close)

    def listen() -> None:
        for _ in stream:
            hear()

    threading.Thread(target=listen, daemon=True).start()


def _look_around(stack: ExitStack, container: str) -> queue.Queue[float]:
    """Inspect a container at a poller's own times; gives the moments at which it was not running."""
    found: queue.Queue[float] = queue.Queue()
    ended = threading.Event()
    client = stack.enter_context(connect())

    def look() -> None:
        while not ended.wait(_POLL_S):
            if not client.inspect_container(container)["State"]["Running"]:
                found.put(time.perf_counter())

    thread = threading.Thread(target=look)
    thread.start()
    stack.callback(thread.join)
    stack.callback(ended.set)
    return found


def _restart(client: APIClient, container: str) -> None:
    """As a user would who waits for health: kill and start at once, then look until it is healthy."""
    stream: Any = client.events(
        filters={"event": "health_status", "container": container}, decode=True
    )
    client.restart(container, timeout=0)
    for event in stream:
        if event["status"].endswith("healthy"):
            break
    stream.close()
