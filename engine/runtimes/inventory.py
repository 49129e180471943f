"""List dockwarden's processes, containers and networks on this machine and the engine, and remove them."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen

from engine.errors import MissingExtra, RuntimeUnavailable, SetupError
from engine.ownership import leases
from engine.runtimes import registry
from engine.runtimes.resource import Resource

__all__ = ["Inventory", "remove_all", "take"]


@frozen
class Inventory:
    """The resources that exist.

    Attributes:
        away: why the engine could not be asked; None where it could.
    """

    found: tuple[Resource, ...]
    away: SetupError | None = None

    def confess(self) -> None:
        """Raise for what could not be listed, once the rest is done.

        Raises:
            SetupError: no engine answered.
        """
        if self.away is not None:
            raise self.away


def take(project: str | None = None) -> Inventory:
    """List the resources of every runtime.

    Args:
        project: the compose project to keep to; None for all.
    """
    found: list[Resource] = []
    away: SetupError | None = None
    for one in registry.providers():
        try:
            found += (evolve(it, runtime=one.name) for it in one.list_resources(project))
        except (RuntimeUnavailable, MissingExtra) as error:
            away = away or error
    found.sort(key=lambda one: one.kind != "processes")  # those need no engine, and come first
    return Inventory(tuple(found), away)


def remove_all(resources: Sequence[Resource], *, project: str | None, grace_s: float) -> None:
    """Remove what was listed, and see that it is gone.

    Args:
        project: as it was given to :func:`take`.
        grace_s: how long each may take to end, in seconds.

    Raises:
        TeardownError: something is left; it names each.
        RuntimeUnavailable: no engine answers any more.
    """
    for name in dict.fromkeys(one.runtime for one in resources):
        registry.provider(name).remove_resources(
            [one for one in resources if one.runtime == name], project=project, grace_s=grace_s
        )
    leases.tidy()
