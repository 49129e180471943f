"""Runs that need the same GPUs follow one another in the plan's order, in any queues."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from attrs import define, field

from engine.campaign.planning.shared_gpus import SharedGpus
from engine.campaign.runs.planned_run import PlannedRun
from engine.policy.gpu_reservation import Overlap

__all__ = ["GpuTurns"]

_Services = tuple[str, ...]


@define(eq=False)
class GpuTurns:
    """Has a run wait for those before it in the plan that need a GPU which it needs as well.

    No two runs wait for each other: the first run that is not settled has nothing unsettled before it.

    Args:
        shared: which runs need the same GPUs; None where runs follow one another anyway, or may share GPUs.
        runs: what is to be carried out, in the plan's order.
    """

    _shared: SharedGpus | None
    _runs: Sequence[PlannedRun]
    _open: dict[_Services, deque[int]] = field(factory=dict, init=False)
    _place: dict[str, int] = field(factory=dict, init=False)
    _tried: dict[_Services, tuple[int, PlannedRun]] = field(factory=dict, init=False)
    _settled: int = field(default=0, init=False)
    _moved: list[asyncio.Future[None]] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        for place, run in enumerate(self._runs):
            self._place[run.id] = place
            self._open.setdefault(run.services, deque()).append(place)

    def meet(self, one: _Services, other: _Services) -> bool:
        """Whether runs of two backends follow one another, by the services that they occupy."""
        if self._shared is None or one[0] == other[0]:
            return False
        return self._shared.overlap(one, other) is not Overlap.NO

    def rivals(self, run: PlannedRun) -> list[_Services]:
        """The services of the other backends' runs that need a GPU which this one needs."""
        return [one for one in self._open if self.meet(run.services, one)]

    async def reached(self, run: PlannedRun, before: PlannedRun | None) -> PlannedRun | None:
        """Wait for a run's turn.

        Args:
            before: what was tried last in its queue.

        Returns:
            what was tried last in its queue, or on its GPUs.
        """
        rivals = self.rivals(run)
        place = self._place[run.id]
        while any(self._open[one] and self._open[one][0] < place for one in rivals):
            moved: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._moved.append(moved)
            await moved
        own = [] if before is None else [before.services]
        last = [self._tried[one] for one in (*own, *rivals) if one in self._tried]
        return max(last, key=lambda each: each[0])[1] if last else before

    def settled(self, run: PlannedRun, *, tried: bool) -> None:
        """Take in that a run has come to its outcome."""
        self._open[run.services].remove(self._place[run.id])
        self._settled += 1
        if tried:
            self._tried[run.services] = self._settled, run
        moved, self._moved = self._moved, []
        for one in moved:
            if not one.done():
                one.set_result(None)
