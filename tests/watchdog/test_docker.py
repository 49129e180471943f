"""The leash of a controller on the docker runtime, and ``dockwarden reap``, on a real engine."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from click.testing import CliRunner
from docker.api import APIClient

from engine.cli.commands.reap import reap
from engine.ownership.owner import LABEL, Owner
from engine.runtimes.docker.daemon.client import connect
from engine.runtimes.docker.ownership import inventory
from tests.lab import BASE_IMAGE, Engine
from tests.watchdog.conftest import Start

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("engine")]

PROJECT = "dockwarden-leash"


@pytest.fixture
def client(engine: Engine) -> Iterator[APIClient]:
    client = connect()
    yield client
    client.close()


Listed = Callable[[], list[str]]


@pytest.fixture
def ours(client: APIClient) -> Iterator[Listed]:
    """The names of what is there of this module's projects; all of it goes in the end."""

    def found() -> list[tuple[str, str, str]]:
        label = {"label": f"{LABEL}project"}
        projects = [
            *(
                ("container", one["Id"], one["Names"][0].lstrip("/"))
                for one in client.containers(all=True, filters=label)
            ),
            *(("network", one["Id"], one["Name"]) for one in client.networks(filters=label)),
        ]
        return [one for one in projects if one[2].startswith(PROJECT)]

    yield lambda: sorted(name for _, _, name in found())
    for kind, identity, _ in found():
        if kind == "container":
            client.remove_container(identity, force=True)
        else:
            client.remove_network(identity)


WORK = """
import threading
from engine import ContainerManager
manager = ContainerManager({file!r}, runtime="docker", output_dir={output!r}, on_controller_exit="keep")
manager.start_services(["alpha", "beta", "gamma"])
os.mkfifo({output!r} + "/.spool/alpha/up", 0o666)
os.chmod({output!r} + "/.spool/alpha/up", 0o666)
command = ["sh", "-c", "echo up >/run/dockwarden/up; exec sleep 1000"]
threading.Thread(target=manager.execute, args=("alpha", command), daemon=True).start()
assert Path({output!r} + "/.spool/alpha/up").read_text() == "up\\n"
"""


@pytest.fixture
def work(tmp_path: Path) -> str:
    """Three containers, one of which ignores TERM, a network, a volume, and a command that runs."""
    stubborn = ["sh", "-c", "trap '' TERM; while true; do sleep 1000; done"]
    services: dict[str, Any] = {
        "alpha": {"image": BASE_IMAGE, "volumes": ["cache:/cache"]},
        "beta": {"image": BASE_IMAGE, "command": stubborn},
        "gamma": {"image": BASE_IMAGE, "networks": ["inner"]},
    }
    file = tmp_path / "docker-compose.yml"
    top: dict[str, Any] = {"networks": {"inner": {}}, "volumes": {"cache": {}}}
    file.write_text(json.dumps({"name": PROJECT, "services": services, **top}))
    return WORK.format(file=str(file), output=str(tmp_path / "out"))


def test_killed_with_everything_running(
    controller: Start, work: str, ours: Listed, client: APIClient, log: Path
) -> None:
    one = controller("docker", work)
    before = ours()
    assert len(before) >= 4
    one.kill()
    try:
        assert ours() == []
        assert client.inspect_volume(f"{PROJECT}_cache")
    finally:
        client.remove_volume(f"{PROJECT}_cache")
    told = log.read_text()
    assert all(f"{name}\n" in told for name in before)


