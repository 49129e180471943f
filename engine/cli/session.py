"""Carrying a campaign out under a terminal's eyes: signals, the view, the summary, the exit code."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import platform
import signal
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from attrs import define, field

from engine.backend.lifecycle import BackendLifecycle
from engine.campaign.config.secrets import secrets_of
from engine.campaign.execution.runner import CampaignRunner
from engine.campaign.model import Campaign
from engine.campaign.persistence.provenance import decisions
from engine.campaign.persistence.results import Results
from engine.campaign.persistence.unused_folder import Before
from engine.campaign.resumption.resume import journaled, resume
from engine.campaign.resumption.resume_point import RUNTIME_NAME, Standing, beginning
from engine.campaign.runs.plan import PlannedRun, services_of
from engine.campaign.runs.progress import Progress
from engine.cli.exit_codes import BAD, DONE, FAILED, SIGNALLED, tell
from engine.cli.hangup import signals_to_handle, silence, terminals
from engine.cli.output.file_messages import note_warnings
from engine.cli.output.messages import note, show
from engine.cli.output.view import view
from engine.cli.shared_gpus import gpu_lines
from engine.compose import needed
from engine.errors import DockwardenError
from engine.journal import FILE_NAME, LIFECYCLE_NAME, Journal
from engine.model.main_command import Decision
from engine.model.results import Transition
from engine.model.spec import Project
from engine.ownership.owner import LABEL, Owner
from engine.runtimes.base import Limited, Runtime
from engine.runtimes.selection import choose_runtime
from engine.watchdog import Leash
from states import BACKEND

if TYPE_CHECKING:
    from engine.metrics import Metrics

__all__ = ["conduct"]


def conduct(
    campaign: Campaign,
    project: Project,
    runs: Sequence[PlannedRun],
    digests: Mapping[str, str],
    standing: Standing | None,
    *,
    planned: Sequence[PlannedRun],
    lifecycle: BackendLifecycle,
    as_json: bool,
    quiet: bool,
    metrics_port: int | None = None,
) -> int:
    """Run a campaign and return the command's exit code.

    Args:
        runs: those of the plan that this session carries out.
        digests: of what it is made of, by name.
        standing: the state of the interrupted run to resume; None for a new one.
        planned: the campaign's whole plan.
        lifecycle: the one that the campaign names.
        metrics_port: where metrics are served meanwhile; None for nowhere.
    """
    conductor = _Conductor(
        campaign, project, lifecycle, planned, runs, digests, standing, as_json, quiet, metrics_port
    )
    return asyncio.run(conductor.run())


@define(eq=False)
class _Conductor:
    campaign: Campaign
    project: Project
    lifecycle: BackendLifecycle
    planned: Sequence[PlannedRun]
    runs: Sequence[PlannedRun]
    digests: Mapping[str, str]
    standing: Standing | None
    as_json: bool
    quiet: bool
    metrics_port: int | None

    _runner: CampaignRunner | None = field(default=None, init=False)
    _signal: int | None = field(default=None, init=False)
    _terminals: tuple[int, ...] = field(factory=terminals, init=False)
    _made: Path | None = field(default=None, init=False)
    _started: bool = field(default=False, init=False)

    async def run(self) -> int:
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        for number in signals_to_handle():
            loop.add_signal_handler(number, self._on_signal, int(number), task)
        try:
            code = await self._carry_out()
        except asyncio.CancelledError:
            if self._signal is None:
                raise
            code = BAD
        return code if self._signal is None else SIGNALLED + self._signal

    def _on_signal(self, number: int, task: asyncio.Task[Any] | None) -> None:
        """The first ends the campaign, each further one hurries the end.

        Except SIGHUP: a lost connection sends several, and does not mean that the user is in a hurry.
        """
        again, self._signal = self._signal is not None, self._signal or number
        if number == signal.SIGHUP:
            silence(self._terminals)
            if again:
                return
        if self._runner is not None:
            note("hurrying the end" if again else "ending: once more to leave no time for it")
            self._runner.interrupt(force=again)
        elif again:  # nothing has been started yet; a call to the engine may hang
            os._exit(SIGNALLED + number)
        elif task is not None:
            task.cancel()

    async def _carry_out(self) -> int:
        runtime = await choose_runtime(
            self.campaign.runtime,
            self.project,
            self.campaign.policies,
            {f"{LABEL}campaign": self.campaign.name},
            adopt_compose=self.campaign.adopt_compose,
            services=self._services(),
            decided=self._decided(),
            needs_engine=[
                f"{name} asks for a user"
                for name in dict.fromkeys(
                    one.experiment.name for one in self.runs if one.experiment.user
                )
            ],
        )
        if not self.quiet:
            note(f"backends run on the {runtime.name} runtime")
            note_warnings(
                self.project,
                self._services(),
                runtime.warnings if isinstance(runtime, Limited) else {},
            )
            for line in gpu_lines(self.campaign, self.project, self.runs):
                note(line)
        before = Before.of(self.campaign.results)
        try:
            return await self._run(runtime)
        finally:
            if self._made is not None and not self._started:
                before.restore(self._made)

    def _decided(self) -> dict[str, Decision]:
        """Return earlier sessions' decisions about main processes, for services that have not changed."""
        if self.standing is None:
            return {}
        before = self.standing.digests
        return {
            name: one
            for name, one in decisions(self.standing.folder).items()
            if before.get(f"service {name}") == self.digests.get(f"service {name}")
        }

    async def _run(self, runtime: Runtime) -> int:
        """Run the campaign on a runtime, and tell what came of it."""
        with ExitStack() as stack:
            metrics = self._serve_metrics(
                stack
            )  # what can refuse the start comes before any record
            software = _software(runtime, self.campaign.lifecycle)
            results, journal, earlier = self._open(stack, software)
            log = results.folder / "leash.log"
            hold = None
            if not self.campaign.keep:
                hold = partial(Leash.hold, Owner.current(), runtime.name, log=log)
            chosen = frozenset(run.id for run in self.runs)
            runner = CampaignRunner(
                self.campaign,
                self.project,
                runtime,
                self.planned,
                results,
                journal=journal,
                hold=hold,
                earlier=earlier,
                chosen=chosen,
                lifecycle=self.lifecycle,
            )
            runner.controller.on_transition(self._on_transition)
            if metrics is not None:
                metrics.follow(runner)
            self._runner = runner
            error: DockwardenError | None = None
            try:
                async with view(runner, to_stderr=self.as_json, quiet=self.quiet):
                    await runner.run()
            except DockwardenError as raised:
                error = raised
            summary = runner.summary()
        if self._made is not None and not self._started and error is None:
            note("nothing was started, so no results are kept")
        elif error is None or summary.attempted:
            as_json = json.dumps(summary.to_dict(), indent=2) if self.as_json else None
            with contextlib.suppress(click.exceptions.Exit):  # the exit code still tells
                show(as_json or summary.to_text())
        if error is not None:
            tell(error)
            return BAD
        states = {one.state for one in summary.counted if one.run in chosen}
        return DONE if states <= {"completed"} else FAILED

    def _on_transition(self, _transition: Transition) -> None:
        self._started = True

    def _open(
        self, stack: ExitStack, software: Mapping[str, str]
    ) -> tuple[Results, Journal, dict[str, Progress] | None]:
        """The folder and the journal of a new run, or those of the run to resume."""
        secrets = secrets_of(self.campaign, self.project)
        if self.standing is None:
            with beginning(self.campaign):
                made = Results.create(self.campaign.results, datetime.now(UTC), secrets)
                results = stack.enter_context(made)
                self._made = results.folder
                file = results.folder / FILE_NAME
                journal = Journal.create(
                    file, campaign=self.campaign.name, digests=self.digests, software=software
                )
                stack.enter_context(journal).plan(journaled(self.planned))
            return results, journal, None
        journal = stack.enter_context(Journal.open(self.standing.folder / FILE_NAME))
        for line in () if self.quiet else self.standing.lines:
            note(line)
        results = stack.enter_context(Results.reopen(self.standing.folder, secrets))
        journal.begin_session({**self.standing.digests, **self.digests}, software)
        earlier = resume(self.campaign, self.planned, journal, results)
        for run in self.standing.rerun:
            earlier[run].run_again()
        return results, journal, earlier

    def _serve_metrics(self, stack: ExitStack) -> Metrics | None:
        if self.metrics_port is None:
            return None
        from engine.metrics import serve

        endpoint = stack.enter_context(serve(None, self.metrics_port))
        if not self.quiet:
            note(f"metrics are at {endpoint.url}")
        return endpoint.metrics

    def _services(self) -> tuple[str, ...]:
        """The services to start: the backends of planned and running attempts, and their dependencies."""
        under_way = self.standing.under_way if self.standing else ()
        ids = {run.id for run in self.runs} | {name.rpartition(".")[0] for name in under_way}
        return needed(self.project, services_of(run for run in self.planned if run.id in ids))


def _software(runtime: Runtime, lifecycle: str) -> dict[str, str]:
    """The software of a session, by name."""
    return {
        "dockwarden": version("dockwarden"),
        "python": platform.python_version(),
        "system": platform.platform(),
        "runtime": runtime.description,
        RUNTIME_NAME: runtime.name,
        **({} if lifecycle == BACKEND.name else {LIFECYCLE_NAME: lifecycle}),
    }
