"""The same project created twice on the lab's engine, by real Compose and by our docker runtime.

Nothing is started: what a container is made from is all there once it has been created. What inspection
shows is brought into a shape in which equal things look equal: lists that are sets are sorted, and the
ids that an engine gives are replaced by what they stand for.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final
from unittest import mock

from attrs import evolve, frozen
from docker.api import APIClient
from docker.utils import parse_repository_tag

from engine.compose import needed
from engine.model.spec import ComposeProgram, NetworkSpec, Project, ServiceSpec
from engine.policy.keep_alive import keep_alives
from engine.runtimes.compose.installed import InstalledCompose
from engine.runtimes.docker import sdk_provisioner
from engine.runtimes.docker.containers.images import image_name
from engine.runtimes.docker.daemon.client import connect
from engine.runtimes.docker.runtime import DockerRuntime
from engine.runtimes.docker.sdk_provisioner import SdkMaker
from tests.compose.cases import Case

__all__ = ["IMAGE", "Created", "Shape", "clear", "created", "creating_only"]

IMAGE: Final = "dockwarden-test/corpus:latest"
"""Stands for every image of the corpus."""

Shape = dict[str, dict[str, Any]]
"""By the name of a container, network or volume: what was found, by dotted key."""

_HEX_ID: Final = 64
_AT_ONCE: Final = 3


@frozen
class Created:
    """What inspection shows of a project that both have created."""

    project: Project
    theirs: Shape
    ours: Shape


@contextlib.contextmanager
def creating_only() -> Iterator[None]:
    """Let the runtime find every image, and start nothing."""
    with (
        mock.patch.object(APIClient, "start"),
        mock.patch.object(sdk_provisioner, "ensure_image"),
    ):
        yield


def created(
    case: Case,
    corpus: Path,
    folder: Path,
    compose: ComposeProgram,
    name: str,
    *,
    unchecked: Collection[str] = (),
) -> Created:
    """Create a case's project with Compose, look, clear away; then likewise with our runtime.

    Args:
        case: the case.
        corpus: a copy of the corpus, since the engine makes the folders of bind mounts.
        folder: what our runtime shares with its containers.
        compose: the program.
        name: the project's name for both. Its plain default network may be there already, and stays:
            making networks is what takes an engine the most time.
        unchecked: the services whose health check is left to dockwarden.
    """
    project = evolve(case.project(corpus, name), compose=compose)
    client = connect()
    try:
        for service in project.services.values():
            client.tag(IMAGE, *parse_repository_tag(image_name(project, service)))
        # Compose 5.3 fails where the default network is another one now than it was.
        _clear(project, client)
        with _from_outside(project, client):
            _create_with_compose(case, corpus, compose.path, name)
            theirs = _seen(project, client)
            _clear(project, client)
            asyncio.run(_create_with_ours(project, folder, unchecked))
            ours = _seen(project, client)
            _clear(project, client)
    finally:
        client.close()
    return Created(project, theirs, ours)


def _create_with_compose(case: Case, corpus: Path, compose: Path, name: str) -> None:
    done = subprocess.run(
        [
            *(str(compose), "-p", name, *case.words(corpus), "--profile", "*"),
            *("create", "--no-build", "--pull", "never"),
        ],
        cwd=case.folder(corpus),
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


async def _create_with_ours(project: Project, folder: Path, unchecked: Collection[str]) -> None:
    assert project.compose is not None
    runtime = DockerRuntime(
        project,
        keep_alive=keep_alives(project, {}),
        maker=partial(SdkMaker, compose=InstalledCompose(project.compose, project)),
        unchecked=unchecked,
    )
    services = needed(project, project.services)
    await runtime.open(lambda _notice: None)
    try:
        await runtime.prepare(services)
        for service in services:
            await runtime.launch(service, folder)
    finally:
        await runtime.close()


@contextlib.contextmanager
def _from_outside(project: Project, client: APIClient) -> Iterator[None]:
    """The networks and volumes that the file says others have made."""
    networks = {network.name for network in project.networks.values() if network.external}
    volumes = {volume.name for volume in project.volumes.values() if volume.external}
    for name in networks:
        client.create_network(name)
    for name in volumes:
        client.create_volume(name)
    try:
        yield
    finally:
        for name in networks:
            client.remove_network(name)
        for name in volumes:
            client.remove_volume(name)


def clear(project: str, client: APIClient, *, keep: str | None = None) -> None:
    """Remove everything of a project but one network, by name."""
    ours = {"label": f"com.docker.compose.project={project}"}
    ids = [listed["Id"] for listed in client.containers(all=True, filters=ours)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(_remove, (ids[number::_AT_ONCE] for number in range(_AT_ONCE))))
    for network in client.networks(filters=ours):
        if network["Name"] != keep:
            client.remove_network(network["Id"])
    for volume in client.volumes(filters=ours)["Volumes"] or ():
        client.remove_volume(volume["Name"])


def _remove(ids: Sequence[str]) -> None:
    if ids:
        client = connect()
        for container_id in ids:
            client.remove_container(container_id, v=True, force=True)
        client.close()


def _clear(project: Project, client: APIClient) -> None:
    plain = NetworkSpec(key="default", name=f"{project.name}_default")
    kept = plain.name if project.networks["default"] == plain else None
    clear(project.name, client, keep=kept)


# What is compared


def _seen(project: Project, client: APIClient) -> Shape:
    ours = {"label": f"com.docker.compose.project={project.name}"}
    found = [
        client.inspect_container(one["Id"]) for one in client.containers(all=True, filters=ours)
    ]
    names = {each["Id"]: each["Name"].lstrip("/") for each in found}
    containers = {names[each["Id"]]: _flat(_container(each, names)) for each in found}
    networks = {
        f"network {network.name}": _flat(_network(client.inspect_network(network.name), network))
        for network in project.networks.values()
        if network.key != "default" and any(map(_joins(network), project.services.values()))
    }
    volumes = {
        f"volume {each['Name']}": _flat({key: each[key] for key in ("Driver", "Options", "Labels")})
        for each in client.volumes(filters=ours)["Volumes"] or ()
    }
    return {**containers, **networks, **volumes}


def _joins(network: NetworkSpec) -> Callable[[ServiceSpec], bool]:
    return lambda service: any(joined.network == network.key for joined in service.networks)


def _network(found: Mapping[str, Any], network: NetworkSpec) -> dict[str, Any]:
    wanted = {key: found[key] for key in ("Driver", "Options", "Internal", "Attachable", "Labels")}
    return wanted | ({"IPAM": found["IPAM"]} if network.ipam else {})  # else the engine chooses


def _container(found: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """What a container was made from; the rest is the engine's."""
    config, host = dict(found["Config"]), dict(found["HostConfig"])
    if config["Hostname"] == found["Id"][:12]:
        del config["Hostname"]
    config["Env"] = sorted(config["Env"])
    config["Labels"] = dict(config["Labels"])
    depends_on = "com.docker.compose.depends_on"
    config["Labels"][depends_on] = sorted(config["Labels"][depends_on].split(","))
    for key in ("IpcMode", "NetworkMode", "PidMode"):
        kind, _, name = host[key].partition(":")
        host[key] = f"{kind}:{names.get(name, name)}" if name else kind
    for key in ("Binds", "CapAdd", "CapDrop", "GroupAdd", "ExtraHosts"):
        host[key] = sorted(host[key] or ())
    for request in host["DeviceRequests"] or ():
        request["Capabilities"] = [sorted({*each}) for each in request["Capabilities"] or ()]
    host["VolumesFrom"] = [_named(entry, names) for entry in host["VolumesFrom"] or ()]
    host["Ulimits"] = {limit["Name"]: limit for limit in host["Ulimits"] or ()}
    host["Mounts"] = {mount["Target"]: mount for mount in host.get("Mounts") or ()}
    return {
        "Config": config,
        "HostConfig": host,
        "Mounts": {mount["Destination"]: _mount(mount) for mount in found["Mounts"]},
        "Networks": {
            name: _endpoint(endpoint, found["Id"])
            for name, endpoint in found["NetworkSettings"]["Networks"].items()
        },
    }


