"""Find the runs of a campaign that need the same GPUs, by the compose file alone. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import define, field, frozen

from engine.campaign.runs.planned_run import PlannedRun
from engine.compose import needed
from engine.model.spec import Condition, Project
from engine.policy.gpu_reservation import GpuReservation, Overlap, overlap, reservations

__all__ = ["GpuRival", "SharedGpus"]

_Services = tuple[str, ...]


@frozen
class GpuRival:
    """A backend whose runs need GPUs that runs on other backends need as well.

    Attributes:
        reserved: what it needs, in words.
        surely: the others that need the same ones.
        perhaps: the others that may get the same ones: it is not known which they get.
    """

    backend: str
    reserved: str
    surely: tuple[str, ...]
    perhaps: tuple[str, ...]

    def __str__(self) -> str:
        others = (*self.surely, *(f"{name} (perhaps)" for name in self.perhaps))
        return f"{self.backend} ({self.reserved}): {', '.join(others)}"


@define(eq=False)
class SharedGpus:
    """The reservations of a project's services.

    A run occupies the GPUs of its backend and of the servers that it measures, and of what these depend on, but
    for what has completed before they start.
    """

    _project: Project
    _reserved: dict[str, tuple[GpuReservation, ...]] = field(factory=dict, init=False)
    _occupied: dict[_Services, frozenset[str]] = field(factory=dict, init=False)
    _overlaps: dict[tuple[str, str], Overlap] = field(factory=dict, init=False)

    def occupied(self, services: _Services) -> frozenset[str]:
        """The services whose GPUs are occupied by a run in the first of these, which measures the others."""
        if services not in self._occupied:
            self._occupied[services] = frozenset(self._holding(services))
        return self._occupied[services]

    def overlap(self, one: _Services, other: _Services) -> Overlap:
        """Whether runs that occupy these need the same GPUs."""
        mine, theirs = self.occupied(one), self.occupied(other)
        return max((self._between(a, b) for a in mine for b in theirs), default=Overlap.NO)

    def sharing(self, services: _Services) -> frozenset[str]:
        """The other services that may use the GPUs which a run in these occupies."""
        occupied = self.occupied(services)
        others = self._project.services.keys() - {*services} - occupied
        return frozenset(
            one
            for one in others
            if any(self._between(one, mine) is not Overlap.NO for mine in occupied)
        )

    def rivals(self, runs: Iterable[PlannedRun]) -> list[GpuRival]:
        """The backends of these runs that need GPUs which others of them need, or may."""
        groups: dict[str, list[_Services]] = {}
        for services in dict.fromkeys(run.services for run in runs):
            groups.setdefault(services[0], []).append(services)
        found = []
        for backend, mine in groups.items():
            met = {
                other: max(self.overlap(a, b) for a in mine for b in theirs)
                for other, theirs in groups.items()
                if other != backend
            }
            surely, perhaps = (
                tuple(name for name, each in met.items() if each is wanted)
                for wanted in (Overlap.YES, Overlap.PERHAPS)
            )
            if surely or perhaps:
                found.append(GpuRival(backend, self._words(backend, mine), surely, perhaps))
        return found

    def _words(self, backend: str, groups: Iterable[_Services]) -> str:
        """Return what runs of a backend occupy: its own GPUs, and those of other services by their names."""
        names = sorted({name for services in groups for name in self.occupied(services)})
        words = {name: ", ".join(map(str, self._of(name))) for name in names}
        return "; ".join(
            text if name == backend else f"{name}: {text}" for name, text in words.items()
        )

    def _holding(self, services: _Services) -> Iterator[str]:
        active = {*needed(self._project, services, refuse=False)}
        waiting, found = list(services), set[str]()
        while waiting:
            name = waiting.pop()
            if name in found or name not in active:
                continue
            found.add(name)
            if self._of(name):
                yield name
            depends_on = self._project.services[name].depends_on.items()
            waiting += (one for one, how in depends_on if how.condition is not Condition.COMPLETED)

    def _of(self, name: str) -> tuple[GpuReservation, ...]:
        if name not in self._reserved:
            self._reserved[name] = reservations(self._project.services[name])
        return self._reserved[name]

    def _between(self, one: str, other: str) -> Overlap:
        if one == other:  # the same container
            return Overlap.YES if self._of(one) else Overlap.NO
        if (one, other) not in self._overlaps:
            self._overlaps[one, other] = overlap(self._of(one), self._of(other))
        return self._overlaps[one, other]
