"""Networks and volumes of a project: made when needed; our networks are removed, volumes stay."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

import docker.errors
from docker.api import APIClient

from engine.errors import LaunchFailed
from engine.model.spec import Project
from engine.ownership import leases
from engine.ownership.owner import Owner
from engine.runtimes.docker.containers import payload
from engine.runtimes.docker.containers.naming import COMPOSE_SERVICE, PROJECT
from engine.runtimes.docker.containers.provenance import PROBE
from engine.runtimes.docker.containers.stop import remove_container
from engine.runtimes.docker.daemon.client import said

__all__ = [
    "ensure_network",
    "ensure_volume",
    "in_use_by",
    "remove_networks",
    "remove_probes",
    "strangers_on",
    "take_over_networks",
    "why_kept",
]

_ACTIVE: Final = "has active endpoints"
"""The engine's error about a network on which it still counts containers."""

_LOG: Final = logging.getLogger(__name__)

MayTake = Callable[[Mapping[str, str]], bool]
Ours = Callable[[Mapping[str, Any], APIClient], bool]
"""Whether a container was made by dockwarden, regardless of its labels."""

_IS_THERE: Final = 409
"""The engine's answer when the name is taken."""


def ensure_network(
    project: Project, key: str, labels: Mapping[str, str], client: APIClient
) -> None:
    """Make a network of the project, unless one of its name is there.

    Raises:
        LaunchFailed: it is declared external and is not there.
    """
    network = project.networks[key]
    # The engine's filter finds parts of names, and two networks may share one name.
    if any(found["Name"] == network.name for found in client.networks(names=[network.name])):
        return
    if network.external:
        reason = f"the external network {network.name} is not there: docker network create it first"
        raise LaunchFailed(key, reason, curable=False)
    # A separate claim: a controller that takes the network over takes nothing else.
    body = payload.network_payload(project, network, {**labels, **leases.new()})
    try:
        created = client.create_network(
            body["Name"],
            driver=body.get("Driver"),
            options=body.get("Options"),
            ipam=body.get("IPAM"),
            check_duplicate=True,  # else an older engine makes a second one, and neither can be used
            internal=body.get("Internal", False),
            labels=body.get("Labels"),
            enable_ipv6=body.get("EnableIPv6", False),
            attachable=body.get("Attachable"),
        )
    except docker.errors.APIError as error:
        if error.status_code != _IS_THERE:  # another process has made it meanwhile
            raise
    else:
        _keep_the_first(network.name, created["Id"], client)


def _keep_the_first(name: str, made: str, client: APIClient) -> None:
    """Of networks that were made at once only the first stays: no container could join one by its name.

    Each maker removes all others that it sees, since the first may be seen only after the others' makers
    have looked.
    """
    same = [one for one in client.networks(names=[name]) if one["Name"] == name]
    _, *later = sorted(same, key=lambda one: (one["Created"], one["Id"]))
    for one in later:
        if one["Id"] == made or Owner.from_labels(one["Labels"]) is not None:
            with suppress(docker.errors.NotFound):
                client.remove_network(one["Id"])


def take_over_networks(
    project: Project, keys: Iterable[str], owner: Owner, client: APIClient
) -> list[Mapping[str, str]]:
    """Take over those networks that a dead controller left, so that they go with what is made now.

    Otherwise they would still be the dead controller's: a cleanup after this one would not see
    them. A network that cannot be claimed is removed where nothing is on it, and made again.

    Returns:
        the labels of those that were taken over.
    """
    taken: list[Mapping[str, str]] = []
    for key in keys:
        network = project.networks[key]
        for found in client.networks(names=[network.name]):
            labels: Mapping[str, str] = found["Labels"] or {}
            ours = labels.get(PROJECT) == project.name and found["Name"] == network.name
            maker = leases.owner_of(labels) if ours else None
            if network.external or maker is None or maker.alive:
                continue
            if leases.take(owner, labels):
                taken.append(labels)
            else:
                with suppress(docker.errors.APIError):  # containers are on it
                    client.remove_network(found["Id"])
    return taken


def ensure_volume(project: Project, key: str, client: APIClient) -> None:
    """Make a named volume of the project, unless it is there.

    Raises:
        LaunchFailed: it is declared external and is not there.
    """
    volume = project.volumes[key]
    try:
        client.inspect_volume(volume.name)
    except docker.errors.NotFound:
        if volume.external:
            reason = (
                f"the external volume {volume.name} is not there: docker volume create it first"
            )
            raise LaunchFailed(key, reason, curable=False) from None
        client.create_volume(**payload.volume_payload(project, volume))


def remove_probes(project: str, may_take: MayTake, ours: Ours, client: APIClient) -> None:
    """Remove the project's containers that are no service's: a controller died while it tried something."""
    for found in client.containers(all=True, filters={"label": f"{PROJECT}={project}"}):
        # An older dockwarden's probe is known by the service that it lacks.
        probe = found["Labels"].get(PROBE) or COMPOSE_SERVICE not in found["Labels"]
        if probe and ours(found, client):
            with leases.held(found["Labels"]):
                if may_take(found["Labels"]):
                    remove_container(found["Id"], 0, client)


def remove_networks(
    project: str, may_take: MayTake, ours: Ours, client: APIClient
) -> dict[str, str]:
    """Remove the project's networks, unless containers are still on them that others remove.

    A network that a container of the user's own is on stays, and a warning says so.

    Args:
        may_take: whether the labels of something say that it may be removed.
        ours: whether a container was made by dockwarden.

    Returns:
        what could not be removed, and why, by name.
    """
    leftovers: dict[str, str] = {}
    for network in client.networks(filters={"label": f"{PROJECT}={project}"}):
        try:
            with leases.held(network["Labels"]):
                if may_take(network["Labels"]):
                    client.remove_network(network["Id"])
        except docker.errors.NotFound:
            continue
        except docker.errors.APIError as error:
            on_it = _containers_on(network["Id"], client)
            strangers = _names(one for one in on_it if not ours(one, client))
            if strangers:
                _LOG.warning("network %s stays: %s", network["Name"], in_use_by(strangers))
            elif not on_it or any(may_take(one["Config"]["Labels"]) for one in on_it):
                leftovers[f"network {network['Name']}"] = why_kept(network["Id"], error, client)
    return leftovers


def why_kept(network_id: str, error: Exception, client: APIClient) -> str:
    """Why the engine did not remove a network, and what to do where it counts a container that is gone."""
    reason = said(error)
    if _ACTIVE not in reason or _containers_on(network_id, client):
        return reason
    return f"{reason}; that container is gone, and the engine has lost track of it: restart the engine, then run dockwarden down"


def strangers_on(network_id: str, ours: Ours, client: APIClient) -> str:
    """The names of the containers on a network that dockwarden did not make; empty for none."""
    return _names(one for one in _containers_on(network_id, client) if not ours(one, client))


def in_use_by(names: str) -> str:
    """Why a network stays that these containers are on, and what to do."""
    return (
        f"{names}, which dockwarden did not make, is on it; disconnect that container (docker network"
        " disconnect) or remove it, then run dockwarden down"
    )


def _containers_on(network_id: str, client: APIClient) -> list[dict[str, Any]]:
    """Inspect the containers on a network."""
    found = []
    with suppress(docker.errors.NotFound):
        for container_id in client.inspect_network(network_id)["Containers"] or ():
            with suppress(docker.errors.NotFound):
                found.append(client.inspect_container(container_id))
    return found


def _names(containers: Iterable[Mapping[str, Any]]) -> str:
    return ", ".join(sorted(one["Name"].lstrip("/") for one in containers))