def _named(entry: str, names: Mapping[str, str]) -> str:
    container, colon, mode = entry.partition(":")
    return f"{names.get(container, container)}{colon}{mode}"


def _mount(mount: Mapping[str, Any]) -> dict[str, Any]:
    is_anonymous = len(mount.get("Name", "")) == _HEX_ID
    return {**mount, "Name": "anonymous", "Source": "anonymous"} if is_anonymous else {**mount}


def _endpoint(endpoint: Mapping[str, Any], container_id: str) -> dict[str, Any]:
    aliases = {*(endpoint["Aliases"] or ())} - {container_id[:12]}
    asked = {key: endpoint[key] for key in ("IPAMConfig", "Links", "DriverOpts", "MacAddress")}
    return {**asked, "Aliases": sorted(aliases)}


def _flat(value: Any, key: str = "") -> dict[str, Any]:
    """The leaves of a tree of mappings, by dotted key; what is empty is left out."""
    if not isinstance(value, dict):
        return {} if value in (None, "", [], {}) else {key: value}
    found: dict[str, Any] = {}
    for name, inner in value.items():
        plain = name.replace("_", "").replace("-", "").isalnum()
        found |= _flat(inner, (f"{key}.{name}" if key else name) if plain else f"{key}[{name}]")
    return found
