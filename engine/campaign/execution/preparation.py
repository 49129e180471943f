"""Commands around experiments and backends: what prepares them, and what clears up after them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from itertools import count
from typing import Any, Final

from attrs import define, field, frozen

from engine.backend import Backend
from engine.campaign.model import Campaign, Experiment
from engine.campaign.runs.plan import PlannedRun, beside_id, folder_of, request_id
from engine.controller import Controller
from engine.errors import DispatchError
from engine.model.results import Ended, Ending, Leftovers

__all__ = ["BackendPreparation", "Failure", "beside", "conditions"]

_LOG: Final = logging.getLogger(__name__)

_SETUP_S: Final = 1800.0
"""How long a command that prepares or clears up a backend may take, in seconds."""

_TEARDOWN_S: Final = 60.0


@frozen
class Failure:
    """Why a command around an experiment did not do its part.

    Attributes:
        ending: how it ended.
        reason: in words.
    """

    ending: Ending
    reason: str


async def beside(
    kind: str, run: PlannedRun, number: int, campaign: Campaign, controller: Controller
) -> Failure | None:
    """Run the ``setup`` or ``teardown`` of an experiment, before or after an attempt.

    It runs as the attempt does, in the same container, under the same limits.

    Raises:
        DispatchError: it could not be handed over.
    """
    experiment: Experiment = run.experiment
    command = experiment.setup if kind == "setup" else experiment.teardown
    if not command:
        return None
    folder = f"{folder_of(run, number)}-{kind}"
    keeps = experiment.leftovers is Leftovers.KEEP
    ended = await controller.execute(
        run.backend,
        command,
        id=beside_id(request_id(run, number), kind),
        folder=folder,
        leftovers=Leftovers.KEEP if keeps else Leftovers.END,
        counted=False,
        **conditions(experiment, campaign),
    )
    return _failure(kind, ended, f"{run.backend}/{folder}")


def conditions(experiment: Experiment, campaign: Campaign) -> dict[str, Any]:
    """How each command of an experiment runs, as arguments of :meth:`Controller.execute`."""
    return {
        "environment": experiment.environment,
        "working_dir": experiment.working_dir,
        "user": experiment.user,
        "timeout_s": experiment.timeout_s,
        "silence_s": experiment.silence_s,
        "grace_s": campaign.grace_s,
        "max_output_bytes": experiment.max_output_bytes,
    }


def _failure(kind: str, ended: Ended, folder: str) -> Failure | None:
    if ended.ending is Ending.EXITED and ended.exit_code == 0:
        return None
    why = ended.reason or f"exit code {ended.exit_code}"
    return Failure(ended.ending, f"its {kind} failed: {why}; see {folder}")


@define(eq=False)
class BackendPreparation:
    """Runs the ``setup`` of each backend after each of its starts, and its ``teardown`` before it is stopped."""

    campaign: Campaign
    controller: Controller
    _prepared: dict[str, int] = field(factory=dict, init=False)

    async def set_up(self, backend: Backend) -> str:
        """Prepare a backend that is ready, once for each of its starts; say what went wrong, if anything."""
        command = self._commands("setup").get(backend.name)
        if command is None or self._prepared.get(backend.name) == backend.generation:
            return ""
        self._prepared[backend.name] = backend.generation
        return await self._run("setup", backend.name, command, _SETUP_S)

    async def clear_up(self, name: str) -> None:
        """Have a backend clear up before it is stopped; what goes wrong is logged, and stops nothing."""
        command = self._commands("teardown").get(name)
        backend = self.controller.backends.get(name)
        if command is None or backend is None:
            return
        if not backend.idle:
            _LOG.warning("%s: its teardown did not run, since it is %s", name, backend.state)
            return
        failed = await self._run("teardown", name, command, _TEARDOWN_S)
        if failed:
            _LOG.warning("%s: %s", name, failed)

    def _commands(self, kind: str) -> Mapping[str, tuple[str, ...]]:
        return self.campaign.setups if kind == "setup" else self.campaign.teardowns

    async def _run(self, kind: str, name: str, command: tuple[str, ...], within_s: float) -> str:
        taken = (self.controller.folder / name / f"_{kind}" / f"{n}" for n in count(1))
        number, folder = next((n, one) for n, one in enumerate(taken, 1) if not one.exists())
        try:
            ended = await self.controller.execute(
                name,
                command,
                id=beside_id(f"{name}.{number}", kind),
                folder=f"_{kind}/{number}",
                timeout_s=within_s,
                grace_s=self.campaign.grace_s,
                leftovers=Leftovers.KEEP,
                counted=False,
            )
        except DispatchError as error:
            return f"its {kind} did not run: {error}"
        failure = _failure(kind, ended, str(folder.relative_to(self.controller.folder)))
        return "" if failure is None else failure.reason
