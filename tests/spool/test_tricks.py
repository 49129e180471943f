"""What a container can do to its spool: each of it harms its own command, and nothing else."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path, PurePath

import pytest

from engine.spool import Collected, Spool, SpoolUnusable, kept_log, read_below
from engine.spool.below import folder_below, tail_of
from engine.spool.slot import Slot

SECRET = "a file of the host"


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    output = tmp_path / "output"
    output.mkdir()
    made = Spool(output, "alpha")
    made.make()
    return made


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A folder of the host that no container should reach."""
    folder = tmp_path / "host"
    folder.mkdir()
    (folder / "secret").write_text(SECRET)
    (folder / "secret").chmod(0o600)
    folder.chmod(0o700)
    return folder


def untouched(host: Path) -> bool:
    names = sorted(one.name for one in host.iterdir())
    modes = stat.S_IMODE(host.stat().st_mode), stat.S_IMODE((host / "secret").stat().st_mode)
    return (names, modes) == (["secret"], (0o700, 0o600)) and (
        host / "secret"
    ).read_text() == SECRET


def collect(spool: Spool, slot: Slot, most_bytes: int | None = None) -> Collected:
    return spool.collect(slot, PurePath("alpha/run/attempt-1"), most_bytes=most_bytes, exit_code=0)


def result(spool: Spool, stream: str = "stdout") -> bytes:
    return (spool.output / "alpha/run/attempt-1" / stream).read_bytes()


def linked(slot: Path, host: Path) -> None:
    (slot / "stdout").unlink()
    (slot / "stdout").symlink_to(host / "secret")


def piped(slot: Path, _host: Path) -> None:
    (slot / "stdout").unlink()
    os.mkfifo(slot / "stdout")


def removed(slot: Path, _host: Path) -> None:
    (slot / "stdout").unlink()


def made_anew(slot: Path, _host: Path) -> None:
    (slot / "stdout").unlink()
    (slot / "stdout").write_text("forged")


def hard_linked(slot: Path, _host: Path) -> None:
    os.link(slot / "stdout", slot.parent / "second")


def a_folder(slot: Path, _host: Path) -> None:
    (slot / "stdout").unlink()
    (slot / "stdout").mkdir()


def no_slot(slot: Path, _host: Path) -> None:
    shutil.rmtree(slot)


def slot_linked(slot: Path, host: Path) -> None:
    slot.rename(slot.parent / "elsewhere")
    slot.symlink_to(host)


def slot_made_anew(slot: Path, _host: Path) -> None:
    shutil.rmtree(slot)
    slot.mkdir()
    (slot / "stdout").write_text("forged")


@pytest.mark.parametrize(
    ("trick", "reason"),
    [
        (linked, "its stdout was replaced: it is a symbolic link"),
        (piped, "its stdout was replaced: it is a pipe"),
        (removed, "its stdout was removed"),
        (made_anew, "its stdout was replaced by another one"),
        (hard_linked, "its stdout has a second link"),
        (a_folder, "its stdout was replaced: it is a folder"),
        (no_slot, "its folder was removed"),
        (slot_linked, "its folder was replaced: it is a symbolic link"),
        (slot_made_anew, "its folder was replaced by another one"),
    ],
    ids=lambda one: getattr(one, "__name__", None),
)
def test_a_trick_is_named_and_what_was_written_is_kept(
    spool: Spool, host: Path, trick: Callable[[Path, Path], None], reason: str
) -> None:
    slot = spool.begin("run.1")
    with (slot.folder / "stdout").open("w") as written:
        written.write("true")
    trick(slot.folder, host)
    assert collect(spool, slot).problem == reason
    assert result(spool) == b"true"
    assert untouched(host)


def test_what_is_as_it_was_made_is_no_trick(spool: Spool) -> None:
    slot = spool.begin("run.1")
    (slot.folder / "stdout").write_text("out")
    (slot.folder / "stderr").write_text("err")
    assert collect(spool, slot) == Collected("", 6)
    assert (result(spool), result(spool, "stderr")) == (b"out", b"err")
    assert result(spool, "exit_code") == b"0\n"
    assert list(spool.folder.iterdir()) == []


def test_a_forged_exit_code_is_not_the_result_s(spool: Spool) -> None:
    slot = spool.begin("run.1")
    (slot.folder / "exit_code").write_text("77\n")
    collect(spool, slot)
    assert result(spool, "exit_code") == b"0\n"


@pytest.mark.parametrize("planted", ["file", "link", "folder"])
def test_what_is_planted_in_the_place_of_the_next_command_is_moved_aside(
    spool: Spool, host: Path, planted: str
) -> None:
    place = spool.folder / "run.2"
    match planted:
        case "file":
            place.write_text("planted")
        case "link":
            place.symlink_to(host)
        case _:
            (place / "stdout").mkdir(parents=True)
    slot = spool.begin("run.2")
    (slot.folder / "stdout").write_text("true")
    assert collect(spool, slot).problem == ""
    assert result(spool) == b"true"
    spool.clear()
    assert not spool.folder.exists()
    assert untouched(host)


