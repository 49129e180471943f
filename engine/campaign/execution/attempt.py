"""One attempt of one run: handed to its backend, and made a record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import PurePath
from typing import Any, Final

from attrs import asdict, frozen

from engine.campaign.execution.preparation import Failure, beside, conditions
from engine.campaign.model import Campaign, Experiment
from engine.campaign.persistence.attempt_output import Written
from engine.campaign.persistence.results import Results
from engine.campaign.runs.attempt_record import AttemptRecord, record_of
from engine.campaign.runs.plan import PlannedRun, folder_of, request_id
from engine.controller import Controller
from engine.errors import DispatchError, SetupError
from engine.journal import Attempt
from engine.model.results import Ended, Ending
from engine.util.clock import utc_now

__all__ = ["attempt", "outlived"]

_GONE: Final = "its controller died under it, and nothing of it was found"
_OVER: Final = "the campaign is being ended"


async def attempt(
    run: PlannedRun,
    number: int,
    *,
    campaign: Campaign,
    controller: Controller,
    results: Results,
    ending: Callable[[], bool],
    before: Callable[[], None],
) -> AttemptRecord:
    """Run an attempt to its end, in any way, and record how it ended.

    Cancelled, it is over at once and counts as interrupted: only what outlives the teardown is.

    Args:
        number: which attempt of the run it is, from 1.
        ending: whether the campaign is being torn down.
        before: called before anything of its command runs.

    Raises:
        SetupError: its output cannot be kept on this machine.
    """
    experiment, started_at = run.experiment, utc_now()
    around = _Around(run, number, campaign, controller, ending)
    for kind in ("", "-setup", "-teardown"):
        results.vacate(PurePath(run.backend, f"{folder_of(run, number)}{kind}"))
    if experiment.setup:
        before()
    try:
        failure = await beside("setup", run, number, campaign, controller)
        if failure is not None:
            how = _unprepared(failure, started_at)
            return record_of(campaign, run, number, await around.cleared(how))
        ended = await controller.execute(
            run.backend,
            experiment.command,
            id=request_id(run, number),
            folder=folder_of(run, number),
            leftovers=experiment.leftovers,
            before=before,
            measure=experiment.measure,
            targets=experiment.targets,
            **conditions(experiment, campaign),
        )
        how = _as_seen(ended, results)
    except DispatchError as error:  # the container is at fault, not the experiment
        unseen = Ending.INTERRUPTED if ending() else Ending.LOST
        how = _unseen(unseen, str(error), started_at)
    except asyncio.CancelledError:
        folder = PurePath(run.backend, folder_of(run, number))
        written = Written(results.folder, run.backend, request_id(run, number), folder)
        how = _unseen(Ending.INTERRUPTED, "it could not be ended", started_at)
        how |= await _found(written, experiment, results, started_at)
        return record_of(campaign, run, number, around.uncleared(how, _OVER))
    return record_of(campaign, run, number, await around.cleared(how))


def _unprepared(failure: Failure, started_at: datetime) -> dict[str, Any]:
    """How an attempt ended whose setup failed: its command has not been started."""
    cut_short = failure.ending in (Ending.LOST, Ending.INTERRUPTED)
    return _unseen(failure.ending if cut_short else Ending.UNSTARTED, failure.reason, started_at)


@frozen
class _Around:
    """The parts of an attempt's teardown.

    Attributes:
        ending: whether the campaign is being torn down.
    """

    run: PlannedRun
    number: int
    campaign: Campaign
    controller: Controller
    ending: Callable[[], bool]

    async def cleared(self, how: Mapping[str, Any]) -> dict[str, Any]:
        """How an attempt went, after its teardown has run: what went wrong with that is a warning."""
        try:
            failure = await beside(
                "teardown", self.run, self.number, self.campaign, self.controller
            )
            reason = "" if failure is None else failure.reason
        except DispatchError as error:
            return self.uncleared(how, _OVER if self.ending() else str(error))
        except asyncio.CancelledError:  # the attempt has ended before, and that is recorded
            return self.uncleared(how, _OVER)
        return _warned(how, reason)

    def uncleared(self, how: Mapping[str, Any], why: str) -> dict[str, Any]:
        """How an attempt went whose teardown, if it has one, did not run."""
        due = bool(self.run.experiment.teardown)
        return _warned(how, f"its teardown did not run: {why}" if due else "")


def _warned(how: Mapping[str, Any], warning: str) -> dict[str, Any]:
    return {**how, "warnings": (*how.get("warnings", ()), *([warning] if warning else []))}


async def outlived(
    run: PlannedRun,
    begun: Attempt,
    *,
    campaign: Campaign,
    controller: Controller,
    results: Results,
    ending: Callable[[], bool],
) -> AttemptRecord:
    """Wait for the end of an attempt that an earlier session began, and say how it went.

    Args:
        begun: the attempt, as the journal has it.
        ending: whether the campaign is being torn down.
    """
    cut_short = _unseen(
        Ending.INTERRUPTED, "the campaign was ended before it was found", begun.begun_at
    )
    gone = {**_unseen(Ending.INTERRUPTED, _GONE, begun.begun_at), "duration_s": None}
    ended: Ended | None = None
    try:
        ended = await controller.outlived(run.backend)
        how = cut_short if ending() else gone
    except DispatchError:  # its backend could not even be begun to be started
        how = cut_short if ending() else gone
    except asyncio.CancelledError:
        how = _unseen(Ending.INTERRUPTED, "it could not be ended", begun.begun_at)
    around = _Around(run, begun.number, campaign, controller, ending)
    results.vacate(PurePath(run.backend, f"{folder_of(run, begun.number)}-teardown"))
    if ended is not None:
        how = await around.cleared(_as_seen(ended, results))
    else:
        written = Written.by(results.folder, begun)
        how |= await _found(written, run.experiment, results, begun.begun_at)
        how = around.uncleared(how, _GONE)
    if how["ending"] != Ending.EXITED.value:
        how = {"container_id": begun.container_id, "generation": begun.generation, **how}
    return record_of(campaign, run, begun.number, how)


async def _found(
    written: Written, experiment: Experiment, results: Results, begun_at: datetime
) -> dict[str, Any]:
    """Find the end, if noted, and the output of an attempt that ended without a controller."""

    def find() -> dict[str, Any]:
        how = written.ended_alone(begun_at, experiment)
        return {**how, **written.fields(results.secrets), **written.measured(experiment, how)}

    return await asyncio.to_thread(find)


def _as_seen(ended: Ended, results: Results) -> dict[str, Any]:
    if not ended.kept:  # no fault of the experiment's: it is taken up again when there is room
        raise SetupError(ended.reason)
    return {
        "ending": ended.ending.value,
        "exit_code": ended.exit_code,
        "reason": ended.reason,
        "started_at": ended.started_at,
        "ended_at": ended.ended_at,
        "duration_s": ended.duration_s,
        "ran_from": ended.ran and ended.ran.began_at,
        "ran_until": ended.ran and ended.ran.ended_at,
        "container_id": ended.container_id,
        "image": ended.image,
        "generation": ended.generation,
        "since_restart": ended.since_restart,
        "restart_cause": ended.restart_cause,
        "started_in_s": ended.started_in_s,
        "main": ended.main,
        "through_entrypoint": ended.through_entrypoint,
        "health_checks": ended.health_checks,
        "targets": tuple(map(asdict, ended.targets)),
        "left": ended.left,
        **asdict(ended.measurements, recurse=False),
        **results.output(ended),
    }


def _unseen(ending: Ending, reason: str, started_at: datetime) -> dict[str, Any]:
    ended_at = utc_now()
    return {
        "ending": ending.value,
        "exit_code": None,
        "reason": reason,
        "started_at": started_at,
        "ended_at": ended_at,
        "duration_s": max(0.0, (ended_at - started_at).total_seconds()),
    }
