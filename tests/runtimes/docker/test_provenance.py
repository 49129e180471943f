"""Labels travel with images (docker commit): a container that only carries ours is the user's own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import docker.errors
import pytest
from docker.api import APIClient

from engine import ContainerManager
from engine.errors import StartError
from engine.model.results import Ending
from engine.ownership.owner import LABEL, Owner
from engine.runtimes.docker.daemon.client import connect
from tests.lab import BASE_IMAGE, Engine

pytestmark = pytest.mark.docker

PROJECT = f"dockwarden-provenance-{os.getpid()}"
SNAPSHOT = f"{PROJECT}-snapshot"
DEAD = Owner(Owner.current().host, "another-boot", 1, "1").labels()
NEW = (f"{LABEL}made", f"{LABEL}container")
"""What containers of version 0.1 lack."""


@pytest.fixture
def client(engine: Engine) -> Iterator[APIClient]:
    """A client; what the test has made goes in the end."""
    with closing(connect()) as client:
        yield client
        label = {"label": f"com.docker.compose.project={PROJECT}"}
        for found in client.containers(all=True, filters=label):
            client.remove_container(found["Id"], force=True)
        for found in client.networks(filters=label):
            client.remove_network(found["Id"])
        for image in client.images(SNAPSHOT, quiet=True):
            client.remove_image(image, force=True)


@pytest.fixture
def compose_file(tmp_path: Path) -> Path:
    return written(tmp_path)


def written(folder: Path, image: str = BASE_IMAGE) -> Path:
    file = folder / "docker-compose.yml"
    service = {"image": image, "stop_grace_period": "0s"}
    file.write_text(json.dumps({"name": PROJECT, "services": {"alpha": service}}))
    return file


@pytest.fixture
def campaign(compose_file: Path) -> Callable[..., Path]:
    def campaign(**more: Any) -> Path:
        file = compose_file.with_name("campaign.yml")
        experiments = [{"name": "x", "backend": "alpha", "command": ["true"]}]
        file.write_text(json.dumps({"name": "c", "experiments": experiments, **more}))
        return file

    return campaign


def clean_up(command: str, campaign: Path) -> tuple[int, str]:
    """``reap``, or ``down`` of this project alone: other tests use the engine at the same time."""
    return dockwarden(command, *([campaign] if command == "down" else []))


def dockwarden(*arguments: str | Path) -> tuple[int, str]:
    """Run a command; its exit code, and all that it says."""
    done = subprocess.run(
        [sys.executable, "-c", "from engine.cli import main; main()", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stdout
    return done.returncode, done.stdout


def made(client: APIClient, **labels: str) -> str:
    """A backend's container, as a controller left it that has died since; its id."""
    name = f"{PROJECT}-alpha-1"
    bound = {f"{LABEL}made": "0" * 32, f"{LABEL}container": name}
    compose = {
        "com.docker.compose.project": PROJECT,
        "com.docker.compose.service": "alpha",
        "com.docker.compose.oneoff": "False",
        "com.docker.compose.config-hash": "0",
        "com.docker.compose.container-number": "1",
    }
    ours = {**compose, **bound, **DEAD, f"{LABEL}project": PROJECT, **labels}
    ours = {label: value for label, value in ours.items() if value}
    return started(client, BASE_IMAGE, name=name, labels=ours)


def started(client: APIClient, image: str, **options: Any) -> str:
    """A container that runs until it is removed; its id."""
    made: str = client.create_container(image, ["sleep", "infinity"], **options)["Id"]
    client.start(made)
    return made


def cloned(client: APIClient, container: str, **options: Any) -> str:
    """The user's own container, from an image that was made from a container; its id."""
    client.commit(container, SNAPSHOT, pause=False)  # a backend that is paused is at fault
    return started(client, SNAPSHOT, **options)


def runs(client: APIClient, container: str) -> bool:
    try:
        return bool(client.inspect_container(container)["State"]["Running"])
    except docker.errors.NotFound:
        return False


OLD = dict.fromkeys(NEW, "")


@pytest.mark.whole_engine
@pytest.mark.parametrize(
    "labels", [{}, pytest.param(OLD, marks=pytest.mark.long)], ids=["now", "version 0.1"]
)
class TestOfADeadController:
    @pytest.mark.parametrize("command", ["reap", "down"])
    def test_its_container_goes_and_the_users_own_stays(
        self, client: APIClient, labels: dict[str, str], command: str, campaign: Callable[..., Path]
    ) -> None:
        left = made(client, **labels)
        own = cloned(client, left)
        _, listed = dockwarden("status")
        assert "not dockwarden's" in listed
        code, said = clean_up(command, campaign())
        assert (code, runs(client, left), runs(client, own)) == (0, False, True), said
        assert "left alone" in said

    def test_it_is_as_safe_under_the_name_of_the_backend(
        self, client: APIClient, labels: dict[str, str], compose_file: Path
    ) -> None:
        left = made(client, **labels)
        client.commit(left, SNAPSHOT)
        client.remove_container(left, force=True)
        own = started(client, SNAPSHOT, name=f"{PROJECT}-alpha-1")
        campaign = compose_file.with_name("campaign.yml")
        one = {"name": "x", "backend": "alpha", "command": ["true"]}
        campaign.write_text(json.dumps({"name": "c", "experiments": [one]}))
        code, said = dockwarden("run", campaign)
        assert (code, runs(client, own)) == (2, True), said
        assert "was not made by dockwarden" in said
        for command in ("reap", "down"):
            clean_up(command, campaign)
            assert runs(client, own)

    def test_a_label_leads_to_no_folder(
        self, client: APIClient, labels: dict[str, str], tmp_path: Path
    ) -> None:
        claim = str(tmp_path / "nowhere/dockwarden/claims" / ("a" * 32))
        left = made(client, **{f"{LABEL}claim": claim, **labels})
        own = cloned(client, left)
        client.remove_container(left, force=True)
        dockwarden("reap")
        assert runs(client, own)
        forged = made(client, **{f"{LABEL}claim": claim, **labels})
        dockwarden("reap")
        assert not runs(client, forged)
        assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("runtime", ["docker", "compose"])