def test_killed_while_the_engine_is_away(
    *,
    controller: Start,
    work: str,
    ours: Listed,
    client: APIClient,
    log: Path,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The engine is away as long as the link to its socket is."""
    link = log.with_name("docker.sock")
    socket = Path(engine.environment["DOCKER_HOST"].removeprefix("unix://"))
    link.symlink_to(socket)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{link}")
    os.mkfifo(log)
    with os.fdopen(os.open(log, os.O_RDWR), "r+b", buffering=0) as told:
        one = controller("docker", work)
        link.unlink()
        one.process.kill()
        one.process.wait()
        until(told, b"not yet: no Docker engine answers")
        assert ours()
        link.symlink_to(socket)
        until(told, b"nothing is left")
    assert ours() == []
    client.remove_volume(f"{PROJECT}_cache")


def until(told: FileIO, words: bytes) -> None:
    """Read on until something is said."""
    while words not in (told.readline() or b""):
        continue


class TestReap:
    @pytest.fixture(autouse=True)
    def only_ours(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The engine is shared with other tests, whose orphans are their own."""
        take = inventory.take

        def some(project: str | None = None) -> inventory.Census:
            found = take(project)
            kept = [
                tuple(one for one in kind if one.project.startswith(PROJECT))
                for kind in (found.containers, found.networks)
            ]
            return inventory.Census(*kept)

        monkeypatch.setattr(inventory, "take", some)

    @pytest.fixture
    def make(self, client: APIClient, ours: Listed) -> Callable[[str, Owner | None], None]:
        """Makes a container and a network as an owner would have."""

        def make(project: str, owner: Owner | None) -> None:
            labels = {f"{LABEL}project": project, **(owner.labels() if owner else {})}
            network = client.create_network(f"{project}_default", labels=labels)
            made = client.create_container(
                BASE_IMAGE,
                ["sleep", "infinity"],
                name=f"{project}-alpha-1",
                labels=labels,
                stop_signal="SIGKILL",
            )
            client.connect_container_to_network(made["Id"], network["Id"])
            client.start(made["Id"])

        return make

    @pytest.fixture
    def everybodys(self, make: Callable[[str, Owner | None], None]) -> dict[str, Owner]:
        me = Owner.current()
        owners = {
            "dead": evolve(me, started="1"),
            "older": evolve(me, boot_id="another"),
            "mine": me,
            "elsewhere": evolve(me, host="elsewhere"),
        }
        for name, owner in owners.items():
            make(f"{PROJECT}-{name}", owner)
        make(f"{PROJECT}-nobodys", None)
        return owners

    def test_takes_what_the_dead_left_and_names_the_living(
        self, everybodys: dict[str, Owner], ours: Listed
    ) -> None:
        asked = CliRunner().invoke(reap, [])
        assert asked.exit_code == 0, asked.output
        lines = asked.output.splitlines()
        for name in ("dead", "older"):
            for what in (
                f"container {PROJECT}-{name}-alpha-1",
                f"network {PROJECT}-{name}_default",
            ):
                owner = everybodys[name]
                said = f"removed {what} (project {PROJECT}-{name}), which {owner} left behind"
                assert said in lines
        assert ours() == sorted(
            f"{PROJECT}-{name}{suffix}"
            for name in ("mine", "elsewhere", "nobodys")
            for suffix in ("-alpha-1", "_default")
        )
        left = "left alone: container {0}-{1}-alpha-1 (project {0}-{1}) {2}"
        mine, elsewhere = everybodys["mine"], everybodys["elsewhere"]
        assert left.format(PROJECT, "mine", f"belongs to {mine}, which runs") in lines
        cannot = f"belongs to {elsewhere}, which cannot be checked from here"
        assert left.format(PROJECT, "elsewhere", cannot) in lines
        assert any("does not say whose it is" in line for line in lines)

    def test_a_dry_run_touches_nothing(self, everybodys: dict[str, Owner], ours: Listed) -> None:
        before = ours()
        asked = CliRunner().invoke(reap, ["--dry-run"])
        assert asked.output.count("would remove ") == 4
        assert ours() == before

    def test_nothing_to_take(self) -> None:
        asked = CliRunner().invoke(reap, [])
        assert asked.output == "no dead dockwarden has left anything\n"


def test_help_has_an_example() -> None:
    assert "dockwarden reap --dry-run" in CliRunner().invoke(reap, ["--help"]).output
