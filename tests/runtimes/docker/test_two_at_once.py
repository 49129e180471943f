"""Two controllers of one project at the very same instant: of each container one makes it, and keeps it."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from docker.api import APIClient

from engine.compose import load_project
from engine.errors import LaunchFailed, OwnedElsewhere
from engine.model.spec import Project
from engine.ownership import leases
from engine.ownership.owner import LABEL, Owner
from engine.runtimes.docker.containers.resources import ensure_network, remove_networks
from engine.runtimes.docker.daemon.client import connect
from engine.runtimes.docker.runtime import DockerRuntime
from tests.lab import BASE_IMAGE, Engine

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("engine")]

NAME = "dockwarden-rivals"
KEEP_ALIVE = {"alpha": ("sleep", "infinity"), "beta": ("sleep", "infinity")}
ONE = Owner.current()
OTHER = evolve(ONE, host=f"{ONE.host}-2")
"""An owner on another host, which counts as alive."""


@pytest.fixture
def client(engine: Engine) -> Iterator[APIClient]:
    with closing(connect()) as client:
        yield client
        ours = {"label": f"com.docker.compose.project={NAME}"}
        assert client.containers(all=True, filters=ours) == []
        assert client.networks(filters=ours) == []


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    services = {name: {"image": BASE_IMAGE} for name in KEEP_ALIVE}
    file = tmp_path / "docker-compose.yml"
    file.write_text(json.dumps({"name": NAME, "services": services}))
    return load_project(file)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in KEEP_ALIVE:
        (tmp_path / name).mkdir()
    return tmp_path


async def opened(project: Project, *owners: Owner) -> list[DockerRuntime]:
    """A runtime for each owner."""
    runtimes = [DockerRuntime(project, keep_alive=KEEP_ALIVE, owner=owner) for owner in owners]
    for one in runtimes:
        await one.open(lambda _notice: None)
    return runtimes


async def taken_down(*runtimes: DockerRuntime) -> None:
    for one in runtimes:
        for name in KEEP_ALIVE:
            await one.remove(name, grace_s=0)
        assert await one.sweep() == {}
        await one.close()


def test_who_comes_second_is_refused_before_anything_is_made(
    project: Project, client: APIClient
) -> None:
    async def rush() -> list[BaseException]:
        owners = [evolve(ONE, host=f"{ONE.host}-{n}") for n in range(4)]
        rivals = await opened(project, *owners)
        orders = [("alpha", "beta"), ("beta", "alpha"), ("beta", "alpha"), ("alpha", "beta")]
        prepared = await asyncio.gather(
            *(one.prepare(order) for one, order in zip(rivals, orders, strict=True)),
            return_exceptions=True,
        )
        refused = [one for one in prepared if one is not None]
        assert len(client.networks(filters={"label": f"{LABEL}project={NAME}"})) == 1
        await taken_down(*rivals)
        return refused

    refused = asyncio.run(rush())
    assert len(refused) == 3
    for error in refused:
        assert isinstance(error, OwnedElsewhere)
        assert re.search(rf"process {ONE.pid} on {ONE.host}-\d is just starting its", str(error))


def test_two_of_one_process_do_not_fight_over_a_container(
    project: Project, client: APIClient, folder: Path
) -> None:
    async def one_and_other() -> OwnedElsewhere:
        one, other = await opened(project, ONE, ONE)
        await one.prepare(["alpha"])
        made = await one.launch("alpha", folder / "alpha")
        with pytest.raises(OwnedElsewhere) as caught:
            await other.prepare(["beta", "alpha"])
        await other.prepare(["beta"])
        await other.launch("beta", folder / "beta")
        await other.remove("alpha", grace_s=0)
        seen = await one.inspect("alpha")
        assert seen is not None
        assert seen.container == made
        assert seen.running
        await one.remove("alpha", grace_s=0)
        assert await one.sweep() == {}  # the network stays for the other's container
        await one.close()
        await other.prepare(["alpha"])  # no controller has it any more
        await taken_down(other)
        return caught.value

    refused = asyncio.run(one_and_other())
    assert "alpha: another ContainerManager or Controller in this process has" in str(refused)


def test_what_one_has_let_go_of_another_may_have(project: Project, client: APIClient) -> None:
    async def in_turn() -> None:
        for owner in (ONE, OTHER):
            (one,) = await opened(project, owner)
            await one.prepare(["alpha"])
            await taken_down(one)

    asyncio.run(in_turn())


def test_whose_container_came_first_is_told_and_it_stays(
    project: Project, client: APIClient, folder: Path
) -> None:
    """Where one does not see the other's claims: another user's, another host's."""

    async def first_and_second() -> LaunchFailed:
        one, other = await opened(project, ONE, OTHER)
        await one.prepare(["alpha"])
        made = await one.launch("alpha", folder / "alpha")
        assert await other.adopt("alpha", folder / "alpha") is None
        with pytest.raises(LaunchFailed) as caught:
            await other.launch("alpha", folder / "alpha")
        seen = await one.inspect("alpha")
        assert seen is not None
        assert seen.container == made
        assert seen.running
        assert await other.sweep() == {}
        await other.close()
        await taken_down(one)
        return caught.value

    failed = asyncio.run(first_and_second())
    assert f"belongs to {ONE}, which still runs; wait for it" in failed.reason
    assert not failed.curable