class TestOfALivingController:
    def test_the_users_own_container_outlives_restarts_and_the_teardown(
        self, client: APIClient, compose_file: Path, runtime: Any
    ) -> None:
        with ExitStack() as stack:
            with ContainerManager(compose_file, runtime=runtime) as manager:
                manager.start_services(["alpha"])
                own = cloned(client, f"{PROJECT}-alpha-1")
                if runtime == "docker":
                    assert manager.restart_service("alpha", recreate=True)
                assert manager.restart_service("alpha")
                assert manager.execute("alpha", ["true"]).exit_code == 0
                stack.callback(client.remove_container, own, force=True)
            assert runs(client, own)
            assert other_containers(client, own) == []

    def test_a_backend_may_be_made_from_such_an_image(
        self, client: APIClient, tmp_path: Path, runtime: Any
    ) -> None:
        with ContainerManager(written(tmp_path), runtime=runtime) as manager:
            manager.start_services(["alpha"])
            client.commit(f"{PROJECT}-alpha-1", SNAPSHOT, pause=False)
        with ContainerManager(written(tmp_path, SNAPSHOT), runtime=runtime) as manager:
            manager.start_services(["alpha"])
            assert manager.execute("alpha", ["true"]).exit_code == 0
            assert manager.restart_service("alpha", recreate=True)
        assert other_containers(client) == []


def other_containers(client: APIClient, *own: str) -> list[str]:
    found = client.containers(all=True, filters={"label": f"{LABEL}project={PROJECT}"})
    return [one["Id"] for one in found if one["Id"] not in own]


def test_where_compose_would_take_it_for_the_services_own_the_start_is_refused(
    client: APIClient, compose_file: Path
) -> None:
    left = made(client)
    own = cloned(client, left, name="the-users-own")
    client.remove_container(left, force=True)
    refused = pytest.raises(StartError, match="Compose would take the container the-users-own")
    with ContainerManager(compose_file, runtime="compose") as manager, refused:
        manager.start_services(["alpha"])
    assert runs(client, own)


class TestAContainerOfTheUsersOnOurNetwork:
    """It is left alone, and so is the network that it is on; that is said."""

    SAID = re.compile(r"the-guest, which dockwarden did not make, is on it")

    def test_by_a_run(self, client: APIClient, campaign: Callable[..., Path]) -> None:
        client.create_network(
            f"{PROJECT}_default",
            labels={
                f"{LABEL}project": PROJECT,
                **DEAD,
                "com.docker.compose.project": PROJECT,
                "com.docker.compose.network": "default",
            },
        )
        own = self.joined(client)
        code, said = dockwarden("run", campaign())
        assert (code, runs(client, own)) == (0, True), said
        assert self.SAID.search(said)

    @pytest.mark.whole_engine
    @pytest.mark.parametrize("command", ["down", "reap"])
    def test_by(self, client: APIClient, command: str, campaign: Callable[..., Path]) -> None:
        labels = {f"{LABEL}project": PROJECT, **DEAD, "com.docker.compose.project": PROJECT}
        client.create_network(f"{PROJECT}_default", labels=labels)
        own = self.joined(client)
        code, said = clean_up(command, campaign())
        assert (code, runs(client, own)) == (2, True), said
        assert self.SAID.search(said)
        client.remove_container(own, force=True)
        assert clean_up(command, campaign())[0] == 0
        assert client.networks(names=[f"{PROJECT}_default"]) == []

    def joined(self, client: APIClient) -> str:
        config = client.create_host_config(network_mode=f"{PROJECT}_default")
        labels = {"com.docker.compose.project": PROJECT}  # so that the test's end removes it
        return started(client, BASE_IMAGE, name="the-guest", host_config=config, labels=labels)


@pytest.mark.parametrize(
    "label", [f"{LABEL}probe=true", "exitCode=0", "exitCode=none", "execID=other"]
)
def test_what_the_label_of_an_image_says_is_not_believed(
    client: APIClient, tmp_path: Path, label: str
) -> None:
    """Not what the container is for, nor which command has ended in it, and how."""
    name, _, value = label.partition("=")
    bare = started(client, BASE_IMAGE, labels={"com.docker.compose.project": PROJECT})
    client.commit(bare, SNAPSHOT, changes=[f'LABEL "{name}"="{value}"'])
    client.remove_container(bare, force=True)
    with ContainerManager(written(tmp_path, SNAPSHOT), runtime="docker") as manager:
        manager.start_services(["alpha"])
        before = client.inspect_container(f"{PROJECT}-alpha-1")["Id"]
        ended = manager.execute("alpha", ["sh", "-c", "sleep 0.2; exit 3"], timeout_s=60)
        assert (ended.ending, ended.exit_code) == (Ending.EXITED, 3)
        assert manager.restart_service("alpha", recreate=True)
        assert client.inspect_container(f"{PROJECT}-alpha-1")["Id"] != before
        assert manager.execute("alpha", ["sh", "-c", "exit 4"], timeout_s=60).exit_code == 4
    assert not client.containers(
        all=True, filters={"label": f"com.docker.compose.project={PROJECT}"}
    )
