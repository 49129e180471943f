"""The backends of a campaign: started when they are due, and why some of them take no runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final

from attrs import define, field

from engine.backend import Backend
from engine.campaign.model import Campaign, CoolDown, Refresh
from engine.campaign.runs.plan import PlannedRun
from engine.compose import needed
from engine.controller import Controller
from engine.errors import RemovalFailed, StartError
from engine.util.clock import now_s

__all__ = ["Fleet", "refresh_reason"]

_LOG: Final = logging.getLogger(__name__)

_COOLING_S: Final = 5.0
"""How often a GPU that is too warm is looked at."""


@define(eq=False)
class Fleet:
    """What a campaign knows of its backends.

    Attributes:
        campaign: what is asked of them.
        controller: the backends themselves.
        unusable: those that take no runs any more, and why.
    """

    campaign: Campaign
    controller: Controller
    unusable: dict[str, str] = field(factory=dict, init=False)
    _users: set[str] = field(factory=set, init=False)
    _left: set[str] = field(factory=set, init=False)
    _last: dict[str, PlannedRun] = field(factory=dict, init=False)
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

    async def clear(self, names: Iterable[str]) -> None:
        """Remove what an earlier session left; what cannot be removed now, the teardown tries again."""
        for name in names:
            try:
                await self.controller.clear([name])
            except RemovalFailed as failed:
                _LOG.warning("%s", failed)
                self._left.add(name)

    async def take_over(self, names: Iterable[str]) -> None:
        """Begin to start backends in which something of an earlier session may still run."""
        names = list(names)
        self._users.update(names)
        await self.launch(names)

    async def see_ready(self, names: Iterable[str]) -> None:
        """Start backends, if need be, and wait until each is ready or known not to become so."""
        for name in dict.fromkeys(names):
            if self.controller.started(name):
                continue
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

    async def prepare(self, run: PlannedRun, on_pause: Callable[[float, str], None]) -> str:
        """Do to a run's backend what the campaign wants done before the run.

        That is: take the others out of the way, restart it though nothing is wrong, let it cool down.

        Args:
            on_pause: called with how long it may take at most, in seconds, and why, when it is waited.

        Returns:
            why the run cannot be tried, though its backend is not at fault: another one is in the way;
            empty if nothing is.
        """
        if self.campaign.exclusive:
            try:
                await self._make_way(run.backend)
            except RemovalFailed as failed:
                return f"not alone on the machine: {failed}"
        await self.see_ready([run.backend])
        if run.backend in self.unusable:
            return ""
        self._users.add(run.backend)
        backend = self.controller.backend(run.backend)
        if await backend.settled() != "ready":
            return ""
        refresh = self.campaign.refresh.get(run.backend, Refresh())
        reason = refresh_reason(refresh, self._last.get(run.backend), run, backend.since_restart)
        self._last[run.backend] = run
        if reason:
            backend.restart(reason)
            await backend.settled()
        if self.campaign.cool_down is not None:
            await self._cool_down(backend, self.campaign.cool_down, on_pause)
        return ""

    async def _make_way(self, name: str) -> None:
        """Take down whatever else is up."""
        backends = self.controller.backends
        await self.controller.stop([one for one in self._users if one != name and one in backends])
        self._users.intersection_update({name})
        for one in sorted(self._left - {*needed(self.controller.project, [name])}):
            await self.controller.clear([one])
            self._left.remove(one)

    async def _cool_down(
        self, backend: Backend, limit: CoolDown, on_pause: Callable[[float, str], None]
    ) -> None:
        """Wait until the backend's GPUs are cool, as far as they tell their temperature."""
        deadline_s = now_s() + limit.at_most_s
        told = False
        while await backend.settled() == "ready":
            status = await backend.look()
            known = [one.temperature_c for one in status.devices if one.temperature_c is not None]
            left_s = deadline_s - now_s()
            if all(warm < limit.below_c for warm in known) or left_s <= 0:
                return
            if not told:
                on_pause(left_s, f"cooling down from {max(known)} to {limit.below_c:g} degrees")
                told = True
            await asyncio.sleep(min(_COOLING_S, left_s))

    def restarts(self, name: str) -> int:
        """How often a backend's container was started again."""
        backend = self.controller.backends.get(name)
        return max(backend.generation - 1, 0) if backend else 0

    def _needs(self, name: str, services: Iterable[str]) -> bool:
        return not {*needed(self.controller.project, [name])}.isdisjoint(services)


def refresh_reason(
    refresh: Refresh, last: PlannedRun | None, run: PlannedRun, since_restart: int
) -> str:
    """Why a backend is restarted before a run though nothing is wrong; empty when it is not.

    Args:
        last: what ran in it last.
        since_restart: how many commands have run in it since its last start.
    """
    if since_restart == 0:
        return ""
    if run.experiment.cold_start:
        return "a cold start"
    if refresh.every is not None and since_restart >= refresh.every:
        return f"{since_restart} experiments since its last start"
    if last is not None:
        for key in refresh.on_change:
            if last.experiment.keys.get(key) != run.experiment.keys.get(key):
                return f"another {key}"
    return ""


def _why(name: str, error: StartError) -> str:
    """Why a backend did not start: its own reason first, then those of what it depends on."""
    own = error.reasons.get(name, "")
    others = [f"{other}: {reason}" for other, reason in error.reasons.items() if other != name]
    return "; ".join([own, *others] if own else others)
