"""Mutants of the engine: each is one place of its source, written wrong.

``old`` stands in the file exactly once. A mutant that no test could tell from the original has no place
here: it is replaced, not excused.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

__all__ = ["KILLERS", "MUTANTS", "Mutant"]


@frozen
class Mutant:
    """The engine with one thing wrong.

    Attributes:
        file: where, from the repository's root.
        what: what is wrong, in words.
        old: what stands there.
        new: what is to stand there.
    """

    file: str
    what: str
    old: str
    new: str

    @property
    def name(self) -> str:
        """What it is called in the list."""
        return f"{self.file.removeprefix('engine/').removesuffix('.py')}: {self.what}"

    def apply(self, source: str) -> str:
        """The source with the mutant in it.

        Raises:
            ValueError: what is to be replaced does not stand there exactly once.
        """
        times = source.count(self.old)
        if times != 1:
            raise ValueError(
                f"{self.file} has what the mutant {self.what!r} replaces {times} times; it has changed:"
                " write the mutant again in tests/mutants/of_sources.py"
            )
        return source.replace(self.old, self.new)


_ENGINE: Final = "tests/engine/"
KILLERS: Final[dict[str, tuple[str, ...]]] = {
    "engine/policy/restart.py": (
        f"{_ENGINE}test_policy.py",
        f"{_ENGINE}test_accounts.py",
        f"{_ENGINE}test_restart_budget.py",
    ),
    "engine/policy/retry.py": (f"{_ENGINE}test_policy.py",),
    "engine/backend/backend.py": (
        f"{_ENGINE}test_tickets.py",
        f"{_ENGINE}test_accounts.py",
        f"{_ENGINE}test_backend.py",
        f"{_ENGINE}test_health_watch.py",
        f"{_ENGINE}test_heritage.py",
        f"{_ENGINE}test_restart_budget.py",
    ),
    "engine/backend/monitor.py": (
        f"{_ENGINE}test_tickets.py",
        f"{_ENGINE}test_backend.py",
        f"{_ENGINE}test_health_watch.py",
        f"{_ENGINE}test_health_cures.py",
    ),
    "engine/backend/execution.py": (
        f"{_ENGINE}test_tickets.py",
        f"{_ENGINE}test_backend.py",
        f"{_ENGINE}test_heritage.py",
        f"{_ENGINE}test_own_end.py",
        f"{_ENGINE}test_aftermath.py",
    ),
    "engine/backend/leftovers.py": (f"{_ENGINE}test_aftermath.py",),
    "engine/controller.py": (f"{_ENGINE}test_controller.py", f"{_ENGINE}test_heritage.py"),
    "engine/control/runtime_session.py": (f"{_ENGINE}test_controller.py",),
    "engine/control/startup.py": (f"{_ENGINE}test_controller.py", f"{_ENGINE}test_heritage.py"),
    "engine/runtimes/process/backend.py": ("tests/runtimes/process/test_own_end.py",),
    "engine/health/diagnosis.py": (f"{_ENGINE}test_health.py", f"{_ENGINE}test_backend.py"),
    "engine/backend/machine.py": (
        f"{_ENGINE}test_machine.py",
        f"{_ENGINE}test_transitions_hazards.py",
    ),
    "states/table.py": ("tests/states/test_lifecycle.py", "tests/states/verify/test_proofs.py"),
}
"""The tests that are run against the mutants of each file, the quickest first."""


def _of(file: str, *mutants: tuple[str, str, str]) -> tuple[Mutant, ...]:
    return tuple(Mutant(file, *mutant) for mutant in mutants)


_POLICY: Final = _of(
    "engine/policy/restart.py",
    (
        "one restart more than the cap",
        "history.spent >= self.max_restarts",
        "history.spent > self.max_restarts",
    ),
    (
        "one restart fewer than the cap",
        "history.spent >= self.max_restarts",
        "history.spent + 1 >= self.max_restarts",
    ),
    (
        "one restart more in a window",
        "recent >= self.max_in_window",
        "recent > self.max_in_window",
    ),
    (
        "no window",
        "if self.window_s is not None:\n            begins_s",
        "if False:\n            begins_s",
    ),
    ("a window that is closed at both ends", "if time_s > begins_s)", "if time_s >= begins_s)"),
    (
        "a window that is too short",
        "now_s + delay_s - self.window_s",
        "now_s + delay_s - self.window_s / 2",
    ),
    (
        "a window that begins without the backoff",
        "now_s + delay_s - self.window_s",
        "now_s - self.window_s",
    ),
    (
        "a refund that comes too early",
        "healthy_s < self.refund_after_s",
        "healthy_s < self.refund_after_s / 2",
    ),
    (
        "a refund that comes too late",
        "healthy_s < self.refund_after_s",
        "healthy_s <= self.refund_after_s",
    ),
    ("no refund", "if self.refund_after_s is None or", "if True or self.refund_after_s is None or"),
    (
        "a refund that empties the window",
        "if self.window_s is None:\n            return RestartHistory()",
        "if True:\n            return RestartHistory()",
    ),
    (
        "a refund of all but one",
        "forgiven=len(history.times_s)",
        "forgiven=len(history.times_s) - 1",
    ),
    ("what is forgiven still counts", "len(self.times_s) - self.forgiven", "len(self.times_s)"),
    ("a history that forgets", "times_s=(*self.times_s, at_s)", "times_s=self.times_s"),
    ("a backoff without a cap", "min(grown_s, self.backoff_max_s)", "grown_s"),
    ("a backoff that does not grow", "** min(restarts, 64)", "** min(restarts, 0)"),
    ("a backoff that grows at once", "** min(restarts, 64)", "** min(restarts + 1, 64)"),
    ("an exponent without a bound", "** min(restarts, 64)", "** restarts"),
    ("jitter that lengthens the wait", "(1 - self.jitter * rng", "(1 + self.jitter * rng"),
    ("no jitter", " * (1 - self.jitter * rng.random())", ""),
    ("no jitter validation", "validator=and_(ge(0), le(1))", "validator=ge(0)"),
    (
        "a negative cap",
        "max_restarts: int = field(default=3, validator=ge(0))",
        "max_restarts: int = 3",
    ),
)

_RETRY: Final = _of(
    "engine/policy/retry.py",
    ("one attempt more", "attempts >= self.max_attempts", "attempts > self.max_attempts"),
    ("one attempt fewer", "attempts >= self.max_attempts", "attempts + 1 >= self.max_attempts"),
    ("every ending is tried again", "if ending not in self.on and not coded:", "if False:"),
    (
        "exit codes are not read",
        "coded = ending is Ending.EXITED and exit_code in self.exit_codes",
        "coded = False",
    ),
)

_BACKEND: Final = _of(
    "engine/backend/backend.py",
    (
        "a restart that is not counted",
        "self.history = self.history.with_restart(now_s() + decision.delay_s)",
        "pass",
    ),
    (
        "a restart that is counted before its backoff",
        "with_restart(now_s() + decision.delay_s)",
        "with_restart(now_s())",
    ),
    (
        "an operator's restart is counted",
        'self._fire("restart", reason, recreate=recreate)',
        'self.history = self.history.with_restart(now_s())\n        self._fire("restart", reason, recreate=recreate)',
    ),
    ("a reset that grants nothing", "        self.history = RestartHistory()\n", ""),
    ("what no restart cures is restarted", '"curable": fault.curable,', '"curable": True,'),
    ("the budget is not asked for", '"budget_left": decision.allowed', '"budget_left": True'),
    ("no backoff", "delay_s=decision.delay_s, recreate=fault.recreate", "recreate=fault.recreate"),
    (
        "a container is never recreated",
        "delay_s=decision.delay_s, recreate=fault.recreate",
        "delay_s=decision.delay_s, recreate=False",
    ),
    ("no refund is asked for", 'if self.state in ("ready", "busy"):', "if False:"),
    (
        "a refund without health",
        'if self.state in ("ready", "busy"):',
        "if True:",
    ),
    (
        "a fault is reported under a stop",
        "allowed(self.state, latched=self.stopping):\n            _LOG.debug",
        "allowed(self.state, latched=False):\n            _LOG.debug",
    ),
    (
        "a fault without recovery",
        "        if self.policy.recover:\n            self.recover()\n",
        "",
    ),
    (
        "commands do not wait their turn",
        "async with self._company.turns(targets):\n            container, slot = await",
        "if True:\n            container, slot = await",
    ),
    (
        "looks do not wait their turn",
        'async with self.turn:\n            if await self.settled() != "ready":',
        'if True:\n            if await self.settled() != "ready":',
    ),
    (
        "no check for what an experiment left",
        "            await self._attention.look_after(succeeded=ended.succeeded)\n",
        "",
    ),
    (
        "the policy's grace is not asked for",
        "self.spec.stop_grace_period_s if policy_s is None else policy_s",
        "self.spec.stop_grace_period_s",
    ),
    (
        "every stop hurries the one before",
        "            if grace_s == 0 or given_up:",
        "            if True:",
    ),
    (
        "no stop hurries the one before",
        "            if grace_s == 0 or given_up:",
        "            if given_up:",
    ),
    (
        "a stop that was given up is not begun again",
        "            if grace_s == 0 or given_up:",
        "            if grace_s == 0:",
    ),
    ("a stop that does not wait", "        await self._until(lambda: not self.stopping)\n", ""),
    (
        "a failed removal is not reported",
        'if self.state != "stopped":\n            raise RemovalFailed',
        "if False:\n            raise RemovalFailed",
    ),
    (
        "settled under a stop",
        "self.state in resting and not self.stopping",
        "self.state in resting",
    ),
    ("idle under a stop", 'self.state == "ready" and not self.stopping', 'self.state == "ready"'),
    (
        "idle while busy",
        'self.state == "ready" and not self.stopping',
        'self.state in ("ready", "busy") and not self.stopping',
    ),
    ("no waiter is woken", "                waiter.set_result(None)", "                pass"),
    (
        "a launch under the generation before",
        'case "launch":\n                self.generation += 1',
        'case "launch":',
    ),
    (
        "a restart under the generation before",
        "self.generation += 1\n                self.restart_cause = reason",
        "self.restart_cause = reason",
    ),
    (
        "a restart without its cause",
        "self.generation += 1\n                self.restart_cause = reason",
        "self.generation += 1",
    ),
    ("tickets that never change", "None, self._ticket + 1", "None, self._ticket"),
    ("the effect before is not cancelled", "        before.cancel()", "        pass"),
    (
        "the effect before is not settled",
        "            self._unsettled.add(before)",
        "            pass",
    ),
    (
        "a stop in a hurry overtakes what has not settled",
        "frozenset(self._unsettled)), name",
        "frozenset(self._unsettled if settle else ())), name",
    ),
    (
        "what was waited for in vain is waited for again",
        "            self._unsettled -= before\n",
        "",
    ),
    (
        "a fault that others see lets the start go on",
        "        self._give_up()\n        if self._running",
        "        if self._running",
    ),
    ("the effect before is settled for ever", "timeout=_SETTLE_S", "timeout=None"),
    (
        "an unexpected error of a stale effect counts",
        "            if ticket != self._ticket:\n                return\n            _LOG",
        "            _LOG",
    ),
    (
        "an unexpected error in a removal is a fault",
        "            if self.stopping:\n                self._undone(reason)",
        "            if False:\n                self._undone(reason)",
    ),
    (
        "a stale failure to start counts",
        "        if ticket == self._ticket:\n            not_ready =",
        "        if True:\n            not_ready =",
    ),
    (
        "a stale readiness counts",
        "        if ticket == self._ticket:\n            self.fault, self._untried = None, False",
        "        if True:\n            self.fault, self._untried = None, False",
    ),
    (
        "a fault that is never forgotten",
        "            self.fault, self._untried = None, False\n            if started_s",
        "            self._untried = False\n            if started_s",
    ),
    (
        "health is counted from the controller's start",
        "self._proved, self._proved_s = self.container, now_s()",
        "self._proved = self.container",
    ),
    (
        "no gate",
        "            await self._runtime.gate(container)\n            await",
        "            await",
    ),
    (
        "no proof beyond the gate",
        "            await self._attention.prove(container)\n",
        "",
    ),
    (
        "hints of the container before are kept",
        "        self._attention.overlook()\n",
        "",
    ),
    (
        "what is not ready is recreated at once",
        "recreate = fault.recreate or not not_ready",
        "recreate = True",
    ),
    (
        "what cannot be started is only restarted",
        "recreate = fault.recreate or not not_ready",
        "recreate = fault.recreate",
    ),
    ("no rounds", "            self._attention.begin_rounds()\n", ""),
    ("rounds go on under a stop", "        self._attention.end()\n", ""),
    (
        "what runs is not ended before its container",
        "            if self._running is not None:\n                try:\n                    await self._running",
        "            if False:\n                try:\n                    await self._running",
    ),
    (
        "nothing is removed",
        "            await self._runtime.remove(self.name, grace_s=grace_s)",
        "            pass",
    ),
    (
        "what could not be removed counts as removed",
        "            if ticket == self._ticket:\n                self._undone(failed.reason)\n            return",
        "            pass",
    ),
    (
        "a stale failure to remove counts",
        "            if ticket == self._ticket:\n                self._undone(failed.reason)",
        "            self._undone(failed.reason)",
    ),
    (
        "a stale removal counts",
        "        if ticket == self._ticket:\n            self.container = None",
        "        if True:\n            self.container = None",
    ),
    (
        "the container is remembered after its removal",
        '            self.container = None\n            self._fire("removed"',
        '            self._fire("removed"',
    ),
    (
        "what cannot be removed looks curable",
        "self.fault = Fault(reason, curable=False)",
        "self.fault = Fault(reason)",
    ),
    (
        "a stale action of the user's own counts",
        "if event is not None and ticket == self._ticket:",
        "if event is not None:",
    ),
    (
        "all commands are counted",
        "        self.since_restart += counted\n",
        "        self.since_restart += 1\n",
    ),
    (
        "only a new container is fit for a restart",
        "return self.fresh or (self._used",
        "return self.fresh and (self._used",
    ),
    ("commands are not counted", "        self.since_restart += counted\n", ""),
    (
        "commands are counted across restarts",
        "self.container, self.since_restart = relaunched, 0",
        "self.container = relaunched",
    ),
    (
        "an old experiment's end takes the one that runs now for over",
        "                if self._running is running:",
        "                if True:",
    ),
    (
        "an old experiment's end ends the one that runs now",
        " or generation != self.generation:",
        ":",
    ),
    (
        "a finish under a stop",
        'if self.state != "busy" or self.stopping or',
        'if self.state != "busy" or',
    ),
    (
        "a loss is a finish",
        "        elif fault is None:\n            proved",
        "        elif True:\n            proved",
    ),
    (
        "a spool that was taken away is overlooked",
        "        if lost:\n            self._lose_spool(lost)",
        "        if False:\n            self._lose_spool(lost)",
    ),
    (
        "a spool that was taken away is not renewed",
        "            self.spool.renew()\n",
        "            pass\n",
    ),
    (
        "a container keeps the place of the spool that it took away",
        "        else:\n            self.report(Fault(reason, recreate=True))",
        "        else:\n            self.report(Fault(reason))",
    ),
    (
        "what may be kept is ended by the next proof",
        "self._attention.last = None if keep else request",
        "self._attention.last = request",
    ),
    (
        "what was found busy is ready without its gate",
        '"finish" if proved else "finish_reattached"',
        '"finish"',
    ),
    (
        "what an experiment left is proved ready with it",
        "if last is None or await self._runtime.kill(self.container, last, grace_s=0):",
        "if True:",
    ),
    (
        "a budget that starts again with the controller",
        "            self.history = self.history.after(heritage.history(now_s()))\n",
        "",
    ),
)

_ATTENTION: Final = _of(
    "engine/backend/monitor.py",
    ("a gate without a deadline", "asyncio.timeout(within_s)", "asyncio.timeout(None)"),
    (
        "a stale inspection counts",
        "if ticket != backend.ticket or backend.container is None:",
        "if backend.container is None:",
    ),
    (
        "hints of other containers count",
        "if notice.container_id not in (None, container.id if container else None):",
        "if False:",
    ),
    (
        "a death of an earlier start counts",
        "if seen is not None and seen.container == container and backend.idle:",
        "if seen is not None and container is not None and backend.idle:",
    ),
    (
        "a death that was seen counts while busy",
        "if seen is not None and seen.container == container and backend.idle:",
        "if seen is not None and container is not None and seen.container == container:",
    ),
    (
        "hints are never dropped",
        "            self._noticed = False\n            ticket",
        "            ticket",
    ),
    ("no check before a dispatch", "            if self.fresh:", "            if True:"),
    (
        "a look's stale finding counts",
        "if look.fault is not None and ticket == backend.ticket:",
        "if look.fault is not None:",
    ),
    (
        "a check's finding is not reported",
        "            backend.report(look.fault)",
        "            pass",
    ),
    (
        "rounds begin where there is nothing to see",
        "        if self._watch.looks:\n            rounds.append",
        "        if True:\n            rounds.append",
    ),
    ("the wait for others never ends", "if now_s() >= until_s:", "if False:"),
    (
        "checks after each experiment, needed or not",
        'if self._watch.looks and self._backend.state == "ready":',
        "if self._watch.looks:",
    ),
)

_DISPATCH: Final = _of(
    "engine/backend/execution.py",
    ("an interrupt is taken for an end", "        self._interrupted = True\n", ""),
    (
        "a loss by our own stop is a loss",
        "            if self._interrupted:\n                return Outcome(Ending.INTERRUPTED, None, _STOPPED)\n            return Outcome(Ending.LOST, None, fault.reason, fault)",
        "            return Outcome(Ending.LOST, None, fault.reason, fault)",
    ),
    (
        "a loss without a fault",
        "return Outcome(Ending.LOST, None, fault.reason, fault)",
        "return Outcome(Ending.LOST, None, fault.reason)",
    ),
    (
        "who gives up leaves the command running",
        "            self.unended = await self._ended(command)\n",
        "            self.unended = None\n",
    ),
    (
        "who gives up twice leaves nothing wrong",
        "            self.unended = UNENDED\n            self.unended = await",
        "            self.unended = await",
    ),
    (
        "the end of a command is not verified",
        "return None if killed and command.done() else UNENDED",
        "return None if command.done() else UNENDED",
    ),
    (
        "what begins after its end was verified goes on",
        "return None if killed and command.done() else UNENDED",
        "return None if killed else UNENDED",
    ),
    (
        "a command that cannot be started is a fault",
        "return Outcome(Ending.UNSTARTED, None, failed.reason)",
        "return Outcome(Ending.UNSTARTED, None, failed.reason, Fault(failed.reason))",
    ),
    (
        "silence takes twice as long",
        "None if limits.silence_s is None else begun_s + limits.silence_s",
        "None if limits.silence_s is None else begun_s + 2 * limits.silence_s",
    ),
    ("what writes is ended too", "            if seen == written:", "            if True:"),
    (
        "what ended by itself was ended by us",
        "if result.by_itself or ending is Ending.EXITED:",
        "if ending is Ending.EXITED:",
    ),
    (
        "what we ended has ended by itself",
        "if result.by_itself or ending is Ending.EXITED:",
        "if True:",
    ),
    (
        "what ended before its container is lost with it",
        '            if lost.ended is not None:\n                return self._told(lost.ended, Ending.EXITED, "", fault)\n',
        "",
    ),
    ("output that is not all here is all here", "        if result.problem:", "        if False:"),
    (
        "leftovers are looked for in a container that goes",
        "if outcome.fault is not None or self._interrupted or self._abandoned is not None:",
        "if outcome.fault is not None:",
    ),
    (
        "what may be kept is ended",
        "keep = policy is Leftovers.KEEP and outcome.ending is Ending.EXITED",
        "keep = False",
    ),
    (
        "what passes a limit keeps what it left",
        "keep = policy is Leftovers.KEEP and outcome.ending is Ending.EXITED",
        "keep = policy is Leftovers.KEEP",
    ),
    (
        "leftovers never fail",
        "failing = policy is Leftovers.FAIL and outcome.ending is Ending.EXITED",
        "failing = False",
    ),
    (
        "leftovers always fail",
        "failing = policy is Leftovers.FAIL and outcome.ending is Ending.EXITED",
        "failing = outcome.ending is Ending.EXITED",
    ),
    (
        "leftovers hide the experiment's failure",
        "if found.left and failing and outcome.exit_code == 0:",
        "if found.left and failing:",
    ),
    (
        "output has no limit",
        "if due and size.passed(self._output()[0], now_s()):",
        "if False:",
    ),
)

_AFTERMATH: Final = _of(
    "engine/backend/leftovers.py",
    (
        "what is left is not ended",
        "return await _end(runtime, container, request, left)",
        "return Aftermath(_ended(left, EndedBy.SIGNAL))",
    ),
    ("what may be kept is ended", "        if keep:", "        if False:"),
    (
        "what cannot be ended is no fault",
        "return Aftermath(_ended(left, EndedBy.RESTART), UNENDED)",
        "return Aftermath(_ended(left, EndedBy.RESTART))",
    ),
    (
        "the service's own may be signalled",
        "surely = [one for one in left if not one.doubtful]",
        "surely = list(left)",
    ),
    ("what is in doubt runs on", "    if not doubtful:", "    if True:"),
    (
        "what cannot be seen is not there",
        "return Aftermath(fault=Fault(unknown.reason))",
        "return Aftermath()",
    ),
)

_PROCESS: Final = _of(
    "engine/runtimes/process/backend.py",
    (
        "a kill does not wait for the leader's name",
        "        await self._leaders_known({request})\n",
        "",
    ),
    (
        "a removal does not wait for the leaders' names",
        "        await self._leaders_known(self._starting)\n",
        "",
    ),
    (
        "what ends while it is looked for was ended by us",
        "        found = members()\n",
        "        self.killed.update(requests)\n        found = members()\n",
    ),
    (
        "what was killed has ended by itself",
        "name in requests and leader.identity.runs()",
        "False",
    ),
)

_CONTROLLER: Final = _of(
    "engine/controller.py",
    (
        "one that cannot be removed holds up the others",
        "            except RuntimeFault as fault:\n                leftovers[name] = fault.reason",
        "            except ZeroDivisionError as fault:\n                leftovers[name] = str(fault)",
    ),
    (
        "leftovers are not reported",
        "        if leftovers:\n            raise TeardownError",
        "        if False:\n            raise TeardownError",
    ),
    ("the last to start is the last to stop", "reversed(services)", "tuple(services)"),
    (
        "no stop waits for dependants",
        "        if after:\n            await asyncio.wait(after)\n",
        "",
    ),
    ("no sweep", "        leftovers.update(await self.runtime.sweep())\n", ""),
    (
        "starts go on under a teardown",
        "        await self._startup.cut_short(self._startup, by=_CUT_SHORT)\n",
        "",
    ),
    ("what was started is not forgotten", "        self._startup.forget_all()\n", ""),
    (
        "what containers wrote to is left behind",
        "        await self._clear_spools()\n",
        "",
    ),
    (
        "results lead out of their service's folder",
        "if os.path.commonpath((found, root)) != root or found == root:",
        "if found == root:",
    ),
    ("results are written over others", "        if taken:", "        if False:"),
    (
        "what runs is prepared again",
        "[name for name in order if name not in self._startup]",
        "list(order)",
    ),
    (
        "one-shots are left behind",
        "            await self.runtime.remove(name, grace_s=spec_s if grace_s is None else grace_s)",
        "            pass",
    ),
    (
        "everything is started",
        "order = needed(self.project, services)",
        "order = tuple(self.project.services)",
    ),
    (
        "a listener that fails stops everything",
        '        except BaseException as error:\n            _LOG.exception("a listener',
        '        except SystemExit as error:\n            _LOG.exception("a listener',
    ),
    (
        "a listener swallows Ctrl+C",
        "if isinstance(error, KeyboardInterrupt) and ctrl_c:",
        "if False:",
    ),
)

_OPENING: Final = _of(
    "engine/control/runtime_session.py",
    (
        "two who start at once open the runtime twice",
        "        async with self._lock:",
        "        if True:",
    ),
    (
        "a runtime that does not open is left half open",
        "                    await self._runtime.close()  # half open",
        "                    pass  # half open",
    ),
    (
        "the runtime is not closed",
        "        await self._runtime.close()\n        if",
        "        if",
    ),
    (
        "the hold is not released",
        "            await asyncio.to_thread(self._held.release)\n",
        "",
    ),
    (
        "a teardown leaves it open",
        "            self._held = None\n        self.is_open = False\n",
        "            self._held = None\n",
    ),
)

_STARTUP: Final = _of(
    "engine/control/startup.py",
    (
        "what runs is started again",
        "            if name in self._tasks:  # perhaps",
        "            if False:  # perhaps",
    ),
    (
        "who stops it second has nothing to forget",
        "        if self._tasks.get(service) is start:",
        "        if True:",
    ),
    (
        "backends do not wait for what they depend on",
        "        await self._await_dependencies(name)\n        backend.start()",
        "        backend.start()",
    ),
    ("a one-shot's failure is overlooked", "        if exit_code != 0:", "        if False:"),
    (
        "a start that failed is ready",
        '        if state != "ready":\n            said',
        "        if False:\n            said",
    ),
)

_HEALTH: Final = _of(
    "engine/health/diagnosis.py",
    ("a dead container is fit", "if not observation.running:", "if False:"),
    ("a frozen container is fit", "if observation.paused:", "if False:"),
    (
        "a container that was restarted from outside is fit",
        "if observation.container.started_at != container.started_at:",
        "if False:",
    ),
    (
        "another container is as good",
        "if observation.container.id != container.id:",
        "if False:",
    ),
    ("a failed health check is overlooked", 'if observation.health == "unhealthy":', "if False:"),
    (
        "health counts while it does not run",
        "    if not observation.running:\n        return Fault(_death(observation), quote=not observation.engine_restarted)\n",
        '    if observation.health == "unhealthy":\n        return Fault("its health check fails", quote=True)\n    if not observation.running:\n        return Fault(_death(observation), quote=not observation.engine_restarted)\n',
    ),
    (
        "no container is fit",
        "    if observation is None:\n        return Fault(",
        "    if observation is None:\n        return None if container else Fault(",
    ),
)

_MACHINE: Final = _of(
    "engine/backend/machine.py",
    ("the latch is not asked", "return admitted and edge", "return edge"),
    ("guards are not asked", "return admitted and edge.guard(model.facts)", "return admitted"),
    ("a queue for all", "queued=False,", "queued=True,"),
    ("automatic transitions", "auto_transitions=False,", "auto_transitions=True,"),
    (
        "the latch is never raised",
        "model.latched = lifecycle.latched_after(edge, latched=model.latched)",
        "pass",
    ),
    (
        "an event that leads nowhere is no error",
        "        if taken is None:\n            raise self._refusal(model, event)\n",
        "",
    ),
)

_LANGUAGE: Final = _of(
    "states/table.py",
    (
        "the latch refuses nothing",
        "return self.latch is None or (event in self.latch.until) == latched",
        "return True",
    ),
    (
        "the latch is raised where there is nothing to remove",
        "return edge.source not in self.latch.released",
        "return True",
    ),
    (
        "the latch is never lowered",
        "return latched and edge.event not in self.latch.until",
        "return latched",
    ),
    (
        "the first row is taken with any guard",
        "next(edge for edge in edges if edge.guard(facts))",
        "next(edge for edge in edges if edge.guard(facts) or True)",
    ),
    (
        "a row that leads back leads to the first state",
        "target=source if row.target == SAME else row.target",
        "target=self.initial if row.target == SAME else row.target",
    ),
)

MUTANTS: Final = (
    *_POLICY,
    *_RETRY,
    *_BACKEND,
    *_ATTENTION,
    *_DISPATCH,
    *_AFTERMATH,
    *_PROCESS,
    *_CONTROLLER,
    *_OPENING,
    *_STARTUP,
    *_HEALTH,
    *_MACHINE,
    *_LANGUAGE,
)
"""All of them."""
