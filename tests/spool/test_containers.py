"""Tricks of real containers, each with a harmless marker: nothing outside its spool is reached."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Final

import pytest

from engine import ContainerManager, Ending
from engine.model.results import Ended
from tests.lab import BASE_IMAGE

SLOT: Final = "S=/run/dockwarden/$(ls -t /run/dockwarden | head -n 1)"
"""The slot of the command that asks, as its container sees it."""

SOCKET: Final = "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])"

pytestmark = pytest.mark.usefixtures("engine")


class Stage:
    """A manager on one container, and a folder of the host beside its output."""

    def __init__(self, folder: Path, user: str | None = None) -> None:
        self.host = folder / "host"
        self.host.mkdir(mode=0o700)
        (self.host / "marker").write_text("untouched")
        self.output = folder / "output"
        service = {"image": BASE_IMAGE, "command": ["sleep", "infinity"]}
        if user is not None:
            service["user"] = user
        self.file = folder / "docker-compose.yml"
        name = f"dockwarden-tricks-{os.getpid()}"
        self.file.write_text(json.dumps({"name": name, "services": {"alpha": service}}))

    def manager(self) -> ContainerManager:
        return ContainerManager(self.file, runtime="docker", output_dir=self.output)

    def untouched(self) -> bool:
        names = [one.name for one in self.host.iterdir()]
        mode = stat.S_IMODE(self.host.stat().st_mode)
        return (names, mode) == (["marker"], 0o700) and (
            self.host / "marker"
        ).read_text() == "untouched"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def does(manager: ContainerManager, line: str, **limits: float | None) -> Ended:
    return manager.execute("alpha", ["sh", "-c", f"{SLOT}; {line}"], **limits)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (
            "rm $S/stdout; ln -s {host}/marker $S/stdout",
            "its stdout was replaced: it is a symbolic",
        ),
        ("rm $S/stdout; mkfifo $S/stdout", "its stdout was replaced: it is a pipe"),
        ("rm $S/stdout; mknod $S/stdout c 1 5", "its stdout was replaced: it is a device"),
        (
            f"rm $S/stdout; python3 -c '{SOCKET}' $S/stdout",
            "its stdout was replaced: it is a socket",
        ),
        ("ln $S/stdout /run/dockwarden/second", "its stdout has a second link"),
        ("rm -r $S", "its folder was removed"),
        ("mv $S $S.x; ln -s {host} $S", "its folder was replaced: it is a symbolic link"),
        ("chown 12345 $S; chmod 0 $S; rm $S/stderr", "its stderr was removed"),
    ],
)
def test_a_trick_fails_its_own_command_and_the_next_one_works(
    stage: Stage, line: str, reason: str
) -> None:
    with stage.manager() as manager:
        manager.start_services(["alpha"])
        ended = does(manager, f"echo true; {line.format(host=stage.host)}")
        assert ended.ending is Ending.OUTPUT, ended
        assert reason in ended.reason
        assert not ended.succeeded
        assert ended.stdout.read_text() == "true\n"
        after = does(manager, "echo after")
        assert (after.ending, after.stdout.read_text()) == (Ending.EXITED, "after\n")
        assert after.generation == ended.generation
    assert stage.untouched()
    assert not (stage.output / ".spool").exists()


@pytest.mark.parametrize(
    "plant",
    [
        "ln -s {host} $N",
        "touch $N",
        "mkdir $N && ln -s {host}/marker $N/stdout && mkfifo $N/stderr",
    ],
)
def test_what_is_put_in_the_place_of_the_next_command_ends_nothing(
    stage: Stage, plant: str
) -> None:
    with stage.manager() as manager:
        manager.start_services(["alpha"])
        does(manager, f"N=/run/dockwarden/command-2; {plant.format(host=stage.host)}")
        after = does(manager, "echo after")
        assert (after.ending, after.stdout.read_text()) == (Ending.EXITED, "after\n")
    assert stage.untouched()


def test_a_forged_exit_code_changes_nothing(stage: Stage) -> None:
    with stage.manager() as manager:
        manager.start_services(["alpha"])
        forging = "(while :; do echo 0 >$S/exit_code; done) & sleep 0.2; exit 3"
        ended = does(manager, forging)
        assert (ended.ending, ended.exit_code) == (Ending.EXITED, 3)
        assert (ended.stdout.parent / "exit_code").read_text() == "3\n"


def test_a_mode_or_an_owner_of_the_spool_lasts_no_longer_than_its_command(stage: Stage) -> None:
    with stage.manager() as manager:
        manager.start_services(["alpha"])
        does(manager, "chown 12345 /run/dockwarden; chmod 0 /run/dockwarden")
        after = does(manager, "echo after")
        assert (after.succeeded, after.stdout.read_text()) == (True, "after\n")


def test_a_user_other_than_root_can_neither_list_nor_make_anything(tmp_path: Path) -> None:
    stage = Stage(tmp_path, user="12345:12345")
    with stage.manager() as manager:
        manager.start_services(["alpha"])
        ended = manager.execute(
            "alpha", ["sh", "-c", "id -u; ls /run/dockwarden || touch /run/dockwarden/x || exit 7"]
        )
        assert (ended.exit_code, ended.stdout.read_text()) == (7, "12345\n")
        assert "Permission denied" in ended.stderr.read_text()


def test_output_is_bounded_and_holes_stay_holes(stage: Stage) -> None:
    with stage.manager() as manager:
        manager.start_services(["alpha"])
        endless = does(manager, "exec yes", max_output_bytes=2**20, timeout_s=100)
        assert endless.ending is Ending.OUTPUT
        assert "ended after 1048576 bytes of output" in endless.reason
        assert sum(one.stat().st_size for one in (endless.stdout, endless.stderr)) == 2**20
        sparse = does(manager, "truncate -s 512M $S/stdout")
        assert sparse.succeeded
        kept = sparse.stdout.stat()
        assert (kept.st_size, kept.st_blocks) == (2**29, 0)
        quick = does(manager, "truncate -s 512M $S/stdout", max_output_bytes=1000)
        assert (quick.ending, quick.exit_code) == (Ending.OUTPUT, 0)
        assert "raise max_output" in quick.reason
        assert quick.stdout.stat().st_size == 1000


def test_an_earlier_result_is_out_of_reach(stage: Stage) -> None:
    with stage.manager() as manager:
        manager.start_services(["alpha"])
        first = does(manager, "echo first")
        does(manager, "find /run/dockwarden -type f -exec sh -c 'echo later >$0' {} ';'")
        assert first.stdout.read_text() == "first\n"
        modes = {stat.S_IMODE(one.stat().st_mode) for one in first.stdout.parent.iterdir()}
        assert modes == {0o600}


def test_what_a_one_shot_service_plants_in_its_own_spool_goes_with_it(stage: Stage) -> None:
    plant = (
        "mkfifo main.log; ln -s {host} command-1; mkdir -p a/b; chmod 0 a; ln -s {host} .aside-x"
    )
    line = f"cd /run/dockwarden; {plant.format(host=stage.host)}"
    described = json.loads(stage.file.read_text())
    described["services"]["setup"] = {"image": BASE_IMAGE, "command": ["sh", "-c", line]}
    after = {"setup": {"condition": "service_completed_successfully"}}
    described["services"]["alpha"]["depends_on"] = after
    stage.file.write_text(json.dumps(described))
    with stage.manager() as manager:
        manager.start_services(["alpha"])
        assert (stage.output / ".spool" / "setup" / "main.log").is_fifo()
        assert does(manager, "echo true").stdout.read_text() == "true\n"
    assert not (stage.output / ".spool").exists()
    assert stage.untouched()
