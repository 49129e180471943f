"""List dockwarden's resources on the engine by their labels, of any controller, and remove them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from typing import Any, Final

import docker.errors
from attrs import frozen
from docker.api import APIClient

from engine.errors import RuntimeUnavailable, TeardownError
from engine.ownership import leases
from engine.runtimes.docker.containers.naming import COMPOSE_SERVICE, PROJECT
from engine.runtimes.docker.containers.provenance import Provenance
from engine.runtimes.docker.containers.resources import in_use_by, strangers_on, why_kept
from engine.runtimes.docker.containers.stop import remove_container, stop_container
from engine.runtimes.docker.daemon.client import ENGINE_ERRORS, connect, said
from engine.runtimes.docker.logs.rest import fetch_rest
from engine.runtimes.resource import Resource

__all__ = ["Census", "remove_all", "take"]

_AT_ONCE: Final = 16
"""So many things are removed side by side; one that is stuck holds up no other."""


@frozen
class Census:
    """Dockwarden's resources on an engine."""

    containers: tuple[Resource, ...]
    networks: tuple[Resource, ...]

    @property
    def everything(self) -> tuple[Resource, ...]:
        """Containers first, since networks cannot go before them."""
        return (*self.containers, *self.networks)


def take(project: str | None = None) -> Census:
    """List dockwarden's resources on the engine.

    Args:
        project: the compose project to keep to; None for all.

    Raises:
        RuntimeUnavailable: no engine answers.
    """
    with _client() as client:
        return _take(client, project)


def remove_all(resources: Sequence[Resource], *, project: str | None, grace_s: float) -> None:
    """Remove containers and networks, side by side, and see that they are gone.

    Args:
        project: as it was given to :func:`take`.
        grace_s: how long each container may take to end, in seconds.

    Raises:
        TeardownError: something is left; it names each.
        RuntimeUnavailable: no engine answers.
    """
    if not resources:
        return
    refused: dict[str, str] = {}
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="remove") as pool:
        for kind in ("container", "network"):  # no network can go before what is attached to it
            some = [one for one in resources if one.kind == kind]
            for one, reason in zip(some, pool.map(partial(_remove, grace_s), some), strict=True):
                if reason:
                    refused[one.id] = reason
    with _client() as client:
        still = {one.id for one in _take(client, project).everything}
    left = {
        f"{one.kind} {one.name}": refused.get(one.id, "it is still there after its removal")
        for one in resources
        if one.id in still
    }
    if left:
        raise TeardownError(left)
    for one in resources:
        leases.drop(one.labels)


@contextmanager
def _client() -> Iterator[APIClient]:
    """A separate client, whose failures become dockwarden's errors."""
    client = connect()
    try:
        yield client
    except ENGINE_ERRORS as error:
        raise RuntimeUnavailable(f"the Docker engine does not answer: {said(error)}") from error
    finally:
        client.close()


def _take(client: APIClient, project: str | None) -> Census:
    filters = {"label": PROJECT if project is None else f"{PROJECT}={project}"}
    provenance = Provenance()
    containers = [
        _resource(
            "container",
            one,
            one["Names"][0].lstrip("/"),
            one["Status"],
            foreign=provenance.foreign(one, client),
        )
        for one in client.containers(all=True, filters=filters)
    ]
    networks = [
        _resource("network", one, one["Name"], one.get("Driver", ""))
        for one in client.networks(filters=filters)
    ]
    return Census(tuple(sorted(containers, key=_order)), tuple(sorted(networks, key=_order)))


def _resource(
    kind: str, found: Mapping[str, Any], name: str, status: str, *, foreign: str = ""
) -> Resource:
    labels: Mapping[str, str] = found["Labels"] or {}
    return Resource(
        kind=kind,
        id=found["Id"],
        name=name,
        project=labels.get(PROJECT, ""),
        service=labels.get(COMPOSE_SERVICE, ""),
        status=status,
        labels=labels,
        # The claim that an image's label names does not matter here.
        owner=None if foreign else leases.owner_of(labels),
        foreign=foreign,
    )


def _order(resource: Resource) -> tuple[str, str]:
    return resource.project, resource.name


def _remove(grace_s: float, resource: Resource) -> str:
    """Remove one resource, over a separate connection; return why it could not be, or nothing."""
    try:
        with closing(connect()) as client, leases.held(resource.labels):
            owner = leases.owner_of(resource.labels)
            if owner != resource.owner:
                return f"{owner} has taken it over meanwhile"
            if resource.kind == "container":
                if grace_s > 0:
                    stop_container(client, resource.id, grace_s)
                fetch_rest(client, resource.id, resource.service, None)
                remove_container(resource.id, 0, client)
            else:
                client.remove_network(resource.id)
    except docker.errors.NotFound:
        return ""
    except (*ENGINE_ERRORS, RuntimeUnavailable) as error:
        return _why_left(resource, error)
    return ""


def _why_left(resource: Resource, error: Exception) -> str:
    """Explain why a resource could not be removed: the engine's error, or the user's container on a network."""
    if resource.kind != "network":
        return said(error)

    def ours(container: Mapping[str, Any], client: APIClient) -> bool:
        return not provenance.foreign(container, client)

    provenance = Provenance()
    try:
        with closing(connect()) as client:
            names = strangers_on(resource.id, ours, client)
            return in_use_by(names) if names else why_kept(resource.id, error, client)
    except (*ENGINE_ERRORS, RuntimeUnavailable):
        return said(error)
