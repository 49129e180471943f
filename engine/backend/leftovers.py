"""Find and end the processes that an experiment leaves running when its command has ended."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from attrs import evolve, frozen

from engine.errors import ContainerLost, RuntimeFault
from engine.model.results import EndedBy, Fault, LeftProcess
from engine.runtimes.base import Container, ExecRequest, Runtime

__all__ = ["UNENDED", "Aftermath", "clear"]

_LOG: Final = logging.getLogger(__name__)

_GRACE_S: Final = 2.0
"""Between TERM and KILL. It is short: their command has ended, and does not wait for them."""
_SHOWN: Final = 3

UNENDED: Final = Fault("a process of its experiment cannot be ended", recreate=True)


@frozen
class Aftermath:
    """The processes left running, and what they mean for the container.

    Attributes:
        left: each with what ended it.
        fault: what is wrong with the backend; None when nothing is.
    """

    left: tuple[LeftProcess, ...] = ()
    fault: Fault | None = None

    @property
    def reason(self) -> str:
        """The processes left running, in words."""
        shown = ", ".join(map(str, self.left[:_SHOWN]))
        more = len(self.left) - _SHOWN
        return f"it left processes running: {shown}" + (f" and {more} more" if more > 0 else "")


async def clear(
    runtime: Runtime, container: Container, request: ExecRequest, *, keep: bool
) -> Aftermath:
    """Find the processes that a command has left running, and end them.

    Args:
        keep: whether to leave it alone.
    """
    try:
        left = await runtime.leftovers(container, request)
        if not left:
            return Aftermath()
        if keep:
            return Aftermath(_ended(left, EndedBy.NOTHING))
        _LOG.info("%s: ending what %s left running", container.service, request.id)
        return await _end(runtime, container, request, left)
    except ContainerLost:  # and all of it with it; the next inspection of the container finds out
        return Aftermath()
    except RuntimeFault as unknown:
        return Aftermath(fault=Fault(unknown.reason))


async def _end(
    runtime: Runtime, container: Container, request: ExecRequest, left: Sequence[LeftProcess]
) -> Aftermath:
    surely = [one for one in left if not one.doubtful]
    doubtful = [one for one in left if one.doubtful]
    if surely and not await runtime.kill(container, request, grace_s=_GRACE_S):
        return Aftermath(_ended(left, EndedBy.RESTART), UNENDED)
    ended = _ended(surely, EndedBy.SIGNAL) + _ended(doubtful, EndedBy.RESTART)
    if not doubtful:
        return Aftermath(ended)
    return Aftermath(
        ended,
        Fault(
            f"{request.id} may have left processes running that cannot be distinguished from the service's own"
            f" ({doubtful[0].pid}: {doubtful[0].short}); set init: true for the service"
        ),
    )


def _ended(left: Sequence[LeftProcess], by: EndedBy) -> tuple[LeftProcess, ...]:
    return tuple(evolve(one, ended_by=by) for one in left)
