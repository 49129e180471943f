"""Whether a backend can be used."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from engine.controller import Controller
from engine.errors import DispatchError, StartError
from engine.model.results import Ending

__all__ = ["CALM_S", "usable", "used"]

CALM_S: Final = 600.0
"""After so long without faults, in seconds, everything that was stuck has come free."""

_TRIES: Final = 3


async def used(controller: Controller, name: str, said: str) -> bool:
    """Run a command; whether it came to its own end."""
    try:
        ended = await controller.execute(name, ["work"], id=f"{name} {said}", timeout_s=600)
    except DispatchError:
        return False
    return ended.ending is Ending.EXITED


async def usable(controller: Controller, name: str) -> bool:
    """Use a backend, and again if what was amiss shows only then.

    It is started if it is down, restarted if that is left to us, and has a new budget if its own is spent.
    """
    for number in range(_TRIES):
        with suppress(StartError):
            await controller.start([name])
        backend = controller.backend(name)
        match await backend.settled():
            case "exhausted":
                backend.reset()
            case "unhealthy":
                backend.restart("by hand")
            case "ready" if number and not backend.policy.recover:  # it takes nothing all the same
                backend.restart("by hand")
        if await backend.settled() == "ready" and await used(controller, name, str(number)):
            return True
    return False
