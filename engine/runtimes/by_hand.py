"""A command that a user runs by hand in a backend that is up, on the user's own terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from engine.errors import DispatchError, OwnedElsewhere
from engine.ownership.owner import LABEL, Owner

__all__ = ["UP", "Entry", "in_use", "not_up"]

UP: Final = f"{LABEL}up"
"""The label of what ``dockwarden up`` has made."""


@frozen
class Entry:
    """A command to run by hand.

    Attributes:
        service: the backend.
        command: its argument vector.
        environment: of the command, besides the backend's own.
        working_dir: where it runs, in the container; None for the backend's own.
        user: who runs it; None for the container's user.
        through_entrypoint: whether it runs through the entrypoint of the file or image.
        tty: whether it has a terminal: the user's.
        force: whether it runs also where a campaign uses the backend.
    """

    service: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(factory=dict, repr=False)
    working_dir: str | None = None
    user: str | None = None
    through_entrypoint: bool = False
    tty: bool = False
    force: bool = False


def not_up(service: str, why: str) -> DispatchError:
    """The error where there is nothing to run a command in."""
    return DispatchError(
        f"{service}: {why}; start it with dockwarden up CAMPAIGN {service}, and run this again"
    )


def in_use(service: str, owner: Owner) -> OwnedElsewhere:
    """The error where a campaign uses the backend."""
    return OwnedElsewhere(
        f"{service}: {owner} runs a campaign on it, and a command beside an experiment would disturb what is"
        " measured; wait for its end, or use --force"
    )
