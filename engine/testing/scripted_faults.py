"""Faults that strike when a test says so, and commands that end when it does."""

from __future__ import annotations

import asyncio
import random
from difflib import get_close_matches

from attrs import define, field

from engine.errors import InputError
from engine.runtimes.base import ExecRequest
from engine.runtimes.simulated import (
    CATALOGUE,
    EachLasts,
    Fault,
    Faults,
    Process,
    Program,
    Strikes,
    World,
    lasting,
)

__all__ = ["HeldCommands", "OrderedFaults", "named"]


def named(name: str) -> Fault:
    """The fault of that name in the catalogue (``docs/simulation.md`` lists it).

    Raises:
        InputError: there is none.
    """
    known = {fault.name: fault for fault in CATALOGUE}
    if name not in known:
        near = get_close_matches(name, known, n=1)
        meant = f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(known)}"
        raise InputError(f"there is no fault {name!r}{meant}")
    return known[name]


@define
class _Order:
    fault: Fault
    call: str | None
    skip: int
    times: int


@define(eq=False)
class OrderedFaults(Faults):
    """Faults on order, and by chance besides, where a rate is set.

    Args:
        world: what :meth:`now` strikes.

    Example:
        >>> faults = OrderedFaults(World())
        >>> faults.order("lost_reply", call="create")  # the next container that is created
        >>> faults.order("server_error", call="start", at=3, times=5)  # from the third start on
    """

    rate: float = 0.0
    rng: random.Random = field(factory=lambda: random.Random(0))  # noqa: S311 - simulated chance
    only: frozenset[str] | None = None
    world: World = field(factory=World, kw_only=True)
    _orders: list[_Order] = field(factory=list, init=False)

    def order(self, name: str, *, call: str | None = None, at: int = 1, times: int = 1) -> None:
        """Let a fault strike at one of its next opportunities.

        Args:
            name: of the fault.
            call: which call of the daemon it is to strike; None for any that it can.
            at: the first opportunity that it strikes, 1 for the next one.
            times: how many in a row.

        Raises:
            InputError: there is no such fault, or it does not strike that call.
        """
        fault = named(name)
        if call is not None and call not in fault.calls:
            strikes = ", ".join(sorted(fault.calls)) or "no call"
            raise InputError(f"{name} does not strike the call {call!r}; it strikes: {strikes}")
        self._orders.append(_Order(fault, call, at - 1, times))

    def by_chance(self, rate: float, *, seed: int, only: frozenset[str] | None = None) -> None:
        """Let faults strike by chance from now on.

        Args:
            rate: the share of all opportunities that are struck, from 0 to 1.
            seed: of the chance.
            only: the names of those that may strike; None for all.
        """
        self.rate, self.rng, self.only = rate, random.Random(seed), only  # noqa: S311 - simulated chance
        self._tables.clear()

    def now(self, name: str, service: str) -> None:
        """Inject a fault into a service's running container at once, or into the command in it.

        For use on the event loop; :meth:`engine.testing.simulation.Simulation.befall` brings it there.

        Raises:
            InputError: there is no such fault, it strikes calls or events, or nothing runs there.
        """
        fault = named(name)
        running = [one for one in self.world.of_service(service) if one.running]
        if not callable(fault.does):
            raise InputError(f"{name} strikes {fault.strikes.value}; order it instead")
        if not running:
            raise InputError(f"no container of {service} runs, so no fault can hit it")
        commands = [one for one in running[0].processes.values() if one.order.request]
        process = commands[0] if commands else running[0].main
        if process is not None and fault.does(self.world, process):
            self.struck[name] += 1

    def strike(self, at: Strikes, call: str = "") -> Fault | None:
        """Whether an opportunity is struck, and by what."""
        for order in self._orders:
            if order.fault.strikes is not at or (call and call not in order.fault.calls):
                continue
            if order.call is not None and order.call != call:
                continue
            if order.skip:
                order.skip -= 1
                continue
            order.times -= 1
            if not order.times:
                self._orders.remove(order)
            return order.fault
        return super().strike(at, call)

    def end(self) -> None:
        """From now on nothing is struck; what was ordered is forgotten."""
        self._orders.clear()
        super().end()


class HeldCommands(EachLasts):
    """Commands that run until :meth:`end` says how they end; health checks take a second and pass."""

    def __init__(self) -> None:
        super().__init__()
        self._ends: dict[str, asyncio.Future[int]] = {}

    def check(self, service: str, command: tuple[str, ...]) -> Program:
        """Takes a second, so that a test can inspect it meanwhile, and passes."""
        return lasting(1.0)

    def experiment(self, service: str, request: ExecRequest) -> Program | None:
        """Runs until it is ordered to end."""

        async def held(_process: Process) -> int:
            ends: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            self._ends[request.id] = ends
            return await ends

        return held

    @property
    def running(self) -> tuple[str, ...]:
        """The ids of the requests whose commands run."""
        return tuple(name for name, ends in self._ends.items() if not ends.done())

    def end(self, request: str, exit_code: int = 0) -> None:
        """Let a request's command end like that; harmless when it has ended."""
        ends = self._ends.get(request)
        if ends is not None and not ends.done():
            ends.set_result(exit_code)
