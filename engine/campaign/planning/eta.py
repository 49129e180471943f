"""How long a campaign will still take, from how long its runs have taken so far."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from engine.campaign.model import Campaign
from engine.campaign.runs.plan import PlannedRun, pause_s
from engine.campaign.runs.progress import Progress

__all__ = ["eta_s"]

_Services = tuple[str, ...]


def eta_s(
    campaign: Campaign,
    progress: Collection[Progress],
    now_s: float,
    meet: Callable[[_Services, _Services], bool] = lambda _one, _other: False,
) -> float | None:
    """The seconds that are left, about; None as long as nothing is known.

    A run is taken to last as long as the mean of its backend's runs so far, or of all runs where its
    backend has had none.

    Args:
        now_s: in seconds of the event loop's clock.
        meet: whether runs on two backends follow one another all the same; see
            :meth:`engine.campaign.execution.gpu_turns.GpuTurns.meet`.
    """
    lasted = {
        name: [
            one.spent_s
            for one in progress
            if one.settled and one.attempts and name in ("", one.run.backend)
        ]
        for name in {"", *(one.run.backend for one in progress)}
    }
    if not lasted[""]:
        return None
    ends_s: dict[_Services, float] = {}
    before: dict[str, PlannedRun] = {}
    for one in progress:
        if one.settled:
            continue
        run, queue = one.run, one.run.backend if campaign.parallel else ""
        begins_s = max(
            (
                end_s
                for services, end_s in ends_s.items()
                if queue in ("", services[0]) or meet(services, run.services)
            ),
            default=0.0,
        )
        if queue in before:
            begins_s += pause_s(campaign.pauses, before[queue], run)
        left_s = _mean_s(lasted[run.backend] or lasted[""]) - _so_far_s(one, now_s)
        ends_s[run.services] = begins_s + max(left_s, 0)
        before[queue] = run
    return max(ends_s.values(), default=0.0)


def _mean_s(durations_s: Sequence[float]) -> float:
    return sum(durations_s) / len(durations_s)


def _so_far_s(one: Progress, now_s: float) -> float:
    return now_s - one.since_s if one.since_s is not None else 0.0