def test_any_number_of_files_goes_with_the_spool(spool: Spool) -> None:
    for number in range(25_000):
        os.mknod(spool.folder / str(number))
    spool.clear()
    assert not spool.folder.exists()


def test_results_are_never_written_through_a_link(spool: Spool, host: Path) -> None:
    (spool.results / "run").symlink_to(host)
    collect(spool, spool.begin("run.1"))
    assert untouched(host)
    assert result(spool) == b""


def test_a_spool_that_cannot_be_used_is_replaced(spool: Spool, host: Path) -> None:
    spool.folder.rmdir()
    spool.folder.symlink_to(host)
    with pytest.raises(SpoolUnusable, match="made its spool useless"):
        spool.begin("run.1")
    assert "took the spool away" in spool.lost()
    spool.renew()
    assert spool.lost() == ""
    collect(spool, spool.begin("run.1"))
    assert untouched(host)


def test_a_changed_mode_is_set_right(spool: Spool) -> None:
    spool.folder.chmod(0)
    assert spool.lost() == ""
    assert stat.S_IMODE(spool.folder.stat().st_mode) == 0o711


def test_others_are_kept_out_whatever_the_umask_and_users_of_containers_are_let_in(
    tmp_path: Path,
) -> None:
    before = os.umask(0o077)
    try:
        spool = Spool(tmp_path, "alpha")
        spool.make()
        slot = spool.begin("run.1")
    finally:
        os.umask(before)
    modes = [
        stat.S_IMODE(one.stat().st_mode)
        for one in (spool.folder.parent, spool.folder, slot.folder, slot.folder / "stdout")
    ]
    assert modes == [0o700, 0o711, 0o711, 0o666]
    collect(spool, slot)
    kept = spool.output / "alpha/run/attempt-1"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    assert {stat.S_IMODE(one.stat().st_mode) for one in kept.iterdir()} == {0o600}


# Bounds


def test_only_so_much_is_kept(spool: Spool) -> None:
    slot = spool.begin("run.1")
    (slot.folder / "stdout").write_bytes(b"a" * 1000)
    (slot.folder / "stderr").write_bytes(b"b" * 10)
    assert collect(spool, slot, most_bytes=100).written_bytes == 1010
    assert (result(spool), result(spool, "stderr")) == (b"a" * 90, b"b" * 10)


def test_holes_stay_holes(spool: Spool) -> None:
    slot = spool.begin("run.1")
    with (slot.folder / "stdout").open("r+b") as written:
        written.seek(2**30)
        written.write(b"end")
    collect(spool, slot)
    kept = (spool.output / "alpha/run/attempt-1/stdout").stat()
    assert kept.st_size == 2**30 + 3
    assert kept.st_blocks * 512 < 2**20


def test_a_file_larger_than_one_copy_comes_whole(spool: Spool) -> None:
    slot = spool.begin("run.1")
    whole = os.urandom(2**20) * 20
    (slot.folder / "stdout").write_bytes(whole)
    collect(spool, slot)
    assert result(spool) == whole


def test_what_is_deeply_nested_or_many_is_removed(spool: Spool) -> None:
    slot = spool.begin("run.1")
    at = os.open(slot.folder, os.O_RDONLY)
    for _ in range(1500):  # deeper than descriptors, recursion or the length of a path allow
        os.mkdir("deeper", dir_fd=at)
        inner = os.open("deeper", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    os.close(at)
    for number in range(2000):
        (slot.folder / str(number)).touch()
    collect(spool, slot)
    spool.clear()
    assert not spool.folder.exists()


# Reading


def test_only_a_regular_file_below_is_read(tmp_path: Path, host: Path) -> None:
    root = tmp_path / "root"
    (root / "in").mkdir(parents=True)
    (root / "in/plain").write_text("0123456789")
    (root / "in/link").symlink_to(host / "secret")
    (root / "out").symlink_to(host)
    os.mkfifo(root / "in/pipe")
    os.link(root / "in/plain", root / "in/twice")
    for odd in ("in/link", "out/secret", "in/pipe", "in", "in/twice", "in/none", "../host/secret"):
        with pytest.raises(OSError, match=r".+"):
            read_below(root, PurePath(odd), 100)
    (root / "in/twice").unlink()
    assert read_below(root, PurePath("in/plain"), 4) == b"0123"
    with folder_below(root, PurePath("in")) as inside:
        assert tail_of(inside, "plain", 4) == b"6789"


# Logs


@pytest.mark.parametrize("planted", ["nothing", "pipe", "link", "folder"])
def test_what_local_processes_said_is_kept_whatever_has_the_name(
    spool: Spool, host: Path, planted: str
) -> None:
    (spool.folder / "main.log").write_text("it began\n")
    place = spool.results / "main.log"
    match planted:
        case "pipe":
            os.mkfifo(place)
        case "link":
            place.symlink_to(host / "secret")
        case "folder":
            (place / "within").mkdir(parents=True)
    spool.clear()
    assert place.read_text() == "it began\n"
    assert kept_log(spool.folder / "main.log") == place
    assert untouched(host)
