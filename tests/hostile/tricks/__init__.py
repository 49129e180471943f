"""The tables of tricks: what experiments, main processes, images, services and containers of others do."""

from __future__ import annotations

from tests.hostile.trick import Trick
from tests.hostile.tricks.amounts import AMOUNTS
from tests.hostile.tricks.files import FILES
from tests.hostile.tricks.folders import FOLDERS, many
from tests.hostile.tricks.images import IMAGES
from tests.hostile.tricks.mains import MAINS
from tests.hostile.tricks.owners import OWNERS
from tests.hostile.tricks.processes import BOMBS, PROCESSES, TITLES
from tests.hostile.tricks.servers import SERVERS
from tests.hostile.tricks.words import WORDS

__all__ = ["IMAGES", "MAINS", "OWNERS", "SERVERS", "experiments"]


def experiments(files: int) -> tuple[Trick, ...]:
    """What experiments do, in the order of the tables.

    Args:
        files: how many files some of them make.
    """
    tricks = (
        *(*FILES, *FOLDERS, *many(files), *AMOUNTS),
        *(*PROCESSES, *BOMBS, *TITLES, *WORDS),
    )
    names = [trick.name for trick in tricks]
    assert len(names) == len({*names})
    return tricks
