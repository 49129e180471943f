"""One command in one container, from its start to its end, within its limits."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from attrs import define, evolve, field, frozen

from engine.backend.leftovers import UNENDED, clear
from engine.backend.output_limit import Growth
from engine.errors import CommandLost, ContainerLost, ExecFailed
from engine.health import post_mortem
from engine.model.results import Ending, Fault, Leftovers, LeftProcess, Span
from engine.runtimes.base import Container, ExecRequest, ExecResult, Runtime
from engine.spool import Slot
from engine.util.clock import SetClock, now_s, utc_now
from engine.util.futures import forget

__all__ = ["Dispatch", "Limits", "Outcome"]

_STOPPED: Final = "its backend was stopped"
_KNOWN_S: Final = 5.0
"""How long it may take until it is known how a command ended that has been ended for certain."""

_FETCHED_S: Final = 60.0
"""How long the removal of a container waits for the artifacts of the command that was ended in it."""

_SETTLE_S: Final = 60.0
"""How long a command whose caller gave up is waited for once it has been ended."""


@frozen
class Limits:
    """How long a command may take, and what it may leave; beyond that, all that it started is ended.

    Attributes:
        timeout_s: wall clock limit in seconds; None for none.
        silence_s: how long it may write nothing at all, in seconds; None for ever. A hung command does
            not come to its end, but it does fall silent.
        grace_s: seconds between TERM and KILL.
        leftovers: what to do with processes that still run when it has ended.
    """

    timeout_s: float | None = None
    silence_s: float | None = None
    grace_s: float = 10.0
    leftovers: Leftovers = Leftovers.END


@frozen
class Outcome:
    """How a command ended, and what that says about its backend.

    Attributes:
        fault: what is wrong with the backend; None when nothing is.
        ran: when the command itself ran; None where that was not seen.
        left: the processes that it left running.
        warnings: what of its metrics and artifacts could not be brought to this machine.
    """

    ending: Ending
    exit_code: int | None
    reason: str = ""
    fault: Fault | None = None
    ran: Span | None = None
    left: tuple[LeftProcess, ...] = ()
    warnings: tuple[str, ...] = ()

    def within(self, since: datetime, lasted_s: float) -> Outcome:
        """The same, with no times but such as can be true; see :meth:`engine.model.results.Span.within`."""
        return self if self.ran is None else evolve(self, ran=self.ran.within(since, lasted_s))


@define(eq=False)
class Dispatch:
    """A command that is being run.

    Attributes:
        request: what is run.
        slot: where its output goes.
        begun_ago_s: how long it has been running already, in seconds, under an earlier controller; None
            for one that is yet to begin.
        clock: tells whether the date and time have been set since the command began.
        collected: set once its artifacts have been fetched from its container.
        unended: what a caller who gave up has left its container unfit by, if the command was not seen to
            end.
    """

    _runtime: Runtime
    _container: Container
    request: ExecRequest
    slot: Slot
    limits: Limits
    begun_ago_s: float | None = None
    clock: SetClock = field(factory=SetClock)
    unended: Fault | None = field(default=None, init=False)
    collected: asyncio.Event = field(factory=asyncio.Event, init=False)
    _interrupted: bool = field(default=False, init=False)
    _abandoned: str | None = field(default=None, init=False)
    _target_lost: str | None = field(default=None, init=False)
    _given_up: asyncio.Future[None] = field(init=False)
    _command: asyncio.Future[ExecResult] | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._given_up = asyncio.get_running_loop().create_future()

    async def run(self) -> Outcome:
        """Run the command and wait for its end. Cancelling the caller also ends the command.

        A command that ended by itself has ``exited``, even if its container is lost afterwards.
        """
        outcome = await self._outcome()
        if outcome.fault is not None or self._interrupted or self._abandoned is not None:
            return outcome  # its container is removed, or recreated
        try:
            return await self._cleared(outcome)
        except asyncio.CancelledError:
            self.unended = UNENDED
            raise

    async def _outcome(self) -> Outcome:
        command = self._begun()
        try:
            passed = await self._within_limits(command)
            if passed is not None:
                return await self._end(command, *passed)
            ending = Ending.INTERRUPTED if self._interrupted else Ending.EXITED
            return self._told(command.result(), ending, _STOPPED)
        except ContainerLost as lost:
            fault = await post_mortem(self._runtime, self._container, lost)
            if lost.ended is not None:
                return self._told(lost.ended, Ending.EXITED, "", fault)
            if self._interrupted:
                return Outcome(Ending.INTERRUPTED, None, _STOPPED)
            return Outcome(Ending.LOST, None, fault.reason, fault)
        except CommandLost as lost:
            if self._interrupted:
                return Outcome(Ending.INTERRUPTED, None, _STOPPED)
            # A command of an earlier controller went down with that controller, not by its own fault.
            ending = Ending.LOST if self.begun_ago_s is None else Ending.INTERRUPTED
            return Outcome(ending, None, lost.reason)
        except ExecFailed as failed:
            return Outcome(Ending.UNSTARTED, None, failed.reason)
        except asyncio.CancelledError:
            self.unended = UNENDED
            self.unended = await self._ended(command)
            command.cancel()
            raise

    def _told(
        self, result: ExecResult, ending: Ending, reason: str, fault: Fault | None = None
    ) -> Outcome:
        """The outcome of a command whose exit code is known.

        Args:
            ending: what it has come to if it was ended, rather than ended by itself.
            reason: likewise.
        """
        if result.by_itself or ending is Ending.EXITED:
            ending, reason = Ending.EXITED, ""
        if result.problem:
            ending = Ending.OUTPUT if ending is Ending.EXITED else ending
            reason = "; ".join(filter(None, (reason, result.problem)))
        return Outcome(
            ending, result.exit_code, reason, fault, result.ran, warnings=result.warnings
        )

    async def _cleared(self, outcome: Outcome) -> Outcome:
        """See that nothing is left of a command that has ended."""
        policy = self.limits.leftovers
        keep = policy is Leftovers.KEEP and outcome.ending is Ending.EXITED
        found = await clear(self._runtime, self._container, self.request, keep=keep)
        outcome = evolve(outcome, left=found.left, fault=found.fault)
        failing = policy is Leftovers.FAIL and outcome.ending is Ending.EXITED
        if found.left and failing and outcome.exit_code == 0:
            return evolve(outcome, ending=Ending.LEFTOVERS, reason=found.reason)
        return outcome

    def _begun(self) -> asyncio.Future[ExecResult]:
        begin = self._runtime.execute if self.begun_ago_s is None else self._runtime.attach
        command = self._command = asyncio.ensure_future(begin(self._container, self.request))
        command.add_done_callback(forget)  # given up, it is asked no more
        return command

    async def interrupt(self, *, grace_s: float) -> None:
        """End the command from outside; :meth:`run` then tells how it ended."""
        self._interrupted = True
        await self._kill(grace_s)
        if self._command is not None:
            # Its container's removal comes next; it must not take exit code or output along.
            await self._until_known(self._command)
            if self.request.measure.fetched:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_FETCHED_S if grace_s else _KNOWN_S):
                        await self.collected.wait()

    async def _until_known(self, command: asyncio.Future[ExecResult]) -> None:
        """Wait for what is known of a command that has ended, as long as more of its output comes."""
        seen = None
        while not command.done() and (size := self._output()[0]) != seen:
            seen = size
            await asyncio.wait({command}, timeout=_KNOWN_S)

    def abandon(self, reason: str) -> None:
        """Give the command up, begun or not: its container was seen to be unfit."""
        self._abandoned = reason
        if not self._given_up.done():
            self._given_up.set_result(None)

    def lose_target(self, reason: str) -> None:
        """Give the command up, begun or not: a server that it measures was lost. Its own container stays."""
        self._target_lost = reason
        if not self._given_up.done():
            self._given_up.set_result(None)

    async def _within_limits(
        self, command: asyncio.Future[ExecResult]
    ) -> tuple[Ending, str] | None:
        """Wait for the command's end; returns how it is to be ended before, and None if it is not."""
        limits = self.limits
        begun_s = now_s() - (self.begun_ago_s or 0.0)
        ends_s = None if limits.timeout_s is None else begun_s + limits.timeout_s
        quiet_s = None if limits.silence_s is None else begun_s + limits.silence_s
        size = Growth(self.request.max_output_bytes, now_s())
        written, looked_s = 0, begun_s
        if self.begun_ago_s is not None and limits.silence_s is not None:
            written, age_s = self._output()
            looked_s = now_s()
            quiet_s = looked_s - self._credible(age_s, self.begun_ago_s) + limits.silence_s
        while True:
            dues_s = [due for due in (ends_s, quiet_s, size.due_s) if due is not None]
            wait_s = max(0.0, min(dues_s) - now_s()) if dues_s else None
            either: set[asyncio.Future[Any]] = {command, self._given_up}
            await asyncio.wait(either, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
            if command.done():
                return None
            if self._abandoned is not None:
                return Ending.LOST, self._abandoned
            if self._target_lost is not None:
                return Ending.LOST, self._target_lost
            if ends_s is not None and now_s() >= ends_s:
                return Ending.TIMEOUT, f"ended after its time limit of {limits.timeout_s:g} s"
            due = size.due_s is not None and now_s() >= size.due_s
            if due and size.passed(self._output()[0], now_s()):
                return Ending.OUTPUT, f"ended after {size.limit_bytes} bytes of output"
            if quiet_s is None or limits.silence_s is None or now_s() < quiet_s:
                continue
            seen, age_s = self._output()
            if seen == written:
                return Ending.SILENCE, f"ended after {limits.silence_s:g} s without any output"
            # It has written since the last check. The file's time is from another clock, which may be set.
            silent_s = self._credible(age_s, now_s() - looked_s)
            written, looked_s = seen, now_s()
            quiet_s = looked_s + max(0.0, limits.silence_s - silent_s)

    def _output(self) -> tuple[int, float]:
        """How much the command has written so far, in bytes, and how long ago, in seconds."""
        written, latest_s = self.slot.written()
        return written, utc_now().timestamp() - latest_s

    async def _end(
        self, command: asyncio.Future[ExecResult], ending: Ending, reason: str
    ) -> Outcome:
        """End a command that has passed a limit, or has been given up."""
        fault = await self._ended(command)
        if not command.done():
            command.cancel()
            return Outcome(ending, None, reason, fault)
        return self._told(command.result(), ending, reason, fault)

    async def _ended(self, command: asyncio.Future[ExecResult]) -> Fault | None:
        """End a command, verified; returns what is wrong where it cannot be ended.

        What has not even begun may begin when nothing of it was found: so its own end has to be seen, too.
        """
        killed = await self._kill(self.limits.grace_s)
        # What has ended by itself may have left a process that cannot be ended.
        await asyncio.wait({command}, timeout=_SETTLE_S if killed else _KNOWN_S)
        return None if killed and command.done() else UNENDED

    async def _kill(self, grace_s: float) -> bool:
        return await self._runtime.kill(self._container, self.request, grace_s=grace_s)

    def _credible(self, age_s: float, most_s: float) -> float:
        """An age by a clock that may have been set, where it can be true; else none at all."""
        if self.clock.since_last_look():
            return 0.0
        return age_s if 0 <= age_s <= most_s else 0.0
