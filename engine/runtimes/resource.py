"""A resource of dockwarden, on an engine or on this machine, of any controller."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from engine.ownership.owner import Owner

__all__ = ["Resource"]


@frozen
class Resource:
    """A container or a network that dockwarden made, or the processes of a backend without a container.

    Attributes:
        kind: ``container``, ``network`` or ``processes``.
        service: the service it is for; empty for a network.
        status: what the engine says of a container, such as ``Up 3 minutes (healthy)``; of processes,
            how many run.
        labels: what it carries.
        owner: whose it is: the controller that made it, or one that has taken it over.
        foreign: why it is not dockwarden's, although it carries its labels; empty where it is. What is
            foreign has no owner, and is never removed.
        runtime: the name of the provider that lists and removes it; empty until it is listed.
    """

    kind: str
    id: str
    name: str
    project: str
    service: str
    status: str
    labels: Mapping[str, str] = field(repr=False)
    owner: Owner | None
    foreign: str = ""
    runtime: str = ""

    @property
    def owned(self) -> bool:
        """Whether its owner still runs."""
        return self.owner is not None and self.owner.alive

    @property
    def orphaned(self) -> bool:
        """Whether it says whose it is, and that owner has died."""
        return self.owner is not None and not self.owner.alive
