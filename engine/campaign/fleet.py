"""The backends of a campaign: started when they are due, and why some of them take no runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from attrs import define, field

from engine.compose import needed
from engine.controller import Controller
from engine.errors import StartError

__all__ = ["Fleet"]


@define(eq=False)
class Fleet:
    """What a campaign knows of its backends.

    Attributes:
        controller: the backends themselves.
        unusable: those that take no runs any more, and why.
    """

    controller: Controller
    unusable: dict[str, str] = field(factory=dict, init=False)
    _launching: asyncio.Lock = field(factory=asyncio.Lock, init=False)

    async def launch(self, names: Iterable[str]) -> None:
        """Begin to start backends side by side; what cannot be prepared becomes unusable.

        Raises:
            StartError: something that belongs to none of them alone cannot be prepared.
        """
        waiting = list(names)
        async with self._launching:  # two starts at once might both start what both depend on
            while waiting:
                try:
                    await self.controller.start(waiting, wait=False)
                except StartError as error:
                    hit = [name for name in waiting if self._needs(name, error.reasons)]
                    if not hit:
                        raise
                    self.unusable.update({name: _why(name, error) for name in hit})
                    waiting = [name for name in waiting if name not in hit]
                else:
                    return

    async def see_ready(self, names: Iterable[str]) -> None:
        """Start backends, if need be, and wait until each is ready or known not to become so."""
        for name in dict.fromkeys(names):
            if name not in self.unusable:
                await self.launch([name])
            if name not in self.unusable:
                try:
                    await self.controller.start([name])
                except StartError as error:
                    self.unusable[name] = _why(name, error)

    async def unfit(self, name: str) -> str:
        """Wait until a backend has settled; say why it takes no run, or nothing if it does."""
        backend = self.controller.backend(name)
        state = await backend.settled()
        if state == "ready":
            return ""
        fault = f": {backend.fault.reason}" if backend.fault else ""
        self.unusable[name] = f"its backend is {state}{fault}"
        return self.unusable[name]

    def restarts(self, name: str) -> int:
        """How often a backend's container was started again."""
        backend = self.controller.backends.get(name)
        return max(backend.generation - 1, 0) if backend else 0

    def _needs(self, name: str, services: Iterable[str]) -> bool:
        return not {*needed(self.controller.project, [name])}.isdisjoint(services)


def _why(name: str, error: StartError) -> str:
    """Why a backend did not start: its own reason first, then those of what it depends on."""
    own = error.reasons.get(name, "")
    others = [f"{other}: {reason}" for other, reason in error.reasons.items() if other != name]
    return "; ".join([own, *others] if own else others)
