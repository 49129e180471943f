"""What a command hands back through its slot: collected whole, bounded, and never through a trick."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path, PurePath

import pytest

from engine.spool import Collected, Spool, handed_variables
from engine.spool.handed import MOST_FILES
from engine.spool.slot import Slot

WITHIN = PurePath("alpha/run/attempt-1")


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    (tmp_path / "output").mkdir()
    made = Spool(tmp_path / "output", "alpha")
    made.make()
    return made


@pytest.fixture
def slot(spool: Spool) -> Slot:
    return spool.begin("request")


def handed(slot: Slot) -> Path:
    """The folder of the command's artifacts."""
    return Path(handed_variables(str(slot.folder))["DOCKWARDEN_ARTIFACTS"])


def metrics(slot: Slot) -> Path:
    return Path(handed_variables(str(slot.folder))["DOCKWARDEN_METRICS"])


def collect(spool: Spool, slot: Slot, most_bytes: int = 2**20) -> Collected:
    return spool.collect(slot, WITHIN, most_bytes=None, exit_code=0, max_artifacts_bytes=most_bytes)


def kept(spool: Spool) -> dict[str, bytes]:
    """The artifacts among the results."""
    root = spool.output / WITHIN / "artifacts"
    return {
        str(one.relative_to(root)): one.read_bytes() for one in root.rglob("*") if one.is_file()
    }


def test_any_user_of_a_container_can_write_there_whatever_the_umask(spool: Spool) -> None:
    before = os.umask(0o077)
    try:
        slot = spool.begin("masked")
    finally:
        os.umask(before)
    assert handed(slot).stat().st_mode & 0o777 == 0o777
    assert metrics(slot).stat().st_mode & 0o777 == 0o666
    assert metrics(slot).parent.stat().st_mode & 0o777 == 0o777
    slot.close()


def test_what_is_handed_back_becomes_a_result_and_the_slot_goes(spool: Spool, slot: Slot) -> None:
    (handed(slot) / "deep" / "er").mkdir(parents=True)
    (handed(slot) / "deep" / "er" / "model.bin").write_bytes(b"weights")
    metrics(slot).write_text('{"loss": 1}')
    found = collect(spool, slot)
    assert (found.problem, found.warnings) == ("", ())
    assert kept(spool) == {"deep/er/model.bin": b"weights"}
    assert (spool.output / WITHIN / "metrics.json").read_text() == '{"loss": 1}'
    assert not slot.folder.exists()


def test_nothing_handed_back_leaves_nothing_behind(spool: Spool, slot: Slot) -> None:
    assert collect(spool, slot) == Collected()
    assert {one.name for one in (spool.output / WITHIN).iterdir()} == {
        *("stdout", "stderr", "exit_code", "started")
    }


def test_metrics_may_be_written_under_another_name_and_renamed(spool: Spool, slot: Slot) -> None:
    made = metrics(slot).with_suffix(".part")
    made.write_text("{}")
    made.rename(metrics(slot))
    collect(spool, slot)
    assert (spool.output / WITHIN / "metrics.json").read_text() == "{}"


def linked(place: Path, host: Path) -> None:
    place.symlink_to(host)


def hard_linked(place: Path, host: Path) -> None:
    os.link(host, place)


def piped(place: Path, _host: Path) -> None:
    os.mkfifo(place)


def listening(place: Path, _host: Path) -> None:
    folder = os.open(place.parent, os.O_PATH)  # the path itself may be too long for a socket
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(f"/proc/self/fd/{folder}/{place.name}")
    os.close(folder)


def unprintable(place: Path, _host: Path) -> None:
    place.with_name("a\nb").touch()


def not_unicode(place: Path, _host: Path) -> None:
    (place.parent / os.fsdecode(b"\xff")).touch()


def sparse(place: Path, _host: Path) -> None:
    with place.open("wb") as file:
        file.truncate(2**40)


TRICKS = [linked, hard_linked, piped, listening, unprintable, not_unicode, sparse]


