"""Find what is left of our objects: in a simulated world, on this machine, on a Docker engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import field, frozen

from engine.ownership.owner import Owner
from engine.testing.scripted_faults import OrderedFaults
from engine.testing.simulation import left_in

__all__ = ["Leaks"]


@frozen
class Leaks:
    """Compares what is there with what was there before.

    Args:
        faults: of the simulated world to check.
        docker: whether to check the Docker engine too.
    """

    faults: OrderedFaults
    docker: bool
    _before: Mapping[str, str] = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_before", dict(self._ours()))

    def found(self) -> list[str]:
        """Describe what has been left since.

        Raises:
            RuntimeUnavailable: no Docker engine answers, and it is to be checked.
        """
        new = [what for key, what in self._ours() if key not in self._before]
        return [*left_in(self.faults.world), *new]

    def _ours(self) -> Iterator[tuple[str, str]]:
        """Yield what this process has made outside of simulations: an identity, and words."""
        from engine.runtimes.process.backend import owner_mark
        from engine.runtimes.process.tree import find

        owner = Owner.current()
        for process in find(owner_mark(owner)):
            yield f"process {process}", f"the process {process.pid}"
        if self.docker:
            from engine.runtimes.docker.ownership.inventory import take

            for one in take().everything:
                if one.owner == owner:
                    yield one.id, f"the {one.kind} {one.name}"
