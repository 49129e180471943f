"""A lifecycle with an additional state: after each experiment the device cools down. Tests also copy this file."""

from __future__ import annotations

from engine import BackendLifecycle
from engine.backend import Backend
from states import BACKEND, Row

COOLING = BACKEND.extend(
    name="cooling",
    states={"cooling": "the device cools down"},
    events={"cooled": "the device is cool"},
    actions={"cool": "wait until the device is cool"},
    without=[("busy", "finish")],
    rows=[
        Row("busy", "finish", "cooling", action="cool"),
        Row("cooling", "cooled", "ready"),
        Row("cooling", "stop", "cooling", action="remove"),
        Row("cooling", "removed", "stopped"),
        Row("cooling", "removal_failed", "exhausted"),
    ],
)


async def at_once(_backend: Backend) -> str:
    return "cooled"


LIFECYCLE = BackendLifecycle(COOLING, effects={"cool": at_once})
