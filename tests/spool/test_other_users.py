"""Other users: of the machine, beside the output; and root of a container, whose controller is not root."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path, PurePath

import pytest

from engine import ContainerManager
from engine.errors import SetupError
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


def test_a_spool_that_an_earlier_controller_left_is_set_right_and_stays_the_same_folder(
    tmp_path: Path,
) -> None:
    """Its container, which has given it to another user, may be taken over, and has this one mounted."""
    spool = Spool(tmp_path, "alpha")
    spool.make()
    slot = spool.begin("run.1")
    (slot.folder / "stdout").write_text("true")
    before = spool.folder.stat().st_ino
    os.chown(spool.folder, NOBODY, NOBODY)
    spool.folder.chmod(0)
    again = Spool(tmp_path, "alpha")
    again.make()
    seen = again.folder.stat()
    assert (seen.st_ino, seen.st_uid, stat.S_IMODE(seen.st_mode)) == (before, 0, 0o711)
    again.collect(again.find("run.1"), PurePath("alpha/run"))
    assert (again.results / "run" / "stdout").read_text() == "true"


def test_a_spool_that_cannot_be_set_right_is_made_again(spool: Spool) -> None:
    before = spool.folder.stat().st_ino
    with_user(0)
    os.chown(spool.folder, 0, 0)
    spool.folder.chmod(0o700)
    with_user(NOBODY)
    spool.make()
    assert spool.folder.stat().st_ino != before
    assert spool.lost() == ""


def as_nobody(script: str, *arguments: Path) -> str:
    """What a script prints that another user of this machine runs."""
    command = ["sh", "-c", script, "sh", *map(str, arguments)]
    options = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    return str(done.stdout)


def test_an_output_folder_that_everybody_may_write_to_is_closed_to_others() -> None:
    """As version 0.1 made it: another user could put their folder in the place of a spool."""
    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o755)
        output = folder / "output"
        output.mkdir()
        output.chmod(0o777)
        file = folder / "docker-compose.yml"
        file.write_text("services: {alpha: {image: none}}")
        assert as_nobody('mkdir "$1" && echo made', output / "before") == "made\n"
        with ContainerManager(file, runtime="process", output_dir=output) as manager:
            manager.start_services(["alpha"])
            moved = 'mv "$1/.spool" "$1/away"; mv "$1/alpha" "$1/away"; mkdir "$1/after"; ls "$1"'
            assert as_nobody(moved, output).split() == ["alpha", "before"]
            ended = manager.execute("alpha", ["echo", "true"])
        assert ended.stdout.read_text() == "true\n"
    finally:
        shutil.rmtree(folder)


def test_an_output_folder_that_another_user_has_made_before_us_is_not_used() -> None:
    """Where everybody may make folders, as in ``/tmp``."""
    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o1777)
        assert as_nobody('mkdir "$1" && echo made', folder / "output") == "made\n"
        file = folder / "docker-compose.yml"
        file.write_text("services: {alpha: {image: none}}")
        with pytest.raises(SetupError, match="belongs to user 65534, who could replace"):
            ContainerManager(file, runtime="process", output_dir=folder / "output")
    finally:
        shutil.rmtree(folder)


def test_another_user_of_the_machine_can_neither_read_nor_forge_output() -> None:
    """Although the output folder itself, and all above it, is open to everybody."""
    folder = Path(tempfile.mkdtemp())
    before = os.umask(0)
    try:
        folder.chmod(0o755)
        output = folder / "output"
        output.mkdir(mode=0o755)
        (output / "open").write_text("seen")
        file = folder / "docker-compose.yml"
        file.write_text("services: {alpha: {image: none}}")
        attempts = 'cat "$1"; echo forged >"$1"; rm -f "$1"; ls "${1%/*}"; mkdir "${1%/*}/more"'
        with ContainerManager(file, runtime="process", output_dir=output) as manager:
            manager.start_services(["alpha"])
            slot = output / ".spool" / "alpha" / "command-1"
            os.mkfifo(folder / "go")
            command = 'echo true; read line <"$0"'
            running = threading.Thread(
                target=manager.execute, args=("alpha", ["sh", "-c", command, str(folder / "go")])
            )
            running.start()
            with (folder / "go").open("w") as go:  # opens once the command reads it
                assert as_nobody(attempts, slot / "stdout") == ""
                go.write("on\n")
            running.join()
            (result,) = output.glob("alpha/*/stdout")
            assert as_nobody(attempts, result) == ""
        assert as_nobody('cat "$1"', output / "open") == "seen"  # so it can get that far
        assert result.read_text() == "true\n"
        modes = {stat.S_IMODE(one.stat().st_mode) for one in result.parent.iterdir()}
        assert modes == {0o600}
    finally:
        os.umask(before)
        shutil.rmtree(folder)
