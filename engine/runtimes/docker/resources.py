"""Networks and volumes of a project: made when needed; networks of ours are removed, volumes stay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

import docker.errors
from docker.api import APIClient

from engine import claims
from engine.errors import LaunchFailed
from engine.owner import Owner
from engine.runtimes.docker import payload
from engine.runtimes.docker.client import said
from engine.runtimes.docker.naming import COMPOSE_SERVICE, PROJECT
from engine.runtimes.docker.stop import remove_container
from engine.spec import Project

__all__ = ["ensure_network", "ensure_volume", "remove_networks", "remove_probes"]

MayTake = Callable[[Mapping[str, str]], bool]

_IS_THERE: Final = 409
"""What the engine answers when there is something of that name."""


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
    body = payload.network_payload(project, network, labels)
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
        if error.status_code != _IS_THERE:  # somebody has made it meanwhile
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


def remove_probes(project: str, may_take: MayTake, client: APIClient) -> None:
    """Remove the project's containers that are no service's: a controller died while it tried something."""
    for found in client.containers(all=True, filters={"label": f"{PROJECT}={project}"}):
        if COMPOSE_SERVICE not in found["Labels"]:
            with claims.held(found["Labels"]):
                if may_take(found["Labels"]):
                    remove_container(found["Id"], 0, client)


def remove_networks(project: str, may_take: MayTake, client: APIClient) -> dict[str, str]:
    """Remove the project's networks, unless only what may not be taken is still on them.

    Args:
        may_take: whether the labels of something say that it may be removed.

    Returns:
        what could not be removed, and why, by name.
    """
    leftovers: dict[str, str] = {}
    for network in client.networks(filters={"label": f"{PROJECT}={project}"}):
        try:
            with claims.held(network["Labels"]):
                if may_take(network["Labels"]):
                    client.remove_network(network["Id"])
        except docker.errors.NotFound:
            continue
        except docker.errors.APIError as error:
            if not _serves_others(network["Id"], may_take, client):
                leftovers[f"network {network['Name']}"] = said(error)
    return leftovers


def _serves_others(network: str, may_take: MayTake, client: APIClient) -> bool:
    """Whether all that is on a network is another controller's, who removes it in the end."""
    try:
        on_it = client.inspect_network(network)["Containers"]
        labels = [client.inspect_container(one)["Config"]["Labels"] or {} for one in on_it]
    except docker.errors.NotFound:
        return False
    return bool(labels) and not any(map(may_take, labels))
