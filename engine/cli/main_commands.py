"""The future main processes of a campaign's containers, for its plan and for doctor."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from engine.campaign.model import Campaign
    from engine.model.spec import Project

__all__ = ["Foreseen", "foreseen_mains"]

_UNKNOWN: Final = (
    "its image is not here to be inspected: what keeps it up is decided at its first start"
)
_NO_ENTRYPOINT: Final = (
    "through_entrypoint has no effect on it: neither its file nor its image has an entrypoint"
)


@frozen
class Foreseen:
    """The notes on a container's main process before it is made.

    Attributes:
        surprising: whether an entrypoint does not run, or one that is asked for is not there.
    """

    text: str
    surprising: bool = False


def foreseen_mains(
    campaign: Campaign, project: Project, services: Iterable[str]
) -> dict[str, Foreseen]:
    """Return notes on those services that do not simply run the command of their file."""
    from engine.errors import RuntimeUnavailable
    from engine.policy.keep_alive import entrypoint_of, keep_alives, undecided
    from engine.runtimes.docker.diagnostics import image_commands
    from engine.runtimes.main_commands import MainCommands
    from engine.runtimes.registry import AUTO, provider

    policies = campaign.policies
    open_yet = undecided(project, policies)
    decisions = MainCommands(keep_alives(project, policies), open_yet)
    in_images = campaign.runtime == AUTO or provider(campaign.runtime).uses_images
    images = dict.fromkeys(services)
    if in_images:
        with suppress(RuntimeUnavailable):  # images stay unknown, and that is what is said
            images = image_commands(project, images)
    told: dict[str, Foreseen] = {}
    for name, image in images.items():
        spec = project.services[name]
        of_file = spec.command is not None or spec.entrypoint is not None
        through = name in policies and policies[name].through_entrypoint
        if in_images and image is None and (through or (name in open_yet and not of_file)):
            told[name] = Foreseen(_UNKNOWN)
            continue
        main = decisions.decide(spec, image)
        in_vain = through and not entrypoint_of(spec, image)
        if through or not of_file or main.keep_alive is not None:
            text = f"{main}; {_NO_ENTRYPOINT}" if in_vain else str(main)
            told[name] = Foreseen(text, in_vain or bool(main.dropped_entrypoint and not through))
    return told
