"""Bringing the backends of a campaign up for work by hand, without running the campaign."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Sequence

from attrs import define, field

from engine.backend.lifecycle import BackendLifecycle
from engine.campaign.execution.preparation import BackendPreparation
from engine.campaign.model import Campaign
from engine.cli.exit_codes import DONE, SIGNALLED
from engine.cli.hangup import signals_to_handle
from engine.cli.output.file_messages import note_warnings
from engine.cli.output.messages import note, show
from engine.cli.up_folder import folder_of, forget
from engine.compose import needed
from engine.control.lifecycles import find_backend_lifecycle
from engine.controller import Controller
from engine.errors import OwnedElsewhere, StartError
from engine.model.results import Transition
from engine.model.spec import Project
from engine.ownership.owner import LABEL
from engine.runtimes.base import Limited, Runtime
from engine.runtimes.by_hand import UP
from engine.runtimes.inventory import take
from engine.runtimes.selection import choose_runtime

__all__ = ["bring_up"]


def bring_up(
    campaign: Campaign, project: Project, services: Sequence[str], *, foreground: bool
) -> int:
    """Start backends and what they depend on, and return the command's exit code.

    Args:
        services: the backends.
        foreground: whether to keep them up until a signal, and then take them down; else they stay up.

    Raises:
        LifecycleUnknown: there is no such lifecycle as the campaign names.
        OwnedElsewhere: another dockwarden has one of them, or has left it to be resumed.
        StartError: one did not become ready; those that did stay up.
        TeardownError: something could not be taken down.
    """
    lifecycle = find_backend_lifecycle(campaign.lifecycle, campaign.folder)
    return asyncio.run(_ByHand(campaign, project, lifecycle, services, foreground).run())


@define(eq=False)
class _ByHand:
    campaign: Campaign
    project: Project
    lifecycle: BackendLifecycle
    services: Sequence[str]
    foreground: bool

    _controller: Controller | None = field(default=None, init=False)
    _signal: int | None = field(default=None, init=False)
    _over: asyncio.Event = field(factory=asyncio.Event, init=False)
    _hurry: asyncio.Task[None] | None = field(default=None, init=False)

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in signals_to_handle():
            loop.add_signal_handler(number, self._on_signal, int(number))
        order = needed(self.project, self.services)
        _refuse_left_behind(self.project, order)
        runtime = await self._runtime(order)
        folder = folder_of(self.project.name)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        controller = self._controller = Controller(
            self.project,
            runtime,
            folder,
            self.campaign.policies,
            seed=self.campaign.seed,
            lifecycle=self.lifecycle,
            marked=self.campaign.secrets,
            hold="watchdog" if self.foreground else None,
        )
        if self.foreground:
            controller.on_transition(_tell)
        try:
            await self._start(controller)
            if self.foreground:
                _say_what_is_up(controller, "Ctrl+C takes all of it down")
                await self._over.wait()
            elif not self._over.is_set():
                _say_what_is_up(
                    controller, f"dockwarden down {self.campaign.file} takes all of it down"
                )
                await runtime.close()
                return DONE
        except StartError as error:
            await self._keep_the_others(controller, error)
            raise
        except BaseException:
            await controller.teardown()
            raise
        note("taking the backends down: once more to leave no time for it")
        await controller.teardown()
        forget(self.project.name)
        return SIGNALLED + (self._signal or 0)

    def _on_signal(self, number: int) -> None:
        """The first one ends it; each further one hurries the end."""
        again, self._signal = self._signal is not None, self._signal or number
        self._over.set()
        if again and self._controller is None:  # a call to the engine may hang
            os._exit(SIGNALLED + number)
        if again and self._controller is not None:
            self._hurry = asyncio.create_task(self._controller.teardown(grace_s=0))

    async def _runtime(self, order: Sequence[str]) -> Runtime:
        runtime = await choose_runtime(
            self.campaign.runtime,
            self.project,
            self.campaign.policies,
            {f"{LABEL}campaign": self.campaign.name, UP: "yes"},
            adopt_compose=self.campaign.adopt_compose,
            services=order,
        )
        note(f"backends run on the {runtime.name} runtime")
        warnings = runtime.warnings if isinstance(runtime, Limited) else {}
        note_warnings(self.project, order, warnings)
        return runtime

    async def _start(self, controller: Controller) -> None:
        """Start the backends, and prepare each as a campaign would; a signal ends the wait.

        Raises:
            StartError: one did not become ready, or could not be prepared.
        """
        starting = asyncio.create_task(controller.start(self.services))
        over = asyncio.create_task(self._over.wait())
        await asyncio.wait({starting, over}, return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        if not starting.done():  # what has begun goes on, until the teardown
            starting.cancel()
            return
        starting.result()
        preparation = BackendPreparation(self.campaign, controller)
        for name in self.services:
            unprepared = await preparation.set_up(controller.backend(name))
            if unprepared:
                raise StartError({name: unprepared})

    async def _keep_the_others(self, controller: Controller, error: StartError) -> None:
        """Take down what did not start, with what depends on it, and keep the rest: it may have loaded a model."""
        failed = {name for name in controller.up if not controller.started(name)} | {*error.reasons}
        kept = [one for one in controller.up if failed.isdisjoint(needed(self.project, [one]))]
        if self.foreground or not kept:
            await controller.teardown()
            return
        await controller.stop(name for name in reversed(controller.up) if name not in kept)
        await controller.runtime.close()
        note(
            f"{', '.join(kept)}: up; dockwarden up starts the rest once it is corrected, dockwarden down takes"
            " all down"
        )


def _refuse_left_behind(project: Project, order: Collection[str]) -> None:
    """Check that nothing is in the way that a campaign could resume.

    Raises:
        OwnedElsewhere: something is.
    """
    for one in take(project.name).found:
        theirs = one.service in order and one.orphaned and UP not in one.labels
        if theirs and one.kind != "network":
            raise OwnedElsewhere(
                f"{one.service}: {one.kind} {one.name} was left by a campaign whose controller died; dockwarden run"
                " resumes it, dockwarden down removes it"
            )


def _say_what_is_up(controller: Controller, how_down: str) -> None:
    for name, backend in controller.backends.items():
        took = "" if backend.started_in_s is None else f" after {backend.started_in_s:.1f} s"
        show(f"{name}: {backend.state}{took}")
    note(f"dockwarden exec runs a command in one of them; {how_down}")


def _tell(transition: Transition) -> None:
    note(f"{transition.backend}: {transition.source} -> {transition.target} ({transition.reason})")
