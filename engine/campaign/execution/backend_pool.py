"""The backends of a campaign: started when they are due, and why some of them take no runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final

from attrs import define, field

from engine.backend import Backend
from engine.campaign.execution.preparation import BackendPreparation
from engine.campaign.model import Campaign, CoolDown, Isolation, Refresh
from engine.campaign.runs.plan import PlannedRun
from engine.compose import needed
from engine.controller import Controller
from engine.errors import DispatchError, RemovalFailed, StartError
from engine.model.service_change import ServiceChange
from engine.util.clock import now_s

__all__ = ["Fleet", "refresh_reason"]

_LOG: Final = logging.getLogger(__name__)

_COOLING_S: Final = 5.0
"""How often a GPU that is too warm is checked."""


@define(eq=False)
class Fleet:
    """The backends of a campaign, and their state.

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
    _made_with: dict[str, ServiceChange | None] = field(factory=dict, init=False)
    _refused: dict[tuple[str, ServiceChange | None], str] = field(factory=dict, init=False)
    _failed: set[str] = field(factory=set, init=False)
    _launching: asyncio.Lock = field(factory=asyncio.Lock, init=False)
    _preparation: BackendPreparation = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._preparation = BackendPreparation(self.campaign, self.controller)

    def barred(self, run: PlannedRun) -> str:
        """Why a run's backend takes it no more; empty if it does.

        A backend that runs need with several services is given up for one of them alone.
        """
        refused = self._refused.get((run.backend, run.experiment.service), "")
        gone = [self.unusable[one] for one in run.services if one in self.unusable]
        return gone[0] if gone else refused

    @property
    def given_up(self) -> dict[str, str]:
        """The backends that take no more runs, with reasons; also as pairs with one of several services."""
        return {
            **self.unusable,
            **{f"{name} with {self._told(one)}": why for (name, one), why in self._refused.items()},
        }

    async def launch(self, runs: Iterable[PlannedRun]) -> None:
        """Begin to start backends side by side; what cannot be prepared becomes unusable.

        Args:
            runs: those that wait for them. Each backend starts with the service that its first run needs.

        Raises:
            StartError: something that belongs to none of them alone cannot be prepared.
        """
        waiting = self._begun_for(runs)
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

    async def take_over(self, runs: Iterable[PlannedRun]) -> None:
        """Begin to start backends in which these runs of an earlier session may still be under way."""
        runs = list(runs)
        self._users.update(run.backend for run in runs)
        await self.launch(runs)

    async def see_ready(self, runs: Iterable[PlannedRun]) -> None:
        """Start the backends of runs, if need be, and wait until each is ready or known not to become so."""
        first: dict[tuple[str, ...], PlannedRun] = {}
        for run in runs:
            first.setdefault(run.services, run)
        for services, run in first.items():
            if all(map(self.controller.started, services)) or run.backend in self._failed:
                continue
            if not self.barred(run):
                await self.launch([run])
            if not self.barred(run):
                try:
                    await self.controller.start(services)
                except StartError as error:
                    for name in services:
                        if name in error.reasons:
                            self._start_failed(name, _why(name, error))

    def _begun_for(self, runs: Iterable[PlannedRun]) -> list[str]:
        """The backends of runs, each with the service that the first of its runs needs."""
        names: list[str] = []
        for run in runs:
            if run.backend not in self._made_with:
                self._make_with(run)
            names += run.services
        return list(dict.fromkeys(names))

    def _make_with(self, run: PlannedRun) -> None:
        change = self._made_with[run.backend] = run.experiment.service
        self.controller.change(run.backend, change)

    def _start_failed(self, name: str, why: str) -> None:
        """Give a backend up that did not start; or its service, where that alone may be at fault."""
        backend = self.controller.backends.get(name)
        if backend is not None and backend.state == "exhausted":
            self._failed.add(name)
            self._give_up(name, f"{why}{_reference(backend)}")
        else:
            self.unusable[name] = why

    def _give_up(self, name: str, why: str) -> str:
        """Have a backend take no more runs with the service that it has; returns why."""
        change = self._made_with.get(name)
        services = {one.service for one in self.campaign.experiments if name in one.backends}
        if change is not None:
            why = f"with {self._told(change)}, {why}"
        if len(services) > 1:
            self._refused[name, change] = why
        else:
            self.unusable[name] = why
        return why

    def _told(self, change: ServiceChange | None) -> str:
        """A change in words, without secrets."""
        return "no change" if change is None else str(change.without(self.campaign.secrets))

    async def unfit(self, name: str) -> str:
        """Wait until a backend has settled; say why it takes no run, or nothing if it does."""
        backend = self.controller.backend(name)
        state = await backend.settled()
        if state == "ready":
            return ""
        fault = f": {backend.fault.reason}" if backend.fault else ""
        return self._give_up(name, f"its backend is {state}{fault}{_reference(backend)}")

    async def prepare(self, run: PlannedRun, on_pause: Callable[[float, str], None]) -> str:
        """Do to a run's backend what the campaign wants done before the run.

        That is: take the others out of the way, have its container made with the run's service, restart it
        though nothing is wrong, let it cool down.

        Args:
            on_pause: called with how long it may take at most, in seconds, and why, when it is waited.

        Returns:
            why the run cannot be tried, though its backend is not at fault: another one is in the way;
            empty if nothing is.
        """
        if self.campaign.exclusive:
            try:
                await self._make_way(run)
            except RemovalFailed as failed:
                return f"not alone on the machine: {failed}"
        await self.see_ready([run])
        if not self.barred(run):
            await self._see_company(run)
        if self.barred(run):
            return ""
        self._users.add(run.backend)
        backend = self.controller.backend(run.backend)
        await backend.settled()
        self._renew(backend, run)
        if await backend.settled() != "ready":
            return ""
        unprepared = await self._preparation.set_up(backend)
        if unprepared:
            self._give_up(run.backend, unprepared)
            return ""
        if self.campaign.cool_down is not None:
            await self._cool_down(backend, self.campaign.cool_down, on_pause)
        return ""

    def _renew(self, backend: Backend, run: PlannedRun) -> None:
        """Begin to restart or recreate a backend that has settled, if a run asks for it."""
        name, experiment, last = run.backend, run.experiment, self._last.get(run.backend)
        self._last[name] = run
        if self._made_with[name] != experiment.service:
            self._make_with(run)
            reason = f"another service: {self._told(experiment.service)}"
            if backend.state == "exhausted":  # which was the doing of the service before
                backend.reset(reason)
            elif backend.state == "ready":
                backend.restart(reason, recreate=True)
        elif backend.state == "ready" and experiment.isolation is Isolation.RECREATE:
            if not backend.fresh:
                backend.restart("a new container for the run", recreate=True)
        elif backend.state == "ready" and not backend.restarted:
            refresh = self.campaign.refresh.get(name, Refresh())
            reason = refresh_reason(refresh, last, run, backend.since_restart)
            if reason:
                backend.restart(reason)

    async def _see_company(self, run: PlannedRun) -> None:
        """Wait for what a run's backend depends on and what it measures; what is lost for good becomes unusable."""
        project = self.controller.project
        for service in run.services:
            for name in needed(project, [service]):
                backend = self.controller.backends.get(name)
                if backend is None or name == run.backend:
                    continue
                try:
                    await backend.served()
                except DispatchError:
                    fault = f": {backend.fault.reason}" if backend.fault else ""
                    what = "is" if name == service else f"depends on {name}, which is"
                    self.unusable[service] = f"{service} {what} {backend.state}{fault}"
                    return

    async def _make_way(self, run: PlannedRun) -> None:
        """Take down all other services that are up, dependants before their dependencies."""
        wanted = {*needed(self.controller.project, run.services)}
        others = [one for one in reversed(self.controller.up) if one not in wanted]
        for one in others:
            await self._preparation.clear_up(one)
        await self.controller.stop(others)
        for one in others:
            self._made_with.pop(one, None)
            self._failed.discard(one)
        self._users.intersection_update({run.backend})
        for one in sorted(self._left - wanted):
            await self.controller.clear([one])
            self._left.remove(one)

    async def clear_up(self) -> None:
        """Have every backend that is up clear up, before all of them are stopped."""
        async with asyncio.TaskGroup() as group:
            for name in self._users:
                group.create_task(self._preparation.clear_up(name))

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

    def _needs(self, name: str, services: Iterable[str]) -> bool:
        return not {*needed(self.controller.project, [name])}.isdisjoint(services)


def _reference(backend: Backend) -> str:
    """Say where to read the log of a failed backend; empty if it is not kept."""
    log = backend.log.failed
    return f"; see {log.within}" if log is not None and log.kept else ""


def refresh_reason(
    refresh: Refresh, last: PlannedRun | None, run: PlannedRun, since_restart: int
) -> str:
    """Why a backend in which something has run is restarted though nothing is wrong; empty when it is not.

    Args:
        last: what ran in it last.
        since_restart: how many attempts have run in it since its last start.
    """
    if run.experiment.isolation is Isolation.RESTART:
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