class TestTricks:
    """Each of them costs a warning; output, exit code and the other artifacts are kept."""

    @pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: trick.__name__)
    def test_in_the_place_of_an_artifact(
        self, spool: Spool, slot: Slot, tmp_path: Path, trick: Callable[[Path, Path], None]
    ) -> None:
        (tmp_path / "secret").write_text("a file of the host")
        (handed(slot) / "good").write_text("good")
        trick(handed(slot) / "trick", tmp_path / "secret")
        found = collect(spool, slot)
        assert (found.problem, found.kept, len(found.warnings)) == ("", True, 1)
        assert kept(spool) == {"good": b"good"}
        assert all(warning.isprintable() for warning in found.warnings)

    @pytest.mark.parametrize("trick", [linked, hard_linked, piped], ids=lambda one: one.__name__)
    def test_in_the_place_of_the_metrics(
        self, spool: Spool, slot: Slot, tmp_path: Path, trick: Callable[[Path, Path], None]
    ) -> None:
        (tmp_path / "secret").write_text("a file of the host")
        metrics(slot).unlink()
        trick(metrics(slot), tmp_path / "secret")
        found = collect(spool, slot)
        assert (found.problem, len(found.warnings)) == ("", 1)
        assert not (spool.output / WITHIN / "metrics.json").exists()

    @pytest.mark.parametrize("name", ["artifacts", "handed"])
    def test_a_link_in_the_place_of_a_folder(
        self, spool: Spool, slot: Slot, tmp_path: Path, name: str
    ) -> None:
        (tmp_path / "host").mkdir()
        (tmp_path / "host" / "secret").write_text("a file of the host")
        folder = handed(slot) if name == "artifacts" else handed(slot).parent
        folder.rename(folder.with_name("moved"))
        folder.symlink_to(tmp_path / "host")
        found = collect(spool, slot)
        assert (found.problem, len(found.warnings), kept(spool)) == ("", 1, {})

    def test_folders_without_end(self, spool: Spool, slot: Slot) -> None:
        at = os.open(handed(slot), os.O_RDONLY)
        for _ in range(300):
            os.mkdir("d", dir_fd=at)
            inner = os.open("d", os.O_RDONLY, dir_fd=at)
            os.close(at)
            at = inner
        os.close(at)
        found = collect(spool, slot)
        assert [warning for warning in found.warnings if "deep" in warning]
        assert kept(spool) == {}

    def test_more_files_than_are_collected(self, spool: Spool, slot: Slot) -> None:
        for number in range(MOST_FILES + 10):
            (handed(slot) / f"{number}").touch()
        found = collect(spool, slot)
        (warning,) = found.warnings
        assert (f"more than {MOST_FILES}" in warning, len(kept(spool))) == (True, MOST_FILES)

    def test_thousands_of_warnings_are_counted_not_listed(self, spool: Spool, slot: Slot) -> None:
        for number in range(1000):
            (handed(slot) / f"{number}").symlink_to("/")
        found = collect(spool, slot)
        assert found.warnings[-1] == "and 980 more such warnings"

    def test_a_removed_folder_is_as_good_as_an_empty_one(self, spool: Spool, slot: Slot) -> None:
        handed(slot).rmdir()
        metrics(slot).unlink()
        handed(slot).parent.rmdir()
        assert collect(spool, slot) == Collected()


def test_a_file_that_is_too_large_is_left_and_smaller_ones_are_kept(
    spool: Spool, slot: Slot
) -> None:
    (handed(slot) / "a-large").write_bytes(b"x" * 100)
    (handed(slot) / "b-small").write_bytes(b"x" * 10)
    found = collect(spool, slot, most_bytes=50)
    (warning,) = found.warnings
    assert "max_artifacts" in warning
    assert kept(spool) == {"b-small": b"x" * 10}


def test_metrics_that_are_too_large_are_left(spool: Spool, slot: Slot) -> None:
    metrics(slot).write_bytes(b" " * (2**20 + 1))
    (warning,) = collect(spool, slot).warnings
    assert "at most 1048576 are read" in warning


def test_a_command_that_outlived_its_controller_hands_back_as_any_other(
    spool: Spool, slot: Slot
) -> None:
    (handed(slot) / "late").write_text("late")
    slot.close()
    collect(spool, spool.find("request"))
    assert kept(spool) == {"late": b"late"}


def test_what_was_fetched_lies_beside_it_and_takes_no_names(spool: Spool, slot: Slot) -> None:
    (handed(slot) / "same").write_text("own")
    with spool.fetching() as folder:
        (folder / "same").write_text("fetched")
        (folder / "other").write_text("fetched")
        found = spool.collect(slot, WITHIN, fetched=folder)
    assert kept(spool) == {"same": b"own", "other": b"fetched"}
    assert found.warnings == ("same is not collected: its name is taken already",)
    assert not folder.exists()
