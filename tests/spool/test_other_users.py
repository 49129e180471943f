"""A controller that is not root, whose container is."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePath

import pytest

from engine.spool import Spool, SpoolUnusable

NOBODY = 65534

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")


@pytest.fixture
def spool() -> Iterator[Spool]:
    """A spool of a controller that is not root; what the test does is done as root."""
    output = Path(tempfile.mkdtemp())
    os.chown(output, NOBODY, NOBODY)
    made = Spool(output, "alpha")
    try:
        with_user(NOBODY)
        made.make()
        yield made
    finally:
        with_user(0)
        shutil.rmtree(output)


def with_user(user: int) -> None:
    os.seteuid(0)
    os.seteuid(user)


def test_output_is_had_although_its_slot_was_taken_away(spool: Spool) -> None:
    slot = spool.begin("run.1")
    (slot.folder / "stdout").write_text("true")
    with_user(0)
    os.chown(slot.folder, 0, 0)
    slot.folder.chmod(0)
    os.chown(slot.folder / "stdout", 0, 0)
    (slot.folder / "stdout").chmod(0)
    with_user(NOBODY)
    spool.collect(slot, PurePath("alpha/run"))
    assert (spool.results / "run" / "stdout").read_text() == "true"
    assert spool.lost() == ""
    assert [one.name for one in spool.folder.iterdir() if one.name == "run.1"] == []


def test_a_spool_that_was_taken_away_is_replaced(spool: Spool) -> None:
    with_user(0)
    os.chown(spool.folder, 0, 0)
    spool.folder.chmod(0o700)
    with_user(NOBODY)
    assert "took the spool away: " in spool.lost()
    with pytest.raises(SpoolUnusable):
        spool.begin("run.1")
    spool.renew()
    assert spool.lost() == ""
    slot = spool.begin("run.1")
    (slot.folder / "stdout").write_text("true")
    assert spool.collect(slot, PurePath("alpha/run")).problem == ""
    spool.clear()
    assert (spool.results / "run" / "stdout").read_text() == "true"
