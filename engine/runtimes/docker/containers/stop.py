"""Ending containers: gracefully, then by force, and verified."""

from __future__ import annotations

import math
import time
from typing import Final

import docker.errors
from docker.api import APIClient

__all__ = ["remove_container", "stop_container"]

_GONE_WITHIN_S: Final = 60.0
_LOOK_EVERY_S: Final = 0.1
_CONFLICT: Final = 409


def stop_container(client: APIClient, container_id: str, grace_s: float) -> None:
    """End a container's processes; harmless when it does not run.

    Args:
        grace_s: between the stop signal and KILL, in seconds; the engine counts whole ones.
    """
    if client.inspect_container(container_id)["State"]["Paused"]:
        client.unpause(container_id)  # a frozen process cannot act on a signal
    client.stop(container_id, timeout=math.ceil(grace_s))


def remove_container(container_id: str, grace_s: float, client: APIClient) -> None:
    """End and remove a container and its anonymous volumes, and see that it is gone.

    Returns as soon as inspection does not find it any more, and at the latest after a minute.

    Raises:
        docker.errors.APIError: the engine refuses, and not because it is at it already.
    """
    try:
        if grace_s > 0:
            stop_container(client, container_id, grace_s)
        client.remove_container(container_id, v=True, force=True)
    except docker.errors.NotFound:
        return
    except docker.errors.APIError as error:
        if error.status_code != _CONFLICT:  # "removal is already in progress" is what we want
            raise
    deadline_s = time.monotonic() + _GONE_WITHIN_S
    while time.monotonic() < deadline_s:
        try:
            client.inspect_container(container_id)
        except docker.errors.NotFound:
            return
        time.sleep(_LOOK_EVERY_S)
