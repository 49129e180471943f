"""The lab's engine does what the table says of it, and the page shows the table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from engine.runtimes.docker.daemon.client import connect
from tests.engines.behaviours import BEHAVIOURS
from tests.engines.page import PAGE, page
from tests.engines.probe import PROBES, Room
from tests.lab import Engine
from tests.lab.kinds import KINDS


@pytest.fixture
def room(engine: Engine) -> Iterator[Room]:
    with closing(connect()) as client:
        room = Room(client, "dockwarden-probe")
        yield room
        room.close()


@pytest.mark.docker
@pytest.mark.parametrize("name", list(PROBES))
def test_the_engine_does_what_the_table_says(room: Room, engine: Engine, name: str) -> None:
    """A difference is a change of the engine that dockwarden may have to heed."""
    seen = PROBES[name](room)
    assert seen == BEHAVIOURS[engine.kind.name][name], f"{engine.kind.name} {engine.version}"


def test_the_table_has_every_engine_and_every_probe() -> None:
    assert BEHAVIOURS.keys() == KINDS.keys()
    assert all(rows.keys() == PROBES.keys() for rows in BEHAVIOURS.values())


def test_the_page_is_up_to_date() -> None:
    written = PAGE.read_text()
    assert written == page(written), "write it again: python -m tests.engines.page"
