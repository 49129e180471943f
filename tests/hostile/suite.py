"""All plays, and how many tricks reached anything in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from tests.hostile.controller import ORDINARY, ROOT, STRICT, STRICT_ROOT, User
from tests.hostile.judge import Verdict, judge
from tests.hostile.play import Face, Play
from tests.hostile.tricks import IMAGES, MAINS, OWNERS, SERVERS, experiments
from tests.hostile.tricks.images import Image
from tests.hostile.tricks.mains import Main
from tests.hostile.tricks.servers import Server
from tests.lab import Engine

__all__ = ["KINDS", "USERS", "perform"]

USERS: Final = {"root": ROOT, "root-077": STRICT_ROOT, "user": ORDINARY, "user-077": STRICT}
"""Who runs the controller."""

_IN_EACH: Final = 3
"""So many experiments run beside a hostile main process."""

_AT_ONCE: Final = 6

T = TypeVar("T")
_Prepared = Callable[[Play], None]


def _experiments(only: str, files: int) -> list[_Prepared]:
    tricks = [one for one in experiments(files) if only in one.name]
    return [lambda play: play.add_tricks(tricks)] if tricks else []


def _mains(only: str, _files: int) -> list[_Prepared]:
    mains = [one for one in MAINS if only in one.name]
    return [partial(_add_mains, some) for some in batched(mains)]


def _add_mains(mains: Sequence[Main], play: Play) -> None:
    play.add_mains(mains, _IN_EACH)


def _kept(only: str, _files: int) -> list[_Prepared]:
    mains = [one for one in MAINS if only in one.name and one.can_be_left]
    return [partial(_add_kept, some) for some in batched(mains)]


def _add_kept(mains: Sequence[Main], play: Play) -> None:
    play.add_kept(mains, _IN_EACH)


def _images(only: str, _files: int) -> list[_Prepared]:
    images = [one for one in IMAGES if only in one.name]
    return [partial(_add_images, some) for some in batched(images)]


def _add_images(images: Sequence[Image], play: Play) -> None:
    play.add_images(images)


def _servers(only: str, _files: int) -> list[_Prepared]:
    servers = [one for one in SERVERS if only in one.name]
    return [partial(_add_servers, some) for some in batched(servers)]


def _add_servers(servers: Sequence[Server], play: Play) -> None:
    play.add_servers(servers)


def _guests(only: str, _files: int) -> list[_Prepared]:
    notes = [one for one in OWNERS if only in one.name]
    return [lambda play: play.add_guests(notes)] if notes else []


def _directly(only: str, files: int) -> list[_Prepared]:
    return [*_experiments(only, files), *_mains(only, files)]


def batched(busy: Sequence[T]) -> list[Sequence[T]]:
    """So many at a time as leave controller and engine some of a small machine: each is as busy as it can be.

    Engines that start and remove two dozen containers at once, on a machine that is busy besides, may lose track of
    one on its network, which then cannot be removed.
    """
    return [busy[begin : begin + _AT_ONCE] for begin in range(0, len(busy), _AT_ONCE)]


KINDS: Final[Mapping[str, Callable[[str, int], list[_Prepared]]]] = {
    "experiments": _experiments,
    "mains": _mains,
    "kept": _kept,
    "images": _images,
    "servers": _servers,
    "guests": _guests,
    "manager": _directly,
    "controller": _directly,
}
"""Who is hostile: experiments, main processes beside them, processes that they leave and keep, images,
the services of backends, or containers of the user's own Compose; and the first two once more for programs of the user's own."""

_FACES: Final[Mapping[str, Face]] = {"manager": "manager", "controller": "controller"}


def perform(
    kind: str, user: User, folder: Path, engine: Engine, *, only: str = "", files: int
) -> Verdict:
    """Perform the tricks of one kind against a controller that a user runs.

    Args:
        folder: a new one; a scratch folder that the user can pass through.
        only: what the names of the tricks have in them.
        files: how many files are many.
    """
    verdict = Verdict(0, (), ())
    for number, prepare in enumerate(KINDS[kind](only, files)):
        play = Play(
            f"{folder.name}-{number}",
            folder / str(number),
            user,
            engine,
            _FACES.get(kind, "campaign"),
        )
        prepare(play)
        play.perform()
        verdict += judge(play)
    return verdict
