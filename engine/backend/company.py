"""The other backends that a command of one backend needs: what that depends on, and the servers that it measures."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

from attrs import define, evolve, field

from engine.errors import DispatchError
from engine.model.results import Ended, Ending, Target

if TYPE_CHECKING:
    from engine.backend.backend import Backend

__all__ = ["Company"]

_ITS_SERVERS_FAULT: Final = (Ending.EXITED, Ending.TIMEOUT, Ending.SILENCE)
"""How a command may end because a server that it measures does not work."""


@define(eq=False)
class Company:
    """The company of one backend.

    Args:
        needs: the backends that it depends on.
    """

    _backend: Backend
    _needs: Sequence[Backend] = ()
    _proved: dict[str, int] = field(factory=dict, init=False)

    def starts(self) -> dict[str, int]:
        """How often each backend that it depends on has been started so far."""
        return {one.name: one.generation for one in self._needs}

    def proved_beside(self, starts: dict[str, int]) -> None:
        """Take note that it has been proved ready beside what it depends on."""
        self._proved = starts

    @asynccontextmanager
    async def turns(self, targets: Sequence[Backend]) -> AsyncIterator[None]:
        """Hold its turn and those of its targets: nothing else runs in them, and nothing checks them.

        In an order that is the same for all who need several.
        """
        async with AsyncExitStack() as held:
            for one in sorted({self._backend, *targets}, key=lambda one: one.name):
                await held.enter_async_context(one.turn)
            yield

    async def gathered(self, targets: Sequence[Backend], fit: dict[str, int]) -> bool:
        """Wait until all of them are ready; whether they were at once, so that nothing has changed meanwhile.

        The backend is proved ready again beside a target that has been restarted since the last proof; or
        it is restarted, where its file asks for that.

        Args:
            fit: under which ticket each target was found fit for the same command, filled in here. A check of
                GPUs that finds nothing leaves a target fit, and never fresh, so it is checked once.

        Raises:
            DispatchError: one does not become ready.
        """
        backend = self._backend
        for one in self._needs:
            if not one.serves:
                await self._served(one)
                return False
        again = [name for name, count in self.starts().items() if self._proved.get(name) != count]
        if again and self._proved:
            why = f"{', '.join(again)}, which it depends on, was started again"
            if any(backend.spec.depends_on[name].restart for name in again):
                backend.restart(why)
            else:
                await backend.prove_again()
            return False
        for one in targets:
            if not one.fresh_enough and fit.get(one.name) != one.ticket:
                await one.fit()
                fit[one.name] = one.ticket
                return False
        return all(one.idle for one in (backend, *targets))

    async def _served(self, needed: Backend) -> None:
        try:
            await needed.served()
        except DispatchError as error:
            fault = f": {needed.fault.reason}" if needed.fault else ""
            raise DispatchError(
                f"{self._backend.name} takes no experiment: {needed.name}, which it depends on, is"
                f" {needed.state}{fault}"
            ) from error

    async def blamed(self, ended: Ended, targets: Sequence[Backend]) -> Ended:
        """How a command ended, once it is known whether a server that it measures was at fault."""
        known = evolve(ended, targets=tuple(map(_told, targets)))
        if ended.succeeded or ended.ending not in _ITS_SERVERS_FAULT:
            return known
        for one in targets:
            problem = await one.problem()
            if problem:
                reason = f"{one.name}, which it measures, was at fault: {problem}"
                return evolve(known, ending=Ending.LOST, reason=reason)
        return known


def _told(target: Backend) -> Target:
    container = target.container
    return Target(
        backend=target.name,
        container_id=container.id if container else "",
        image=container.image if container else None,
        generation=target.generation,
        restart_cause=target.restart_cause,
    )
