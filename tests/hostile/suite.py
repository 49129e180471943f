"""All plays, and how many tricks reached anything in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tests.hostile.controller import ORDINARY, ROOT, STRICT, STRICT_ROOT, User
from tests.hostile.judge import Verdict, judge, left_on_the_engine
from tests.hostile.play import Play
from tests.hostile.trick import Trick
from tests.hostile.tricks import MAINS, OWNERS, experiments
from tests.lab import Engine

__all__ = ["KINDS", "USERS", "perform"]

USERS: Final = {"root": ROOT, "root-077": STRICT_ROOT, "user": ORDINARY, "user-077": STRICT}
"""Who runs the controller."""

_IN_EACH: Final = 3
"""So many experiments run beside a hostile main process."""


def _experiments(play: Play, only: str, files: int) -> tuple[Trick, ...]:
    tricks = tuple(one for one in experiments(files) if only in one.name)
    play.add_tricks(tricks)
    return tricks


def _mains(play: Play, only: str, _files: int) -> tuple[Trick, ...]:
    play.add_mains([one for one in MAINS if only in one.name], _IN_EACH)
    return ()


def _guests(play: Play, only: str, _files: int) -> tuple[Trick, ...]:
    play.add_guests([one for one in OWNERS if only in one.name])
    return ()


KINDS: Final[Mapping[str, Callable[[Play, str, int], tuple[Trick, ...]]]] = {
    "experiments": _experiments,
    "mains": _mains,
    "guests": _guests,
}
"""Who is hostile: experiments, main processes beside them, or containers of the user's own Compose."""


def perform(
    kind: str, user: User, folder: Path, engine: Engine, *, only: str = "", files: int
) -> Verdict:
    """Perform the tricks of one kind against a controller that a user runs.

    Args:
        folder: a new one; a scratch folder that the user can pass through.
        only: what the names of the tricks have in them.
        files: how many files are many.
    """
    play = Play(folder.name, folder, user, engine)
    tricks = KINDS[kind](play, only, files)
    if len(play.outside) == 1:  # the folder that all look at: no trick has that name
        return Verdict(0, (), ())
    play.perform()
    verdict = judge(play, tricks)
    left = [f"left on the engine: {one}" for one in left_on_the_engine(play)]
    return Verdict(verdict.tried, verdict.reached, (*verdict.faults, *left))
