"""Decide which containers run their own command, and which are kept up by another one.

A backend has to stay up and take experiments by exec. Some images have a server as their command, which is
what the experiments use; others have a shell, or a program that prints its help and ends.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import evolve, frozen

from engine.model.main_command import MainCommand
from engine.model.spec import Project, ServiceSpec
from engine.policy.backend import BackendPolicy, KeepAlive

__all__ = [
    "DEFAULT",
    "ImageCommand",
    "entrypoint_of",
    "foreseen",
    "keep_alives",
    "undecided",
]

DEFAULT: Final = ("sleep", "infinity")


@frozen
class ImageCommand:
    """The command of an image's containers.

    Attributes:
        entrypoint: its ENTRYPOINT; empty where it has none.
        command: its CMD, likewise.
        id: its id on the engine; empty where that is not known.
    """

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    id: str = ""


def keep_alives(
    project: Project, policies: Mapping[str, BackendPolicy]
) -> dict[str, tuple[str, ...]]:
    """The keep-alive command of each service that has one, as far as files and policies say.

    What a policy declares goes first. Else a service keeps the command that its file gives it. Without one
    it is kept alive by ``sleep infinity``, unless another service depends on it: what others depend on is
    wanted for what its image does by itself. A runtime that can inspect images and the ends of containers
    decides better (:func:`undecided`).
    """
    dependencies = _dependencies(project)
    keep: dict[str, tuple[str, ...]] = {}
    for name, spec in project.services.items():
        declared = _declared(policies, name)
        if isinstance(declared, tuple):
            keep[name] = declared
        elif declared is KeepAlive.ALWAYS or (
            declared is KeepAlive.AUTO and _bare_file(spec) and name not in dependencies
        ):
            keep[name] = DEFAULT
    return keep


def undecided(project: Project, policies: Mapping[str, BackendPolicy]) -> frozenset[str]:
    """The services whose image and first start decide whether their own command runs.

    A service that others depend on is not among them: its own command runs.
    """
    dependencies = _dependencies(project)
    return frozenset(
        name
        for name in project.services
        if _declared(policies, name) is KeepAlive.AUTO and name not in dependencies
    )


def foreseen(
    spec: ServiceSpec, image: ImageCommand | None, keep_alive: tuple[str, ...] | None
) -> MainCommand:
    """Return the main process of an undecided service's container at its first start.

    Args:
        image: what its image says; None where no image is used.
        keep_alive: what keeps it up if its own command does not.
    """
    instead = MainCommand(keep_alive or DEFAULT, dropped_entrypoint=entrypoint_of(spec, image))
    own, named = _own(spec, image)
    if not own:
        what = "its image has no command" if image else "its file gives no command"
        return evolve(instead, reason=what)
    if spec.tty:
        return MainCommand(reason=f"{named}, on a terminal")
    if _is_bare(own):
        return evolve(instead, reason=f"{named} is a bare shell or interpreter ({' '.join(own)})")
    return MainCommand(reason=named, on_trial=True)


def entrypoint_of(spec: ServiceSpec, image: ImageCommand | None) -> tuple[str, ...]:
    """The entrypoint of a service's container: its file's, else its image's."""
    if spec.entrypoint is not None:
        return spec.entrypoint
    return image.entrypoint if image is not None else ()


def _declared(policies: Mapping[str, BackendPolicy], service: str) -> KeepAlive | tuple[str, ...]:
    return policies[service].keep_alive if service in policies else KeepAlive.AUTO


def _dependencies(project: Project) -> set[str]:
    return {name for spec in project.services.values() for name in spec.depends_on}


def _bare_file(spec: ServiceSpec) -> bool:
    return spec.command is None and spec.entrypoint is None


def _own(spec: ServiceSpec, image: ImageCommand | None) -> tuple[tuple[str, ...], str]:
    """A service's own command, and whose it is: as in Docker, an entrypoint of the file's drops the image's CMD."""
    entrypoint = entrypoint_of(spec, image)
    command = spec.command
    if command is None:
        command = image.command if image is not None and spec.entrypoint is None else ()
    own = (*entrypoint, *command)
    return own, "its image's command" if _bare_file(spec) else "its file's command"


_INITS: Final = frozenset({"tini", "tini-static", "dumb-init", "docker-init", "catatonit"})
_BARE: Final = re.compile(
    r"(ba|da|z|k|a|c|tc|fi)?sh|python[\d.]*|pypy[\d.]*|ipython[\d.]*|node|julia|R|irb|ghci|lua[\d.]*"
)
_INTERACTIVE: Final = frozenset({"-i", "-l", "--login", "--interactive"})


def _is_bare(words: Sequence[str]) -> bool:
    """Whether a command is an interactive shell or interpreter, which ends at once without a terminal."""
    if posixpath.basename(words[0]) in _INITS:
        rest = [word for word in words[1:] if not word.startswith("-")]
        return bool(rest) and _is_bare(words[words.index(rest[0]) :])
    if not _BARE.fullmatch(posixpath.basename(words[0])):
        return False
    match words[1:]:
        case ("-c", str(line)) if line.split():  # the shell form of CMD
            return _is_bare(line.split())
        case options:
            return _INTERACTIVE.issuperset(options)
