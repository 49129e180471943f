"""The state of a campaign at one moment, for its displays: from the runner itself, or from its journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path, PurePath
from typing import Final, Self

from attrs import evolve, frozen

from engine.campaign.execution.runner import CampaignRunner
from engine.campaign.persistence.attempt_output import Written
from engine.campaign.planning.eta import eta_s
from engine.campaign.runs.attempt_record import AttemptRecord
from engine.campaign.runs.plan import folder_of, request_id
from engine.campaign.runs.progress import Progress
from engine.journal import Attempt, JournalReader, Tally
from engine.model.results import GpuLook, Transition
from engine.util.redaction import Secrets
from states import BACKEND, EXPERIMENT

__all__ = ["STOPPING", "BackendScene", "Scene", "of_journal", "of_runner"]

STOPPING: Final = "stopping"
"""The state shown for a backend while its latch is up."""

_SHOWN_METRICS: Final = 6
_UNFIT: Final = ("unhealthy", "restarting", "exhausted")


@frozen
class BackendScene:
    """One backend at a moment.

    Attributes:
        state: of its table; ``stopping`` while it is being stopped.
        for_s: how long it has been so, in seconds; None where it never was anything else.
        generation: how often its container has been started.
        settled: how many of its runs have their outcome.
        runs: how many are planned on it.
        restarts_left: of its budget; None where that is not known.
        reason: what was last found wrong with it; empty while it is fit.
        run: the run whose attempt is under way; None while none is.
        run_s: how long that has been, in seconds.
        written: the place of that attempt's output, for :meth:`Scene.with_lines`.
        last_line: of what that attempt has written; empty where it has written nothing.
        look: the last check of its GPUs; None before the first.
        metrics: the last measurements on it, in words; empty before the first.
    """

    name: str
    state: str
    for_s: float | None = None
    generation: int = 0
    settled: int = 0
    runs: int = 0
    restarts_left: int | None = None
    reason: str = ""
    run: str | None = None
    run_s: float = 0.0
    written: Written | None = None
    last_line: str = ""
    look: GpuLook | None = None
    metrics: str = ""

    def running(self, attempt: Attempt | None, now: datetime, folder: Path) -> Self:
        """The same, with an attempt under way, whose output lies below ``folder``."""
        if attempt is None:
            return self
        return evolve(
            self,
            run=attempt.run,
            run_s=max(0.0, (now - attempt.begun_at).total_seconds()),
            written=Written.by(folder, attempt),
        )

    def with_line(self, secrets: Secrets) -> Self:
        """The same, with the last line; see :meth:`Scene.with_lines`."""
        if self.written is None:
            return self
        return evolve(self, written=None, last_line=_last_line(self.written, secrets))


@frozen
class Scene:
    """A campaign at a moment.

    Attributes:
        backends: in the plan's order.
        counts: how many runs came to each outcome.
        runs: how many are planned.
        eta_s: the seconds that are left, about; None as long as nothing is known.
    """

    campaign: str
    backends: tuple[BackendScene, ...]
    counts: Mapping[str, int]
    runs: int
    eta_s: float | None = None

    @property
    def settled(self) -> int:
        """How many runs have their outcome."""
        return sum(self.counts.values())

    def with_lines(self, secrets: Secrets) -> Self:
        """The same, with the last line that each backend has written; call it on a thread.

        Args:
            secrets: what is not to be seen of the output.
        """
        return evolve(self, backends=tuple(one.with_line(secrets) for one in self.backends))


def of_runner(runner: CampaignRunner, now_s: float) -> Scene:
    """Take a snapshot of a runner, without the output's last lines; see :meth:`Scene.with_lines`.

    Args:
        now_s: in seconds of the event loop's clock.
    """
    progress = runner.progress.values()
    counts = Counter(one.state for one in progress if one.settled)
    return Scene(
        campaign=runner.campaign.name,
        backends=tuple(_of_backend(runner, name, now_s) for name in runner.services),
        counts=_ordered(counts),
        runs=len(runner.progress),
        eta_s=_eta_s(runner, now_s),
    )


def _eta_s(runner: CampaignRunner, now_s: float) -> float | None:
    """How long what this session carries out will still take; None where nothing is left, or known."""
    settled = [one for one in runner.progress.values() if one.settled]
    if not runner.due:
        return None
    return eta_s(runner.campaign, [*settled, *runner.due], now_s, runner.turns.meet)


def _of_backend(runner: CampaignRunner, name: str, now_s: float) -> BackendScene:
    mine = [one for one in runner.progress.values() if one.run.backend == name]
    settled = sum(one.settled for one in mine)
    backend = runner.controller.backends.get(name)
    if backend is None:
        return BackendScene(name, runner.lifecycle.table.initial, settled=settled, runs=len(mine))
    current = next((one for one in mine if one.since_s is not None), None)
    return BackendScene(
        name=name,
        state=STOPPING if backend.stopping else backend.state,
        for_s=None if backend.since_s is None else now_s - backend.since_s,
        generation=backend.generation,
        settled=settled,
        runs=len(mine),
        restarts_left=backend.restarts_left,
        reason=backend.fault.reason if backend.fault else "",
        run=current.run.id if current else None,
        run_s=now_s - current.since_s if current and current.since_s is not None else 0.0,
        written=_written(runner, current) if current else None,
        look=backend.looked,
        metrics=_measured(runner.measured.get(name)),
    )


def _measured(record: AttemptRecord | None) -> str:
    """The metrics of an attempt, in words: as many as fit on a line."""
    if record is None:
        return ""
    shown = [
        f"{name} {value:.6g}{' ' * (name in record.units)}{record.units.get(name, '')}"
        for name, value in [*record.metrics.items()][:_SHOWN_METRICS]
    ]
    more = len(record.metrics) - len(shown)
    return f"{record.experiment}: {', '.join(shown)}{f' and {more} more' if more else ''}"


def _written(runner: CampaignRunner, progress: Progress) -> Written:
    run, number = progress.run, progress.attempts
    folder = PurePath(run.backend, folder_of(run, number))
    return Written(runner.results.folder, run.backend, request_id(run, number), folder)


def of_journal(journal: JournalReader, now: datetime, secrets: Secrets) -> Scene:
    """Take a snapshot from a journal, which may be in use by its writer.

    Args:
        secrets: what is not to be seen of the output.
    """
    tally = journal.tally()
    session = max((one.number for one in journal.sessions()), default=0)
    taken = {
        one.transition.backend: one.transition
        for one in journal.latest_transitions()
        if one.session == session
    }
    looks = {one.backend: one for one in journal.latest_looks()}
    under_way = {one.backend: one for one in journal.open_attempts() if one.session == session}
    counts = Counter[str]()
    for tallied in tally:
        counts.update({} if tallied.state is None else {tallied.state: tallied.runs})
    folder = journal.path.resolve().parent
    scene = Scene(
        campaign=journal.campaign,
        backends=tuple(
            _journaled(name, taken.get(name), looks.get(name), tally, now).running(
                under_way.get(name), now, folder
            )
            for name in dict.fromkeys([*(one.backend for one in tally), *taken])
        ),
        counts=_ordered(counts),
        runs=sum(one.runs for one in tally),
        eta_s=_journaled_eta_s(tally),
    )
    return scene.with_lines(secrets)


def _journaled(
    name: str,
    taken: Transition | None,
    look: GpuLook | None,
    tally: Sequence[Tally],
    now: datetime,
) -> BackendScene:
    mine = [one for one in tally if one.backend == name]
    scene = BackendScene(
        name=name,
        state=BACKEND.initial,
        settled=sum(one.runs for one in mine if one.state is not None),
        runs=sum(one.runs for one in mine),
        look=look,
    )
    if taken is None:
        return scene
    stopping = taken.event == "stop" and taken.action is not None
    return evolve(
        scene,
        state=STOPPING if stopping else taken.target,
        for_s=max(0.0, (now - taken.at).total_seconds()),
        generation=taken.generation,
        restarts_left=taken.restarts_left,
        reason=taken.reason if taken.target in _UNFIT else "",
    )


def _journaled_eta_s(tally: Sequence[Tally]) -> float | None:
    """As :func:`~engine.campaign.planning.eta.eta_s`, but the journal does not know of pauses, nor of queues."""
    lasted = [(one.spent_s, one.runs) for one in tally if one.state is not None and one.spent_s]
    open_runs = {one.backend: one.runs for one in tally if one.state is None}
    if not lasted or not open_runs:
        return None
    whole_s = sum(spent_s for spent_s, _ in lasted) / sum(runs for _, runs in lasted)
    left_s = []
    for backend, runs in open_runs.items():
        mine = [one for one in tally if one.backend == backend and one.state and one.spent_s]
        own = sum(one.runs for one in mine)
        left_s.append(runs * (sum(one.spent_s for one in mine) / own if own else whole_s))
    return max(left_s)


def _ordered(counts: Mapping[str, int]) -> dict[str, int]:
    return {state: counts[state] for state in EXPERIMENT.states if counts.get(state)}


def _last_line(written: Written, secrets: Secrets) -> str:
    """The last line that is not empty of what an attempt has written."""
    for name in ("stdout", "stderr"):
        for line in reversed(written.last_lines(name, secrets)):
            if line.strip():
                return line.strip()
    return ""
