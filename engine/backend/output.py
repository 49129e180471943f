"""Collect an ended command's output out of its container's reach, and judge its end by it."""

from __future__ import annotations

import asyncio
from pathlib import Path, PurePath
from typing import TypeVar

from attrs import frozen

from engine.backend.execution import Outcome
from engine.backend.fetching import NOTHING, Fetched
from engine.measurements import measure
from engine.model.measurements import Measurements
from engine.model.results import Ending
from engine.runtimes.base import ExecRequest
from engine.spool import Collected, Slot, Spool

__all__ = ["Output", "collected"]

_T = TypeVar("_T")


@frozen
class Output:
    """An ended command's output.

    Attributes:
        ending: how the command ended, its output considered.
        folder: where ``stdout`` and ``stderr`` are.
        kept: whether that is where they were to go; else this machine has no room for them.
        measurements: the command's metrics and artifacts.
    """

    ending: Ending
    reason: str
    folder: Path
    kept: bool
    measurements: Measurements


async def collected(
    spool: Spool,
    slot: Slot,
    request: ExecRequest,
    outcome: Outcome | None,
    fetched: Fetched = NOTHING,
) -> Output:
    """Take an ended command's output out of its slot, with its metrics and artifacts.

    Who is cancelled meanwhile waits for it all the same: it takes no longer than copying what is kept.

    Args:
        outcome: how the command ended; None where its caller gave up.
        fetched: artifacts that were brought from elsewhere in its container.
    """
    within = request.results or PurePath(spool.service, request.id)
    by_itself = outcome is not None and outcome.ending is Ending.EXITED
    code = outcome.exit_code if outcome and by_itself else None  # else what is noted says more
    ran = outcome.ran if outcome else None

    def collect() -> tuple[Collected, Measurements]:
        found = spool.collect(
            slot,
            within,
            most_bytes=request.max_output_bytes,
            exit_code=code,
            ran=(ran.began_at, ran.ended_at) if ran else None,
            max_artifacts_bytes=request.measure.max_artifacts_bytes,
            fetched=fetched.folder,
        )
        if not (found.kept and spool.kept):
            return found, Measurements()
        warnings = (*(outcome.warnings if outcome else ()), *fetched.warnings, *found.warnings)
        succeeded = by_itself and code == 0
        measured = measure(spool.output, within, request.measure, warnings, succeeded=succeeded)
        return found, measured

    found, measurements = await _insisted(asyncio.ensure_future(asyncio.to_thread(collect)))
    ending = outcome.ending if outcome else Ending.INTERRUPTED
    reasons = [outcome.reason if outcome else ""]
    problem = found.problem or _too_much(found.written_bytes, request.max_output_bytes)
    if problem:
        reasons.append(problem)
        ending = Ending.OUTPUT if ending is Ending.EXITED else ending
    folder = spool.output / within if found.kept else slot.folder
    return Output(ending, "; ".join(filter(None, reasons)), folder, found.kept, measurements)


def _too_much(written: int, most: int | None) -> str:
    if most is None or written <= most:
        return ""
    return f"it wrote {written} bytes, and {most} of them are kept; raise max_output to keep more"


async def _insisted(work: asyncio.Future[_T]) -> _T:
    """Wait for what cannot be cut short, also when cancelled."""
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait({work})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return work.result()
