"""What each engine of the lab has been seen to do, by probe; :mod:`tests.engines.page` writes it into the docs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["BEHAVIOURS"]

_DOCKER_28: Final[Mapping[str, str]] = {
    "exec that ends": "exec_create, exec_start, exec_die; with its id",
    "exec before its start": "None",
    "exec of a missing program": "400, then exit code 127",
    "exec started twice": "409, 409",
    "exec in a stopped container": "409",
    "stop that has to kill": "die, kill, stop",
    "stop of a paused container": "taken",
    "removal": "destroy",
    "processes": "the machine's",
    "two networks of one name": "409",
    "name in use": "409",
    "unknown runtime": "400",
    "gpus": "there",
    "digest of an image": "none",
}
_DOCKER_26: Final = {**_DOCKER_28, "exec of a missing program": "400, then exit code 126"}

BEHAVIOURS: Final[Mapping[str, Mapping[str, str]]] = {
    "docker-20": {**_DOCKER_26, "two networks of one name": "taken"},
    "docker-26": _DOCKER_26,
    "docker-28": _DOCKER_28,
    "docker-28-containerd": {**_DOCKER_28, "digest of an image": "the same"},
    "podman-5": {
        "exec that ends": "exec, exec_died; without its id",
        "exec before its start": "0",
        "exec of a missing program": "500, then exit code 0",
        "exec started twice": "500, 500",
        "exec in a stopped container": "500",
        "stop that has to kill": "cleanup, die",
        "stop of a paused container": "500",
        "removal": "remove",
        "processes": "the container's own",
        "two networks of one name": "409",
        "name in use": "500",
        "unknown runtime": "taken",
        "gpus": "500",
        "digest of an image": "another",
    },
}