def test_of_networks_that_are_made_at_once_one_stays(project: Project, client: APIClient) -> None:
    many = 6
    begin = threading.Barrier(many)

    def make(number: int) -> None:
        labels = {f"{LABEL}project": NAME, f"{LABEL}number": str(number), **ONE.labels()}
        with closing(connect()) as own:
            begin.wait()
            ensure_network(project, "default", labels, own)

    with ThreadPoolExecutor(many) as pool:
        list(pool.map(make, range(many)))
    made = client.networks(names=[f"{NAME}_default"])
    assert remove_networks(NAME, partial(leases.may_take, ONE), lambda *_: True, client) == {}
    assert len(made) == 1


def test_who_makes_a_network_sees_to_it_that_only_the_first_of_that_name_stays(
    project: Project, client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others of its name come to be seen once it has made its own: one older than it, one younger."""
    make = client.create_network

    def beside_others(name: str, **how: Any) -> dict[str, Any]:
        how["check_duplicate"] = False
        return [make(name, **how) for _ in range(3)][1]

    monkeypatch.setattr(client, "create_network", beside_others)
    ensure_network(project, "default", {f"{LABEL}project": NAME, **ONE.labels()}, client)
    assert len(swept(client)) == 1


def test_a_younger_network_that_is_none_of_ours_is_left_alone(
    project: Project, client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = client.create_network
    foreign: list[str] = []

    def before_another(name: str, **how: Any) -> dict[str, Any]:
        made = make(name, **how)
        foreign.append(make(name, labels={"com.example": "other"})["Id"])
        return made

    monkeypatch.setattr(client, "create_network", before_another)
    ensure_network(project, "default", {f"{LABEL}project": NAME, **ONE.labels()}, client)
    assert {*foreign} < {*swept(client)}


def swept(client: APIClient) -> list[str]:
    """Remove the networks of the project's name; returns which there were."""
    found = [one["Id"] for one in client.networks(names=[f"{NAME}_default"])]
    for one in found:
        client.remove_network(one)
    return found


def test_a_network_that_only_others_are_on_is_theirs_to_remove(
    project: Project, client: APIClient, folder: Path
) -> None:
    async def one_goes_first() -> None:
        one, other = await opened(project, ONE, OTHER)
        await one.prepare(["alpha"])  # makes the network
        await other.prepare(["beta"])
        await other.launch("beta", folder / "beta")
        assert await one.sweep() == {}
        assert client.networks(names=[f"{NAME}_default"])
        await other.remove("beta", grace_s=0)
        await taken_down(one, other)

    asyncio.run(one_goes_first())
