"""A custom lifecycle: after each experiment the device cools down before the next one."""

from __future__ import annotations

import asyncio
from typing import Final

from engine.backend import Backend
from states import BACKEND, SAME, Row
from states.verify import OwnStep

__all__ = ["COOLING", "EFFECTS", "HASTY", "nothing_runs_on_a_hot_device"]

COOLS_IN_S: Final = 30.0

COOLING: Final = BACKEND.extend(
    name="cooling",
    states={"cooling": "the device cools down"},
    events={"cooled": "the device is cool"},
    actions={"cool": "wait until the device is cool"},
    without=[("busy", "finish")],
    rows=[
        Row("busy", "finish", "cooling", action="cool"),
        Row("cooling", "cooled", "ready"),
        Row("cooling", "stop", SAME, action="remove"),
        Row("cooling", "removed", "stopped"),
        Row("cooling", "removal_failed", "exhausted"),
    ],
)

HASTY: Final = COOLING.extend(
    name="hasty",
    rows=[Row("cooling", "dispatch", "busy", action="execute", doc="The mistake: it is hot.")],
)
"""The same, with a mistake that no check of the table by itself can know for one."""


async def cool(_backend: Backend) -> str:
    """Does the action; the event that it returns is put to the table."""
    await asyncio.sleep(COOLS_IN_S)
    return "cooled"


EFFECTS: Final = {"cool": cool}


def nothing_runs_on_a_hot_device(step: OwnStep) -> bool:
    """Each experiment is followed by cooling, and only a cool device takes the next one."""
    return not (step.before.state == "cooling" and step.after.state == "busy")
