"""How long a campaign will still take, from how long its runs have taken so far."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

from engine.campaign.model import Campaign
from engine.campaign.runs.plan import pause_s, queues
from engine.campaign.runs.progress import Progress

__all__ = ["eta_s"]


def eta_s(campaign: Campaign, progress: Collection[Progress], now_s: float) -> float | None:
    """The seconds that are left, about; None as long as nothing is known.

    A run is taken to last as long as the mean of its backend's runs so far, or of all runs where its
    backend has had none. The longest queue decides.

    Args:
        now_s: in seconds of the event loop's clock.
    """
    known = {one.run.id: one for one in progress}
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

    def left_s(queue: Sequence[Progress]) -> float:
        waiting = [one for one in queue if not one.settled]
        pauses_s = sum(pause_s(campaign.pauses, a.run, b.run) for a, b in pairwise(waiting))
        return pauses_s + sum(
            max(_mean_s(lasted[one.run.backend] or lasted[""]) - _so_far_s(one, now_s), 0)
            for one in waiting
        )

    lanes = queues(campaign, [one.run for one in progress])
    return max(left_s([known[run.id] for run in lane]) for lane in lanes)


def _mean_s(durations_s: Sequence[float]) -> float:
    return sum(durations_s) / len(durations_s)


def _so_far_s(one: Progress, now_s: float) -> float:
    return now_s - one.since_s if one.since_s is not None else 0.0
